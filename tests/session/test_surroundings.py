"""Which Python is taken, and where the session's folder is."""

from __future__ import annotations

import os
import shutil
import stat
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from support.heard import Heard

from sage_runtime.events import Notice
from sage_tui.journal.marker import MARKER
from sage_tui.session import Session, SessionError
from sage_tui.session.folder import SessionFolder, sage_root
from sage_tui.session.process.bootstrap import choose_python

Start = Callable[..., tuple[Session, Heard]]


def make_python(folder: Path) -> str:
    python = folder / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.symlink_to(sys.executable)
    return str(python)


def test_a_named_python_wins_and_its_link_is_kept(tmp_path: Path) -> None:
    named, active = make_python(tmp_path / "named"), make_python(tmp_path / "active")
    environment = {"VIRTUAL_ENV": str(tmp_path / "active")}
    assert choose_python(named, Path("s.py"), environment, tmp_path) == named
    assert choose_python(str(tmp_path / "named"), Path("s.py"), environment, tmp_path) == named
    assert choose_python(None, Path("s.py"), environment, tmp_path) == active


def test_a_command_is_looked_for_on_the_path(tmp_path: Path) -> None:
    python = make_python(tmp_path)
    environment = {"PATH": str(tmp_path / "bin")}
    assert choose_python("python", Path("s.py"), environment, tmp_path / "nowhere") == python
    with pytest.raises(SessionError, match=r"python9\.9"):
        choose_python("python9.9", Path("s.py"), environment, tmp_path)


def test_a_neighbouring_environment_comes_before_our_own(tmp_path: Path) -> None:
    here, beside = tmp_path / "here", tmp_path / "beside"
    for folder in (here, beside):
        folder.mkdir()
    script = beside / "s.py"
    assert choose_python(None, script, {}, here) == sys.executable
    in_here = make_python(here / ".venv")
    assert choose_python(None, script, {}, here) == in_here
    next_to_script = make_python(beside / ".venv")
    assert choose_python(None, script, {}, here) == next_to_script


def test_an_active_environment_without_a_python_does_not_count(tmp_path: Path) -> None:
    assert choose_python(None, tmp_path / "s.py", {"VIRTUAL_ENV": str(tmp_path)}, tmp_path) == sys.executable


def test_a_broken_environment_is_named(tmp_path: Path) -> None:
    python = tmp_path / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.symlink_to("/nowhere/python")
    with pytest.raises(SessionError, match=r"\.venv.*can't be run"):
        choose_python(None, tmp_path / "s.py", {}, tmp_path)


def test_the_folder_is_where_sage_has_it_private_and_marked(tmp_path: Path) -> None:
    first = SessionFolder(tmp_path, {"script": "s.py"}, 1_700_000_000.0)
    second = SessionFolder(tmp_path, {"script": "s.py"}, 1_700_000_000.0)
    assert first.path.parent == tmp_path / ".sage" / "logs" / "jobmanager"
    assert first.path.name.startswith("session_2023111")
    assert second.path.name == first.path.name + "_2"
    assert stat.S_IMODE(first.path.stat().st_mode) == 0o700
    assert stat.S_IMODE((first.path / MARKER).stat().st_mode) == 0o600
    first.close()
    second.close()


@pytest.mark.parametrize("linked", ["", "logs", "logs/jobmanager"])
def test_a_link_to_the_sessions_is_followed_only_if_it_is_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, linked: str
) -> None:
    elsewhere, link = tmp_path / "elsewhere", tmp_path / "root" / ".sage" / linked
    elsewhere.mkdir()
    link.parent.mkdir(parents=True)
    link.symlink_to(elsewhere)
    ours = SessionFolder(tmp_path / "root", {}, 1_700_000_000.0)
    assert ours.trouble is None
    assert ours.path.resolve().is_relative_to(elsewhere)
    if os.geteuid() == 0:  # whose links count as everybody's own
        os.chown(link, 12345, 12345, follow_symlinks=False)
    monkeypatch.setattr("os.geteuid", lambda: 54321)
    refused = SessionFolder(tmp_path / "root", {}, 1_700_000_001.0)
    assert "is a link of somebody else's" in (refused.trouble or "")
    assert not refused.path.resolve().is_relative_to(tmp_path / "elsewhere")
    for folder in (ours, refused):
        folder.close()
        shutil.rmtree(folder.path)


