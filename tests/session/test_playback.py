"""A recording moved through in time: what is shown is the run as it was at that moment."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support.heard import wait_for
from support.recorder import Recorder

from sage_runtime.events import (
    EdgeInfo,
    Event,
    Failure,
    LeftOut,
    Log,
    Message,
    Notice,
    OperatorInfo,
    OperatorStats,
    Output,
    PipelineSubmitted,
    Record,
    RunFinished,
    RunStarted,
    RunStateChanged,
    ServiceCall,
    ServiceStats,
    Trace,
    decode,
)
from sage_tui.journal import journal_reader, open_recording
from sage_tui.session import ReplaySession
from sage_tui.session.recorded import playhead as playheads
from sage_tui.session.recorded.replay import Playback, open_replay
from sage_tui.state.run_state import RunState
from sage_tui.state.views import ReplayView, RunView

START = 1000.0
"""Unix time of the first event; each further one is 10 ms later."""


def events(count: int = 100) -> list[Event]:
    """A run whose sink has taken n records after its nth pair of events."""
    graph = PipelineSubmitted(
        pipeline="p",
        operators=(OperatorInfo("Source", kind="batch"), OperatorInfo("Sink", kind="sink")),
        edges=(EdgeInfo("e", "Source", "Sink"),),
    )
    found: list[Event] = [RunStarted(script="s.py"), RunStateChanged(state="running"), graph]
    for n in range(1, count + 1):
        found += (OperatorStats(pipeline="p", operator="Sink", records_in=n), Output(text=f"line {n}", source="Sink"))
    return [*found, Failure(pipeline="p", source="Sink", exception="ValueError"), RunFinished(status="finished")]


def record(folder: Path, run: int = 1, segment_bytes: int = 8 * 1024 * 1024, cut: int | None = None) -> Recorder:
    """A run in the folder of a session."""
    recorder = Recorder(folder / f"run-{run}.sagerun", run=run, segment_bytes=segment_bytes)
    for event in events()[:cut]:
        recorder.write(event)
    recorder.writer.close()
    return recorder


class Clock:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.now = 50.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def open_playback(tmp_path: Path, clock: Clock) -> Iterator[Callable[[], Playback]]:
    opened: list[Playback] = []

    def open_it() -> Playback:
        playback = Playback(open_recording(tmp_path), clock)
        playback.start()
        opened.append(playback)
        return playback

    yield open_it
    for playback in opened:
        playback.close()


Open = Callable[[], Playback]


def at(playback: Playback, moment: float) -> None:
    """Seek, and wait until the run of that moment is shown."""
    playback.seek(moment)
    wait_for(lambda: playback._reached)


def taken(playback: Playback) -> int:
    """Records that the sink has taken at the moment that is shown."""
    (pipeline,) = playback.snapshot().shown.pipelines
    return pipeline.operators[1].records_in


def texts(playback: Playback) -> list[str]:
    source = playback.lines("output")
    return [line.text for line in source.read(0, 10_000)]


def test_it_opens_at_the_end_and_stands_still(tmp_path: Path, open_playback: Open) -> None:
    record(tmp_path)
    playback = open_playback()
    view = playback.snapshot()
    assert view.replay is not None
    assert (view.replay.moment, view.replay.playing, view.live) == (view.replay.end, False, False)
    assert view.shown.phase == "finished"
    assert len(texts(playback)) == 100


@pytest.mark.parametrize("segment_bytes", [8 * 1024 * 1024, 4096])
def test_every_moment_is_the_fold_of_what_came_before(
    tmp_path: Path, open_playback: Open, segment_bytes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(playheads, "CHECKPOINT_EVENTS", 7)
    record(tmp_path, segment_bytes=segment_bytes)
    playback = open_playback()
    for n in (50, 3, 99, 98, 1, 70, 71, 70):
        at(playback, START + (2 + 2 * n) / 100 + 0.001)
        assert taken(playback) == n
        assert texts(playback) == [f"line {i}" for i in range(1, n + 1)]
        assert playback.snapshot().shown.phase == "running"


def folded(folder: Path, moment: float) -> RunView:
    """The run at a moment by folding all that came before."""
    state = RunState(1)
    for _, event in open_recording(folder).run(1).events():
        if event.t <= moment:
            state.apply(event)
    return state.view(moment)


def test_whatever_has_happened_one_can_go_back_behind_it(
    tmp_path: Path, open_playback: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(playheads, "CHECKPOINT_EVENTS", 2)
    begin, rest = events(20)[:3], events(20)[3:]
    more: list[Event] = [
        Failure(pipeline="p", source="Sink", exception="ValueError", message="no", traceback="at", record="1", line=3),
        ServiceCall(id=1, pipeline="p", service="s", method="m", caller="Sink", arguments="()", error="no"),
        ServiceStats(pipeline="p", service="s", method="m", calls=1, errors=1, callers={"Sink": 1}),
        Trace(trace=1, pipeline="p", operator="Sink", before="1", after=("2", "3"), calls=(1,)),
        Record(pipeline="p", operator="Sink", port="in", preview="1"),
        LeftOut(what="failure", pipeline="p", source="Sink", count=3),
        Notice(level="warning", message="!"),
        Log(level="ERROR", message="m"),
    ]
    recorder = Recorder(tmp_path / "run-1.sagerun")
    for event in (*begin, *more, *rest):
        recorder.write(event)
    recorder.writer.close()
    playback = open_playback()
    for moment in (START + 0.305, START + 0.205, START + 0.255, START + 0.115):
        at(playback, moment)
        assert playback.snapshot().shown == folded(tmp_path, moment)
    assert replay_of(playback).damage == ()


def test_it_plays_from_the_beginning_at_its_speed_and_stops_at_the_end(
    tmp_path: Path, open_playback: Open, clock: Clock
) -> None:
    record(tmp_path)
    playback = open_playback()
    playback.set_speed(2)
    playback.play()
    clock.now += 0.5
    wait_for(lambda: taken_or_none(playback) == 49)
    clock.now += 100
    wait_for(lambda: not replay_of(playback).playing)
    assert replay_of(playback).moment == replay_of(playback).end
    wait_for(lambda: playback.snapshot().shown.phase == "finished")


def taken_or_none(playback: Playback) -> int | None:
    return taken(playback) if playback.snapshot().shown.pipelines else None


def replay_of(playback: Playback) -> ReplayView:
    replay = playback.snapshot().replay
    assert replay is not None
    return replay


def record_with_a_silence(folder: Path) -> None:
    """A run in which nothing happens for five minutes after its tenth event."""
    recorder = Recorder(folder / "run-1.sagerun")
    recorder.write(*events()[:10])
    recorder.paused = 300.0
    recorder.write(*events()[10:])
    recorder.writer.close()


def test_time_in_which_nothing_happens_is_skipped_while_it_plays(
    tmp_path: Path, open_playback: Open, clock: Clock
) -> None:
    record_with_a_silence(tmp_path)
    playback = open_playback()
    at(playback, START)
    assert replay_of(playback).skips == 0
    playback.play()
    clock.now += 0.5
    wait_for(lambda: replay_of(playback).skips == 1)
    replay = replay_of(playback)
    assert replay.skipped == pytest.approx(299.1, abs=0.01)
    assert replay.moment == pytest.approx(START + 299.6, abs=0.01)
    before = taken(playback)
    clock.now += 0.55
    wait_for(lambda: taken(playback) > before)
    assert replay_of(playback).skips == 1


def test_who_seeks_into_a_silence_stays_there(tmp_path: Path, open_playback: Open) -> None:
    record_with_a_silence(tmp_path)
    playback = open_playback()
    at(playback, START + 100)
    assert replay_of(playback).moment == START + 100


def test_while_it_is_held_no_time_passes(tmp_path: Path, open_playback: Open, clock: Clock) -> None:
    record(tmp_path)
    playback = open_playback()
    at(playback, START + 0.5)
    before = replay_of(playback)
    clock.now += 10
    playback.set_speed(5)
    assert replay_of(playback).moment == before.moment


def test_a_step_back_begins_another_epoch_and_lines_follow_the_moment(tmp_path: Path, open_playback: Open) -> None:
    record(tmp_path)
    playback = open_playback()
    lines, epoch = playback.lines("output"), replay_of(playback).epoch
    at(playback, START + 0.5)
    assert replay_of(playback).epoch == epoch + 1
    assert lines.count() < 30
    at(playback, START + 1.0)
    assert replay_of(playback).epoch == epoch + 1
    assert lines.count() > 40


def test_other_runs_can_be_chosen_and_are_listed(tmp_path: Path, open_playback: Open) -> None:
    record(tmp_path, 1)
    record(tmp_path, 2)
    playback = open_playback()
    assert playback.snapshot().shown.run == 2
    wait_for(lambda: [run.run for run in playback.snapshot().runs] == [1, 2])
    playback.choose_run(1)
    wait_for(lambda: playback.snapshot().shown.run == 1)
    assert replay_of(playback).runs == (1, 2)
    assert replay_of(playback).moment == replay_of(playback).end


def test_failures_are_marked(tmp_path: Path, open_playback: Open) -> None:
    record(tmp_path)
    (mark,) = replay_of(open_playback()).marks
    assert mark == pytest.approx(START + 2.03)


def test_a_recording_that_breaks_off_says_so_and_ends(tmp_path: Path, open_playback: Open) -> None:
    record(tmp_path, cut=60)
    playback = open_playback()
    shown = playback.snapshot().shown
    assert shown.phase == "stopped"
    assert "stops before the end" in shown.notices[-1].message
    at(playback, START + 0.3)
    assert playback.snapshot().shown.phase == "running"


def test_damage_is_told_and_what_lies_before_it_is_shown(tmp_path: Path, open_playback: Open) -> None:
    record(tmp_path)
    segment = tmp_path / "run-1.sagerun" / "000001.jsonl"
    segment.write_bytes(segment.read_bytes().replace(b"line 40", b"li\ne 40"))
    playback = open_playback()
    assert "damaged" in replay_of(playback).damage[0]
    assert texts(playback)[-1] == "line 39"
    assert playback.snapshot().shown.phase == "stopped"


def test_a_snapshot_that_cant_be_read_is_told_and_the_rest_can_still_be_moved_through(
    tmp_path: Path, open_playback: Open
) -> None:
    record(tmp_path, segment_bytes=4096)
    segment = tmp_path / "run-1.sagerun" / "000003.jsonl"
    first, rest = segment.read_bytes().split(b"\n", 1)
    segment.write_bytes(first.replace(b'"phase":"running"', b'"phase":7') + b"\n" + rest)
    begin = json.loads(first)["t"]
    playback = open_playback()
    at(playback, begin + 0.005)
    assert "000003" in replay_of(playback).damage[0]
    at(playback, START + 0.065)
    assert taken(playback) == 2


def test_only_the_dashboard_gets_a_recording_to_move_through(tmp_path: Path) -> None:
    record(tmp_path)
    assert isinstance(open_replay(tmp_path, playable=True), Playback)
    assert isinstance(open_replay(tmp_path, playable=False), ReplaySession)


def test_seeking_in_a_long_recording_reads_a_segment_at_most(
    tmp_path: Path, open_playback: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorder = Recorder(tmp_path / "run-1.sagerun", segment_bytes=256 * 1024)
    for event in events(10_000):
        recorder.write(event)
    recorder.writer.close()
    segments = (tmp_path / "run-1.sagerun").glob("*.jsonl")
    longest = max(segment.read_bytes().count(b"\n") for segment in segments)
    assert longest < 3_000
    playback = open_playback()
    read: list[bytes] = []

    def counted(raw: bytes) -> Message:
        read.append(raw)
        return decode(raw)

    monkeypatch.setattr(journal_reader, "decode", counted)
    for moment in (START + 5, START + 150, START + 30, START + 190):
        read.clear()
        at(playback, moment)
        assert len(read) <= longest
