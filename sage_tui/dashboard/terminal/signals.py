"""Signals, told in the dashboard's loop in the order in which they came."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable


def _nothing() -> None:
    """What a signal does at once, where all of it is done in the loop."""


class Signals:
    """Takes the place of the loop's own signal handlers. The main thread makes it, for the loop that it runs.

    What a handler does at once happens between any two steps of the main thread, also inside of a lock that it holds,
    or in the middle of another handler; and of two signals that came since the last step Python calls the handler of
    the one with the lower number first. The interpreter writes each number into a pipe the moment it comes
    (`signal.set_wakeup_fd`): what is read there is in order, and is read when nothing else is under way.

    While there is one, nobody else may use the loop's `add_signal_handler`, which takes the numbers to itself.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._callbacks: dict[int, Callable[[], object]] = {}
        self._waiting: list[int] = []
        self._reading, self._writing = os.pipe()
        os.set_blocking(self._reading, False)
        os.set_blocking(self._writing, False)
        self._wakeup_before = signal.set_wakeup_fd(self._writing, warn_on_full_buffer=False)
        loop.add_reader(self._reading, self._tell)

    def hear(self, signum: int, callback: Callable[[], object], at_once: Callable[[], None] = _nothing) -> None:
        """Have `callback` called in the loop for each such signal; `at_once` is called where the main thread is."""
        self._callbacks[signum] = callback
        signal.signal(signum, lambda *_: at_once())
        signal.siginterrupt(signum, False)

    def take(self, *wanted: int) -> list[int]:
        """Those of some signals that have come and have not been told, in order; nobody is told of them any more."""
        self._read()
        taken = [signum for signum in self._waiting if signum in wanted]
        self._waiting = [signum for signum in self._waiting if signum not in wanted]
        if self._waiting:
            self._loop.call_soon(self._tell)
        return taken

    def close(self) -> None:
        """Hear no more: each signal does what it does to any process. The loop may be closed already."""
        for signum in self._callbacks:
            signal.signal(signum, signal.SIG_DFL)
        signal.set_wakeup_fd(self._wakeup_before)
        if not self._loop.is_closed():
            self._loop.remove_reader(self._reading)
        os.close(self._reading)
        os.close(self._writing)

    def _read(self) -> None:
        try:
            self._waiting += os.read(self._reading, 4096)
        except BlockingIOError:
            return

    def _tell(self) -> None:
        self._read()
        while self._waiting:
            callback = self._callbacks.get(self._waiting.pop(0))
            if callback is not None:
                callback()
