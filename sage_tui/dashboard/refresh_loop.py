"""The only timer: takes the session's view a few times a second and hands it to the screen."""

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
"""Seconds between two frames at least."""

CALM = 0.25
"""The same while a run goes its way and nobody touches a key."""

SLOWEST = 2.0
"""Seconds between two frames at most, however long they take."""

SHARE = 0.4
"""The share of the time that frames may take; the rest belongs to the keys."""


FIGURES = 0.5
"""Seconds for which numbers stay on the screen that would change all the time."""

LIVELY = 2.0
"""For so many seconds after a key every frame is shown, changed or not: what was asked for comes from other threads."""

HEARTBEAT = 0.5
"""Seconds between two frames at most while nothing changes."""

UNPAINTED = 0.5
"""Seconds after which a frame that nobody has told to be painted is taken for that."""


def terminal_takes_more() -> bool:
    """Whether the terminal has taken what was drawn.

    Textual writes from a thread, thirty frames behind at most: a terminal that takes less than comes would show what
    was half a minute ago, and only then what a key did.
    """
    terminal = sys.__stderr__  # where Textual draws
    return terminal is None or bool(select.select([], [terminal], [], 0)[1])


class RefreshLoop:
    """Runs in the dashboard's thread: snapshot, deliver, wait until it is painted, then set the timer again.

    So there is never more than one frame under way, and when frames take long they come less often; there is none
    while the terminal, by `ready`, has not taken the last one. While nothing changes hardly any are shown. With an
    `interval` of 0 the frames are left to the caller of `tick`; each shows all there is.
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
        self._stirred = clock()
        self._shown: SessionView | None = None
        self._figures_at = 0.0
        self._least = interval
        self.held: SessionView | None = None
        """What is shown instead of what is: the display stands still. None while it follows."""

    def tick(self) -> None:
        """Show the session as it is now."""
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
        alone = now - self._stirred >= LIVELY
        if view is shown and alone and now - self._began < HEARTBEAT:
            self._wait(self._interval, self.tick)
            return
        if shown is None or view.shown.pipelines is not shown.shown.pipelines:
            self._figures_at = now
        self._began, self._shown = now, view
        self._least = max(self._interval, CALM) if as_before and alone else self._interval
        self._deliver(view)
        self._wait(UNPAINTED, self._painted)  # a screen that is closed now takes with it what was to be called
        self._app.call_after_refresh(self._painted)

    def stir(self) -> None:
        """Somebody is using the dashboard."""
        self._stirred = self._clock()

    def hold(self) -> None:
        """Have the display stand still; the run goes on."""
        self.held = replace(self._session.snapshot(), held=True)

    def go_on(self) -> None:
        """Follow the session again."""
        self.held = None

    def _painted(self) -> None:
        if self._interval <= 0:  # stopped while the frame was drawn
            return
        self._wait(self.delay(self._clock() - self._began), self.tick)

    def _wait(self, seconds: float, callback: Callable[[], None]) -> None:
        """Have this called then, and nothing else before."""
        if self._timer is not None:
            self._timer.stop()
        self._timer = self._app.set_timer(seconds, callback)

    def delay(self, cost: float) -> float:
        """The seconds to wait after a frame that took `cost` seconds."""
        return min(SLOWEST, max(self._least - cost, cost * (1 - SHARE) / SHARE))

    def stop(self) -> None:
        """No more frames."""
        self._interval = 0
        if self._timer is not None:
            self._timer.stop()
