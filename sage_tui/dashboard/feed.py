"""The only timer: takes the session's view a few times a second and hands it to the screen."""

from __future__ import annotations

import time
from collections.abc import Callable

from textual.app import App
from textual.timer import Timer

from sage_runtime.events import replace
from sage_tui.session.protocol import SessionLike
from sage_tui.state.views import SessionView

INTERVAL = 0.1
"""Seconds between two frames at least."""

SLOWEST = 2.0
"""Seconds between two frames at most, however long they take."""

SHARE = 0.4
"""The share of the time that frames may take; the rest belongs to the keys."""


class Feed:
    """Runs in the dashboard's thread: snapshot, deliver, wait until it is painted, then set the timer again.

    So there is never more than one frame under way, and when frames take long they come less often.
    """

    def __init__(
        self,
        app: App[None],
        session: SessionLike,
        deliver: Callable[[SessionView], None],
        interval: float = INTERVAL,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._app = app
        self._session = session
        self._deliver = deliver
        self._interval = interval
        self._clock = clock
        self._timer: Timer | None = None
        self._began = 0.0
        self.held: SessionView | None = None
        """What is shown instead of what is: the display stands still. None while it follows."""

    def tick(self) -> None:
        """Show the session as it is now."""
        self._began = self._clock()
        self._deliver(self.held if self.held is not None else self._session.snapshot())
        if self._interval > 0:
            self._app.call_after_refresh(self._painted)

    def hold(self) -> None:
        """Have the display stand still; the run goes on."""
        self.held = replace(self._session.snapshot(), held=True)

    def go_on(self) -> None:
        """Follow the session again."""
        self.held = None

    def _painted(self) -> None:
        if self._interval <= 0:  # stopped while the frame was drawn
            return
        self._timer = self._app.set_timer(self.delay(self._clock() - self._began), self.tick)

    def delay(self, cost: float) -> float:
        """The seconds to wait after a frame that took `cost` seconds."""
        return min(SLOWEST, max(self._interval - cost, cost * (1 - SHARE) / SHARE))

    def stop(self) -> None:
        """No more frames."""
        self._interval = 0
        if self._timer is not None:
            self._timer.stop()
