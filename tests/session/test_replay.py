"""A recorded session in the place of a live one, also while it is recorded."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support.heard import Heard, wait_for
from support.recorder import Recorder
from support.waiting import SOON

from sage_runtime.events import Notice, Output, Pause, PipelineSubmitted, RunFinished, RunStarted, replace
from sage_tui.journal import RecordingError, pack
from sage_tui.session import ReplaySession, Session

Start = Callable[..., tuple[Session, Heard]]

SCRIPT = """
w.submit()
for i in range(5):
    w.event("operator_stats", pipeline="p", operator="Sink", records_in=i)
    w.say(f"run {w.run} line {i}")
w.event("pipeline_finished", pipeline="p", status="finished", duration=1.0)
"""


@pytest.fixture
def replay() -> Iterator[Callable[[Path], tuple[ReplaySession, Heard]]]:
    sessions: list[ReplaySession] = []

    def replay(path: Path) -> tuple[ReplaySession, Heard]:
        session = ReplaySession(path)
        sessions.append(session)
        heard = Heard()
        session.subscribe(heard)
        session.start()
        return session, heard

    yield replay
    for session in sessions:
        session.close()


Replay = Callable[[Path], tuple[ReplaySession, Heard]]


def test_a_replay_says_and_shows_what_the_live_session_did(start: Start, replay: Replay, tmp_path: Path) -> None:
    live, heard = start(SCRIPT)
    heard.finished(1)
    live.reload()
    heard.finished(2)
    live.close()
    shown = live.snapshot()
    pack(live.folder, tmp_path / "all.sagerun")
    for path in (live.folder, tmp_path / "all.sagerun"):
        session, again = replay(path)
        finished = session.wait(SOON)
        assert finished == live.wait(0)
        assert again.lines == heard.lines
        view = session.snapshot()
        assert not view.live
        assert view.current == shown.current
        assert [run.run for run in view.runs] == [1, 2]
        assert view.runs == tuple(replace(run, version=0) for run in shown.runs)
        source = session.lines("output")
        assert [line.text for line in source.read(0, 9)] == [f"run 2 line {i}" for i in range(5)]
        assert session.exit_status() == 0
        assert session.snapshot() is session.snapshot()


def test_a_live_session_is_followed_from_run_to_run_to_its_end(start: Start, replay: Replay) -> None:
    live, heard = start("w.say('one')\nw.wait_stop()")
    heard.said("one")
    session, again = replay(live.folder)
    again.said("one")
    wait_for(lambda: session.snapshot().current.lines["output"] == 1)
    assert session.wait(0) is None
    live.reload()
    heard.until(lambda event: isinstance(event, Output) and event.run == 2)
    again.until(lambda event: isinstance(event, Output) and event.run == 2)
    live.close()
    finished = session.wait(SOON)
    assert finished is not None
    assert (finished.run, finished.status) == (2, "stopped")
    assert again.lines == heard.lines


def test_a_run_without_an_end_is_given_one(replay: Replay, tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "run-1.sagerun")
    recorder.write(RunStarted(script="s.py"), PipelineSubmitted(pipeline="p"), Output(text="x"))
    recorder.writer.close()
    session, heard = replay(tmp_path)
    finished = session.wait(SOON)
    assert finished is not None
    assert finished.status == "stopped"
    assert any(isinstance(event, Notice) and "before the end" in event.message for event in heard.events)
    assert [event.seq for event in heard.events] == list(range(5))
    assert session.snapshot().current.phase == "stopped"


def test_damage_is_told_and_what_comes_before_is_shown(replay: Replay, tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "run-1.sagerun")
    recorder.write(
        RunStarted(script="s.py"), Output(text="readable"), Output(text="lost"), RunFinished(status="failed")
    )
    recorder.writer.close()
    segment = tmp_path / "run-1.sagerun" / "000001.jsonl"
    segment.write_bytes(segment.read_bytes().replace(b"lost", b"l\nst"))
    session, heard = replay(tmp_path)
    session.wait(SOON)
    assert "readable" in heard.text()
    assert any(isinstance(event, Notice) and "damaged" in event.message for event in heard.events)


def test_the_last_run_that_had_a_pipeline_is_shown_where_later_ones_failed_at_once(
    replay: Replay, tmp_path: Path
) -> None:
    for run in (1, 2):
        recorder = Recorder(tmp_path / f"run-{run}.sagerun", run=run)
        recorder.write(RunStarted(script="s.py"))
        if run == 1:
            recorder.write(PipelineSubmitted(pipeline="p"), Output(text="worked"))
        recorder.write(RunFinished(status="failed" if run == 2 else "finished", exit_code=run - 1))
        recorder.writer.close()
    session, _ = replay(tmp_path)
    session.wait(SOON)
    view = session.snapshot()
    assert (view.current.run, view.shown.run) == (2, 1)
    assert session.lines("output").read(0, 1)[0].text == "worked"
    assert session.exit_status() == 1


def test_commands_do_nothing(replay: Replay, tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "run-1.sagerun")
    recorder.write(RunStarted(script="s.py"), RunFinished(status="finished"))
    session, _ = replay(tmp_path)
    session.wait(SOON)
    session.send(Pause())
    session.reload()
    session.stop()
    session.signal(9)
    assert session.snapshot().current.phase == "finished"


def test_what_is_no_recording_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RecordingError):
        ReplaySession(tmp_path)
