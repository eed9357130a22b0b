"""Saving a script, or a module of it, runs the new version."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from support.heard import Heard, age, wait_for
from support.waiting import SOON

from sage_runtime.events import Event, Notice, Output, Pause, ReloadFailed, RunFinished, RunStarted
from sage_tui.session import Session, StopTimes
from sage_tui.session.reload import watcher

Start = Callable[..., tuple[Session, Heard]]

WAITING = "w.submit('p')\nw.say({text!r})\nw.wait_stop()\n"


def waiting(text: str) -> str:
    """A script that says something and runs until it is stopped."""
    return WAITING.format(text=text)


@pytest.fixture(autouse=True)
def saves_take_their_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file may be empty for a second before it is believed: on a machine that is busy a save takes its time."""
    monkeypatch.setattr(watcher, "SECOND_LOOK", 1.0)


@pytest.fixture
def script(tmp_path: Path) -> Path:
    return tmp_path / "work" / "script.py"


def runs(heard: Heard) -> list[RunStarted]:
    """The runs that have begun."""
    return [event for event in heard.events if isinstance(event, RunStarted)]


def unchanged_for_a_while(heard: Heard) -> bool:
    """Whether nothing is reloaded though the watcher had time to look several times."""
    before = len(runs(heard))
    time.sleep(0.5)
    return len(runs(heard)) == before


def test_a_save_stops_the_old_run_and_starts_the_new_version(start: Start, script: Path) -> None:
    session, heard = start(waiting("one"), reload=True)
    heard.said("one")
    script.write_text(waiting("two"))
    heard.said("two")
    order = [(event.type, event.run) for event in heard.events if isinstance(event, RunStarted | RunFinished)]
    assert order == [("run_started", 1), ("run_finished", 1), ("run_started", 2)]
    assert heard.finished(1).status == "stopped"
    started = runs(heard)[1]
    assert (started.reason, started.changed) == ("reload", ("script.py",))
    assert started.seq == 0
    view = session.snapshot()
    assert view.current.run == view.shown.run == 2
    assert [run.phase for run in view.runs] == ["stopped", "running"]
    assert view.watching == 1


def test_a_finished_run_is_followed_too(start: Start, script: Path) -> None:
    _, heard = start("w.say('one')", reload=True)
    heard.finished(1)
    script.write_text("w.say('two')")
    heard.said("two")
    heard.finished(2)


def save_in_place(path: Path, text: str) -> None:
    path.write_text(text)


def save_by_renaming(path: Path, text: str) -> None:
    new = path.with_name("script.py.new")
    new.write_text(text)
    new.replace(path)


def save_by_backup(path: Path, text: str) -> None:
    path.rename(path.with_name("script.py~"))
    path.write_text(text)


def save_by_deleting(path: Path, text: str) -> None:
    path.unlink()
    time.sleep(0.3)
    path.write_text(text)


def save_with_an_empty_moment(path: Path, text: str) -> None:
    with path.open("w") as file:
        file.flush()
        time.sleep(0.05)
        file.write(text)


def save_into_a_returned_folder(path: Path, text: str) -> None:
    path.parent.rename(path.parent.with_name("elsewhere"))
    time.sleep(0.3)
    path.parent.mkdir()
    path.write_text(text)


@pytest.mark.parametrize(
    "save",
    [
        save_in_place,
        save_by_renaming,
        save_by_backup,
        save_by_deleting,
        save_with_an_empty_moment,
        save_into_a_returned_folder,
    ],
)
def test_however_an_editor_saves(start: Start, script: Path, save: Callable[[Path, str], None]) -> None:
    _, heard = start(waiting("one"), reload=True)
    heard.said("one")
    save(script, waiting("two"))
    heard.said("two")
    assert len(runs(heard)) == 2
    save(script, waiting("three")) if save is not save_into_a_returned_folder else script.write_text(waiting("three"))
    heard.said("three")
    assert len(runs(heard)) == 3


def test_a_touch_changes_nothing(start: Start, script: Path) -> None:
    _, heard = start(waiting("one"), reload=True)
    heard.said("one")
    script.touch()
    script.write_text(waiting("one"))
    os.utime(script, (1, 1))
    assert unchanged_for_a_while(heard)


