"""Stopped and resumed, whoever does it: the terminal is given back and taken again, and the run stops with us."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable
from typing import Any

from textual.driver import Driver

Handler = Callable[[int, Any], Any]


class Suspending:
    """Stands before Textual's handlers of SIGTSTP and SIGCONT. The app's thread makes it, in its event loop.

    Textual gives the terminal back at a SIGTSTP, be it from the key or from outside. At a SIGCONT it takes it, whether
    it has given it back or not: after a SIGSTOP it would take its own settings for those that the terminal had before,
    and leave the terminal without echo in the end; and a second thread would read the keys. So what it has not given
    back is given back first.

    Args:
        driver: Textual's own.
        stop: called before we stop.
        resumed: called in the loop when the terminal is ours again.
    """

    def __init__(self, driver: Driver, stop: Callable[[], None], resumed: Callable[[], None]) -> None:
        self._driver = driver
        self._stop = stop
        self._resumed = resumed
        self._loop = asyncio.get_running_loop()
        self._given_back = False
        self._textuals: dict[int, Handler] = {}
        for signum, handler in ((signal.SIGTSTP, self._told_to_stop), (signal.SIGCONT, self._told_to_go_on)):
            before = signal.getsignal(signum)
            if callable(before):
                self._textuals[signum] = before
                signal.signal(signum, handler)

    def _told_to_stop(self, signum: int, frame: Any) -> None:
        self._stop()
        self._given_back = True
        self._textuals[signum](signum, frame)

    def _told_to_go_on(self, signum: int, frame: Any) -> None:
        in_an_editor = not self._driver._auto_restart  # the terminal is somebody else's, and stays so
        if not self._given_back and not in_an_editor:
            self._driver.suspend_application_mode()
        self._given_back = False
        self._textuals[signum](signum, frame)
        if not in_an_editor:
            self._loop.call_soon_threadsafe(self._resumed)
