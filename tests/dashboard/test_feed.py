"""When frames are shown, by a clock of our own."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from support.showing import FakeSession, hello_pipeline, run_view, session_view

from sage_runtime.events import replace
from sage_tui.dashboard.refresh_loop import CALM, FIGURES, HEARTBEAT, INTERVAL, LIVELY, SLOWEST, UNPAINTED, RefreshLoop
from sage_tui.state.views import SessionView


class Timers:
    """An app of which only the timers are there; what is painted is painted at once."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self.due: tuple[float, Callable[[], None]] = 0.0, lambda: None
        self.closing = False
        """The screen is closed before it is painted: Textual forgets what was to be called then."""

    def call_after_refresh(self, callback: Callable[[], None]) -> None:
        if not self.closing:
            callback()

    def set_timer(self, delay: float, callback: Callable[[], None]) -> None:
        self.due = self._clock() + delay, callback


class Frames:
    """A feed, and what it has delivered when."""

    def __init__(self) -> None:
        self.now = 100.0
        self.delivered: list[tuple[float, SessionView]] = []
        self.session = FakeSession(session_view(run_view(phase="running", pipelines=(hello_pipeline(),))))
        self.timers = Timers(lambda: self.now)
        app: Any = self.timers
        self.slow = False
        self.refresh_loop = RefreshLoop(
            app, self.session, self._deliver, clock=lambda: self.now, ready=lambda: not self.slow
        )
        self.refresh_loop.tick()

    def _deliver(self, view: SessionView) -> None:
        self.delivered.append((self.now, view))

    def wait(self, seconds: float) -> list[SessionView]:
        """What is delivered in the next `seconds`."""
        end, before = self.now + seconds, len(self.delivered)
        while self.timers.due[0] <= end:
            self.now, tick = self.timers.due
            self.timers.due = math.inf, tick
            tick()
        self.now = end
        return [view for _, view in self.delivered[before:]]

    def count(self, records: int) -> None:
        """Have the source put out more records."""
        run = self.session.view.shown
        first, *rest = run.pipelines[0].operators
        pipeline = replace(run.pipelines[0], operators=(replace(first, records_out=records), *rest))
        self.session.show(pipelines=(pipeline,), seq=records)


def test_while_nothing_changes_there_are_only_heartbeats() -> None:
    frames = Frames()
    frames.wait(LIVELY)
    assert len(frames.wait(10)) <= 10 / HEARTBEAT


def test_whoever_presses_a_key_sees_every_frame_for_a_while() -> None:
    frames = Frames()
    frames.wait(LIVELY + 1)
    frames.refresh_loop.note_input()
    assert len(frames.wait(LIVELY)) >= LIVELY / INTERVAL - 2


def test_a_change_after_a_rest_is_shown_with_the_next_look() -> None:
    frames = Frames()
    frames.wait(LIVELY + 1)
    frames.count(20_000)
    assert frames.wait(INTERVAL * 1.5)[0].shown.pipelines[0].operators[0].records_out == 20_000


def test_figures_that_change_all_the_time_are_shown_twice_a_second() -> None:
    frames = Frames()
    frames.wait(LIVELY + 1)
    shown = []
    for step in range(50):
        frames.count(20_000 + step)
        shown += frames.wait(INTERVAL)
    assert len({id(view.shown.pipelines) for view in shown}) <= 5 / FIGURES + 2


def test_the_last_figures_are_shown() -> None:
    frames = Frames()
    frames.wait(LIVELY + 1)
    for step in range(7):
        frames.count(20_000 + step)
        frames.wait(INTERVAL)
    frames.wait(2 * FIGURES)
    assert frames.delivered[-1][1].shown.pipelines[0].operators[0].records_out == 20_006


def test_lines_that_keep_coming_are_shown_calmly_unless_somebody_is_there() -> None:
    frames = Frames()

    def lines(seconds: float) -> int:
        count = 0
        for step in range(round(seconds / INTERVAL)):
            frames.session.show(lines={"output": frames.session.view.shown.lines.get("output", 0) + step + 1})
            count += len(frames.wait(INTERVAL))
        return count

    frames.wait(LIVELY + 1)
    assert lines(5) <= 5 / CALM + 1
    frames.refresh_loop.note_input()
    assert lines(LIVELY) >= LIVELY / INTERVAL - 3


def test_a_terminal_that_has_not_taken_the_last_frame_gets_no_other_and_then_the_newest() -> None:
    frames = Frames()
    frames.slow = True
    for records in (20_000, 30_000):
        frames.count(records)
        assert not frames.wait(1.0)
    frames.slow = False
    assert [view.shown.seq for view in frames.wait(INTERVAL)] == [30_000]


def test_a_screen_that_is_closed_before_it_is_painted_ends_nothing() -> None:
    frames = Frames()
    frames.wait(LIVELY)
    frames.timers.closing = True
    frames.count(1)
    assert frames.wait(INTERVAL * 1.5)
    frames.timers.closing = False
    frames.count(2)
    assert frames.wait(UNPAINTED + SLOWEST)[-1].shown.pipelines[0].operators[0].records_out == 2


def test_without_an_interval_every_tick_shows_all_there_is() -> None:
    frames = Frames()
    app: Any = frames.timers
    feed = RefreshLoop(app, frames.session, frames._deliver, interval=0, clock=lambda: frames.now)
    for step in range(3):
        frames.count(step)
        feed.tick()
    assert [view.shown.seq for _, view in frames.delivered[-3:]] == [0, 1, 2]
