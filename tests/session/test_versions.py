"""What is remembered of the files of each run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from support.heard import Heard, wait_for

from sage_tui.session import Session
from sage_tui.session.reload import versions as versions_module
from sage_tui.session.reload.versions import FileChange, Versions

Start = Callable[..., tuple[Session, Heard]]


@pytest.fixture
def script(tmp_path: Path) -> Path:
    path = tmp_path / "pipeline.py"
    path.write_text("a = 1\nb = 2\nc = 3\n")
    return path


def test_a_diff_shows_what_an_edit_changed(script: Path) -> None:
    versions = Versions()
    versions.begin_run(1, [str(script)])
    script.write_text("a = 1\nb = 20\nc = 3\n")
    versions.begin_run(2, [str(script)])
    (change,) = versions.changes(2, 1, lambda file: Path(file).name) or ()
    lines = ("@@ -1,3 +1,3 @@", " a = 1", "-b = 2", "+b = 20", " c = 3")
    assert change == FileChange("pipeline.py", "changed", lines, 1, 1)


def test_any_two_runs_can_be_compared_and_going_back_is_a_version_of_its_own(script: Path) -> None:
    versions = Versions()
    for run, text in enumerate(("one", "two", "two", "one"), start=1):
        script.write_text(text)
        versions.begin_run(run, [str(script)])
    assert [versions.version(run) for run in range(1, 6)] == [1, 2, 2, 3, 0]
    assert versions.changes(3, 2) == ()
    assert versions.changes(4, 1) == ()
    assert [change.kind for change in versions.changes(4, 2) or ()] == ["changed"]
    assert versions.changes(9, 1) is None


def test_files_of_the_run_before_are_taken_in_at_the_start_and_new_ones_when_they_are_loaded(
    script: Path, tmp_path: Path
) -> None:
    module, other = tmp_path / "module.py", tmp_path / "other.py"
    module.write_text("x = 1\n")
    other.write_text("y = 1\n")
    versions = Versions()
    versions.begin_run(1, [str(script)])
    versions.note(1, [str(module)])
    module.write_text("x = 2\n")
    versions.begin_run(2, [str(script)])
    versions.note(2, [str(other)])
    assert [(Path(change.path).name, change.kind) for change in versions.changes(2, 1) or ()] == [
        ("module.py", "changed"),
        ("other.py", "new"),
    ]
    module.unlink()
    versions.begin_run(3, [str(script)])
    assert [change.kind for change in versions.changes(3, 2) or ()] == ["gone"]


def test_what_is_long_or_no_text_is_only_known_to_have_changed(
    script: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(versions_module, "LONGEST", 100)
    data = tmp_path / "data.bin"
    versions = Versions()
    for run, content in enumerate((b"\xff\xfe1", b"\xff\xfe2"), start=1):
        data.write_bytes(content)
        script.write_text("x" * (100 + run))
        versions.begin_run(run, [str(script), str(data)])
    assert [(change.kind, change.lines) for change in versions.changes(2, 1) or ()] == [("changed", ())] * 2


def test_a_long_diff_is_cut_and_counted_whole(script: Path) -> None:
    versions = Versions()
    versions.begin_run(1, [str(script)])
    script.write_text("\n".join(map(str, range(2000))))
    versions.begin_run(2, [str(script)])
    (change,) = versions.changes(2, 1) or ()
    assert (change.added, change.removed) == (2000, 3)
    assert len(change.lines) == versions_module.DIFF_LINES + 1


def test_memory_is_bounded_and_the_oldest_texts_go_first(script: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(versions_module, "MOST_BYTES", 2500)
    monkeypatch.setattr(versions_module, "MOST_RUNS", 4)
    versions = Versions()
    for run in range(1, 7):
        script.write_text(f"{run}\n" * 500)
        versions.begin_run(run, [str(script)])
    assert versions.changes(2, 1) is None
    (old,) = versions.changes(4, 3) or ()
    assert old.lines == ()
    (new,) = versions.changes(6, 5) or ()
    assert new.added == 500


def test_a_session_tells_what_a_save_changed(start: Start, tmp_path: Path) -> None:
    session, heard = start("w.say('one')\nw.wait_stop()", reload=True)
    heard.said("one")
    (tmp_path / "work" / "script.py").write_text("w.say('two')\nw.wait_stop()")
    heard.said("two")
    (change,) = session.changes(2, 1) or ()
    assert (change.path, change.kind) == ("script.py", "changed")
    assert "+w.say('two')" in change.lines
    wait_for(lambda: len(session.snapshot().runs) == 2)
    assert [run.version for run in session.snapshot().runs] == [1, 2]
    assert session.changes(2, 9) is None