def test_a_root_that_is_no_folder_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    folder = SessionFolder(tmp_path / "file", {}, 1_700_000_000.0)
    assert "is no folder" in (folder.trouble or "")
    folder.close()
    shutil.rmtree(folder.path)


def test_the_root_is_the_project_or_the_home() -> None:
    assert sage_root({"SAGE_PROJECT_ROOT": "/project"}, None) == Path("/project")
    assert sage_root({"SAGE_PROJECT_ROOT": "/project"}, Path("/mine")) == Path("/mine")
    assert sage_root({}, None) == Path.home()
    assert sage_root({"SAGE_PROJECT_ROOT": "~/here"}, None) == Path.home() / "here"
    assert sage_root({"SAGE_PROJECT_ROOT": "~nobody-here/x"}, None) == Path("~nobody-here/x")


def test_who_has_no_home_keeps_sessions_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HOME")
    monkeypatch.setattr("pwd.getpwuid", {}.__getitem__)
    assert sage_root({}, None) == Path("/")


def test_only_old_finished_folders_that_we_made_are_pruned(tmp_path: Path) -> None:
    made = []
    for hour in range(6):
        folder = SessionFolder(tmp_path, {}, 1_700_000_000.0 + 3600 * hour)
        made.append(folder)
        if hour != 0:
            folder.close()
    sessions = made[0].path.parent
    foreign = sessions / "session_20000101_000000"
    foreign.mkdir()
    (foreign / "jobmanager.log").write_text("SAGE's own")
    link = sessions / "session_20000102_000000"
    link.symlink_to(foreign)
    made[-1].prune(keep=2)
    left = {path.name for path in sessions.iterdir()}
    assert left == {made[i].path.name for i in (0, 4, 5)} | {foreign.name, link.name}
    made[0].close()


def test_text_logs_hold_the_output_and_the_failures(start: Start) -> None:
    text = """
import os
w.say("to stdout")
w.event("output", stream="stderr", text="to stderr", end="\\n")
raised = {"exception": "ValueError", "message": "bad", "traceback": "  line 1\\n", "record": "'r'"}
w.event("failure", source="Map", kind="operator", **raised)
"""
    session, heard = start(text)
    heard.finished(1)
    session.reload()
    heard.finished(2)
    session.close()
    output = (session.folder / "output.log").read_text()
    assert output.startswith("to stdout\n--- run 2, ")
    assert output.endswith("\nto stdout\n")
    errors = (session.folder / "error.log").read_text()
    assert errors.startswith("to stderr\n[Map] ValueError: bad\n  record: 'r'\n  line 1\n--- run 2, ")
    for name in ("output.log", "error.log"):
        assert stat.S_IMODE((session.folder / name).stat().st_mode) == 0o600


@pytest.mark.skipif(sys.platform != "linux", reason="/proc can't be written, even by root")
def test_a_place_that_cannot_be_written_is_told_and_the_run_goes_on(start: Start) -> None:
    session, heard = start("w.say('hello')", root=Path("/proc/nowhere"))
    heard.finished()
    notice = next(event for event in heard.events if isinstance(event, Notice))
    assert "/proc/nowhere" in notice.message
    assert session.lines("output").read(0, 1)[0].text == "hello"
    assert "sage-tui-session_" in str(session.folder)
    session.close()
    shutil.rmtree(session.folder)


@pytest.mark.skipif(sys.platform != "linux", reason="/proc can't be written, even by root")
def test_where_nothing_can_be_written_the_journal_is_in_memory(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_temporary_folder(**_: str) -> str:
        raise OSError("no temporary folder")

    monkeypatch.setattr("tempfile.mkdtemp", no_temporary_folder)
    session, heard = start("w.say('hello')", root=Path("/proc/nowhere"))
    heard.finished()
    notice = next(event for event in heard.events if isinstance(event, Notice))
    assert "nothing is recorded" in notice.message
    assert session.lines("output").read(0, 1)[0].text == "hello"


def test_nothing_of_a_session_is_left_in_this_process(start: Start) -> None:
    session, heard = start("w.say('x')", reload=True)
    heard.finished()
    session.close()
    assert not [thread.name for thread in threading.enumerate() if thread.name.startswith("sage-tui")]