def test_modules_are_watched_and_what_is_not_the_users_own_is_not(start: Start, script: Path) -> None:
    script.parent.mkdir(exist_ok=True)
    module, hidden = script.with_name("module.py"), script.parent / ".venv" / "lib.py"
    hidden.parent.mkdir()
    module.write_text("text = 'one'")
    hidden.write_text("")
    age()
    text = f"""
import module, json
w.submit()
w.message("modules", files=[module.__file__, {str(hidden)!r}, json.__file__])
w.say(module.text)
w.wait_stop()
"""
    session, heard = start(text, reload=True)
    heard.said("one")
    wait_for(lambda: session.snapshot().watching == 2)
    hidden.write_text("changed = 1")
    assert unchanged_for_a_while(heard)
    module.write_text("text = 'two'")
    heard.said("two")
    assert runs(heard)[1].changed == ("module.py",)


def test_a_syntax_error_keeps_the_run_and_the_next_good_save_clears_it(start: Start, script: Path) -> None:
    session, heard = start(waiting("one"), reload=True)
    heard.said("one")
    script.write_text("w.say('two')\nif True\n    pass\n")
    failed = heard.until(lambda event: isinstance(event, ReloadFailed))
    assert isinstance(failed, ReloadFailed)
    assert (failed.run, failed.file, failed.line) == (1, str(script), 2)
    assert failed.message
    view = session.snapshot()
    assert view.current.phase == "running"
    assert view.reload_error == failed or view.reload_error is not None
    script.write_text(waiting("three"))
    heard.said("three")
    assert session.snapshot().reload_error is None
    assert len(runs(heard)) == 2


def test_a_module_that_is_broken_holds_back_the_others(start: Start, script: Path) -> None:
    script.parent.mkdir(exist_ok=True)
    module = script.with_name("module.py")
    module.write_text("text = 'one'")
    text = (
        "import module\nw.submit()\nw.message('modules', files=[module.__file__])\nw.say(module.text)\nw.wait_stop()\n"
    )
    session, heard = start(text, reload=True)
    heard.said("one")
    wait_for(lambda: session.snapshot().watching == 2)
    module.write_text("text = ")
    heard.until(lambda event: isinstance(event, ReloadFailed))
    script.write_text(text + "# changed\n")
    assert unchanged_for_a_while(heard)
    module.write_text("text = 'two'")
    heard.said("two")
    assert sorted(runs(heard)[1].changed) == ["module.py", "script.py"]


def test_a_run_that_fails_at_once_leaves_the_last_one_on_the_screen(start: Start, script: Path) -> None:
    session, heard = start(waiting("one"), reload=True)
    heard.said("one")
    script.write_text("raise SystemExit(1)")
    assert heard.finished(2).status == "failed"
    wait_for(lambda: session.snapshot().shown.run == 1)
    view = session.snapshot()
    assert view.current.run == 2
    assert view.current.phase == "failed"
    assert session.lines("output").read(0, 10)[0].text == "one"
    missing = script.with_name("missing.py")
    missing.write_text("")
    heard.finished(3)
    script.write_text(waiting("two"))
    heard.said("two")
    assert session.snapshot().shown.run == 4


def test_thirty_saves_in_a_second_end_with_the_last_version_and_one_worker(start: Start, script: Path) -> None:
    _, heard = start(waiting("start"), reload=True)
    heard.said("start")
    for version in range(30):
        script.write_text(waiting(f"version {version}") + f"# {version}\n")
        time.sleep(1 / 30)
    heard.said("version 29")
    wait_for(lambda: unchanged_for_a_while(heard))
    started = runs(heard)
    ended = [event for event in heard.events if isinstance(event, RunFinished)]
    assert len(started) == len(ended) + 1
    assert heard.text(started[-1].run) == "version 29\n"
    wait_for(lambda: living_workers() == 1)


def living_workers() -> int:
    """Children of this process that run the stub."""
    return sum(1 for child in children() if "stub_worker" in child)


def children() -> list[str]:
    """The command lines of this process' children."""
    found = []
    for task in Path("/proc/self/task").iterdir():
        pids = (task / "children").read_text().split()
        found += [Path(f"/proc/{pid}/cmdline").read_text() for pid in pids]
    return found


