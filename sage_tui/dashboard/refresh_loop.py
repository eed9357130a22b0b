"""The dashboard's only timer: it shows the session's view a few times a second."""

from __future__ import annotations

import select
import sys
import time
from collections.abc import Callable

from textual.app import App
from textual.timer import Timer

from sage_runtime.events import replace
from sage_tui.session.protocol import SessionLike
from sage_tui.state.views import SessionView, steady

INTERVAL = 0.1
"""The least seconds between two frames."""

CALM = 0.25
"""The refresh interval while there is no input."""

SLOWEST = 2.0
"""The most seconds between two frames, however long they take."""

SHARE = 0.4
"""The share of time that frames may take; the rest is for the keys."""


FIGURES = 0.5
"""Seconds for which figures that change all the time stay on the screen."""

LIVELY = 2.0
"""Seconds after a key for which every frame is shown, changed or not: other threads deliver what it asked for."""

HEARTBEAT = 0.5
"""The most seconds between two frames while nothing changes."""

UNPAINTED = 0.5
"""Seconds after which a frame counts as painted without a report of it."""


def terminal_takes_more() -> bool:
    """Whether the terminal has taken what was drawn.

    Textual writes from a thread that may be thirty frames behind: a slow terminal would show the past half minute
    before the effect of a key.
    """
    terminal = sys.__stderr__  # where Textual draws
    return terminal is None or bool(select.select([], [terminal], [], 0)[1])


class RefreshLoop:
    """Runs in the dashboard's thread: take a snapshot, deliver it, wait until it is painted, set the timer again.

    So there is never more than one frame in progress, and slow frames come less often. There is none while, by
    `ready`, the terminal has not taken the last one, and hardly any while nothing changes. With an `interval` of 0 the
    frames are left to the caller of `tick`; each shows everything.
    """

    def __init__(
        self,
        app: App[None],
        session: SessionLike,
        deliver: Callable[[SessionView], None],
        interval: float = INTERVAL,
        clock: Callable[[], float] = time.perf_counter,
        ready: Callable[[], bool] = lambda: True,
    ) -> None:
        self._app = app
        self._session = session
        self._deliver = deliver
        self._interval = interval
        self._clock = clock
        self._ready = ready
        self._timer: Timer | None = None
        self._began = 0.0
        self._input_at = clock()
        self._shown: SessionView | None = None
        self._figures_at = 0.0
        self._least = interval
        self.held: SessionView | None = None
        """The view that is shown while the display is frozen; None while it follows."""

    def tick(self) -> None:
        """Show a frame."""
        if self._interval > 0 and not self._ready():
            self._wait(self._interval, self.tick)
            return
        now = self._clock()
        view = self.held if self.held is not None else self._session.snapshot()
        if self._interval <= 0:
            self._deliver(view)
            return
        shown = self._shown
        settled = view if shown is None else steady(view, shown)
        as_before = settled is not view
        if now - self._figures_at < FIGURES:
            view = settled
        alone = now - self._input_at >= LIVELY
        if view is shown and alone and now - self._began < HEARTBEAT:
            self._wait(self._interval, self.tick)
            return
        if shown is None or view.shown.pipelines is not shown.shown.pipelines:
            self._figures_at = now
        self._began, self._shown = now, view
        self._least = max(self._interval, CALM) if as_before and alone else self._interval
        self._deliver(view)
        self._wait(UNPAINTED, self._painted)  # a screen that closes now drops its callbacks
        self._app.call_after_refresh(self._painted)

    def note_input(self) -> None:
        """Note that the user has pressed a key or moved the mouse."""
        self._input_at = self._clock()

    def hold(self) -> None:
        """Freeze the display; the run continues."""
        self.held = replace(self._session.snapshot(), held=True)

    def go_on(self) -> None:
        """Follow the session again."""
        self.held = None

    def _painted(self) -> None:
        if self._interval <= 0:  # stopped while the frame was drawn
            return
        self._wait(self.delay(self._clock() - self._began), self.tick)

    def _wait(self, seconds: float, callback: Callable[[], None]) -> None:
        """Call this after so many seconds, in place of what was to be called."""
        if self._timer is not None:
            self._timer.stop()
        self._timer = self._app.set_timer(seconds, callback)

    def delay(self, cost: float) -> float:
        """Seconds to wait after a frame that took `cost` seconds."""
        return min(SLOWEST, max(self._least - cost, cost * (1 - SHARE) / SHARE))

    def stop(self) -> None:
        self._interval = 0
        if self._timer is not None:
            self._timer.stop()