def test_saves_while_a_stubborn_run_ends_make_one_new_run(start: Start, script: Path, tmp_path: Path) -> None:
    may_end = tmp_path / "may end"
    stubborn = f"""
import os, time
w.ignore_stop = True
w.say("one")
w.wait_stop()
w.say("is told to stop")
while not os.path.exists({str(may_end)!r}):
    time.sleep(0.01)
"""
    _, heard = start(stubborn, reload=True, stop_times=StopTimes(terminate=SOON))
    heard.said("one")
    script.write_text(waiting("version 0"))
    heard.said("is told to stop")
    for version in range(1, 5):
        script.write_text(waiting(f"version {version}"))
        time.sleep(0.05)
    may_end.touch()
    heard.said("version 4")
    assert len(runs(heard)) == 2


def test_a_reload_while_paused_starts_paused(start: Start, script: Path) -> None:
    text = """
import time
w.submit()
w.say(f"run {w.run}: {w.commands}")
while not any(command["command"] == "pause" for command in w.commands):
    time.sleep(0.01)
w.event("run_state", state="paused")
w.say("gated")
w.wait_stop()
"""
    session, heard = start(text, reload=True)
    heard.said("run 1")
    session.send(Pause())
    heard.said("gated")
    session.reload()
    heard.said("run 2")
    assert "'paused': True" in heard.text(2)


def test_a_script_that_writes_what_is_watched_pauses_the_watch(start: Start, script: Path) -> None:
    text = """
import module
w.submit()
w.message("modules", files=[module.__file__])
w.message("wrote", files=[module.__file__])
with open(module.__file__, "w") as file:
    file.write(f"number = {module.number + 1}")
w.say(f"number {module.number}")
w.wait_stop()
"""
    script.parent.mkdir(exist_ok=True)
    script.with_name("module.py").write_text("number = 0")
    age()
    session, heard = start(text, reload=True)

    def noticed(event: Event) -> bool:
        return isinstance(event, Notice) and "module.py" in event.message

    assert heard.until(noticed).run == 4
    heard.said("number 3")
    assert unchanged_for_a_while(heard)
    assert session.snapshot().watch_paused is not None
    session.reload()
    heard.said("number 4")
    assert session.snapshot().watch_paused is None


def test_saves_of_a_person_never_pause_the_watch(start: Start, script: Path) -> None:
    session, heard = start(waiting("version 0"), reload=True)
    for version in range(6):
        heard.said(f"version {version}")
        script.write_text(waiting(f"version {version + 1}"))
    heard.said("version 6")
    assert session.snapshot().watch_paused is None


def test_a_file_that_is_named_is_watched_whatever_it_holds(start: Start, script: Path, tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    (data / "config.yaml").write_text("a: 1")
    session, heard = start(waiting("up"), reload=True, watch=(data,))
    heard.said("up")
    assert session.snapshot().watching == 2
    (data / "config.yaml").write_text("a: 2")
    heard.until(lambda event: isinstance(event, RunStarted) and event.run == 2)
    assert runs(heard)[1].changed == (str(data / "config.yaml"),)
    heard.until(lambda event: isinstance(event, Output) and event.run == 2)
    (data / "new").mkdir()
    (data / "new" / "more.txt").write_text("x")
    heard.until(lambda event: isinstance(event, RunStarted) and event.run == 3)
    shutil.rmtree(data)
    assert unchanged_for_a_while(heard)


def test_own_logs_never_trigger(start: Start, script: Path, tmp_path: Path) -> None:
    session, heard = start(waiting("up"), reload=True, watch=(tmp_path,))
    heard.said("up")
    assert unchanged_for_a_while(heard)
    assert session.folder.is_relative_to(tmp_path)


def test_r_starts_again_after_a_run_has_ended(start: Start) -> None:
    session, heard = start("w.say('x')")
    heard.finished(1)
    session.reload()
    heard.finished(2)
    assert runs(heard)[1].reason == "restart"
    finished = session.wait(SOON)
    assert finished is not None
    assert finished.run == 2


def test_every_run_of_the_session_can_be_looked_at(start: Start) -> None:
    session, heard = start("w.say(f'this is run {w.run}')")
    heard.finished(1)
    for run in range(2, 5):
        session.reload()
        heard.finished(run)
    for run in range(1, 5):
        view, source = session.run_view(run), session.run_lines(run, "output")
        assert view is not None
        assert source is not None
        assert (view.run, view.phase) == (run, "finished")
        assert [line.text for line in source.read(0, 9)] == [f"this is run {run}"]
    assert session.run_view(9) is None
    assert session.run_lines(9, "output") is None
