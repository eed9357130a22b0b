"""Text that is not in the bus's queue yet: unfinished lines that wait for their rest, and writers that are asked."""

from __future__ import annotations

from time import monotonic
from typing import Protocol
from weakref import WeakSet

UNFINISHED_SECONDS = 0.05
"""How long an unfinished line waits for its rest before it is sent as it is."""

_TICK_SECONDS = 0.005
_LATE_SECONDS = 0.1


class Unfinished(Protocol):
    """Text on its way to a whole line; `began` is when, in seconds of `time.monotonic`, None if there is none."""

    began: float | None

    def grows(self) -> bool:
        """Whether its thread is just writing to it, though it may wait for its turn. Any thread."""

    def finish(self) -> None:
        """Send it as it is. Any thread."""


class Deferred(Protocol):
    """A thread that prints so much that its text reaches the bus in large pieces, or when it is asked for.

    A `write` that was handed out in that time still works later; its text is then fetched a little late.
    """

    def settle(self) -> bool:
        """Hand over what has been written so far; whether there was any. Any thread."""

    def retire(self) -> None:
        """Every write is handed over by itself again. Any thread."""


class PendingOutput:
    """What the pump looks after besides its queue. Any thread calls, but for `look`."""

    def __init__(self) -> None:
        self._writers: WeakSet[Deferred] = WeakSet()
        self._settled = 0.0
        self._unfinished: dict[int, Unfinished] = {}

    def add_line(self, line: Unfinished) -> bool:
        """Have it sent if its rest does not come in time; false if that was to be done already."""
        if id(line) in self._unfinished:
            return False
        self._unfinished[id(line)] = line
        return True

    def add_writer(self, writer: Deferred) -> None:
        """Ask it for its text from now on: often while it defers, seldom afterwards."""
        self._writers.add(writer)

    def settle(self) -> None:
        """Fetch the text of all who ever deferred."""
        for writer in list(self._writers):
            writer.settle()

    def finish_lines(self) -> None:
        """Send every unfinished line as it is."""
        for line in list(self._unfinished.values()):
            line.finish()

    def look(self, deferred: Deferred | None) -> float | None:
        """On the pump's thread: fetch the text of the one that defers now, and send overdue lines.

        Returns the seconds until the next look, None if nothing is awaited.
        """
        wait = None
        now = monotonic()
        if deferred is not None:
            wait = self._settled + _TICK_SECONDS - now
            if wait <= 0:
                wait, self._settled = _TICK_SECONDS, now
                if not deferred.settle():
                    deferred.retire()
        elif self._writers:  # somebody may have kept its deferred `write`
            wait = self._settled + _LATE_SECONDS - now
            if wait <= 0:
                wait, self._settled = _LATE_SECONDS, now
                self.settle()
        lines = list(self._unfinished.items())
        if any(_left(line, now) <= 0 for _, line in lines):
            self.settle()  # their rest may have been written without having been fetched
        for key, line in lines:
            left = _left(line, now)
            if left <= 0 and line.grows():
                left = _TICK_SECONDS
            if left > 0 and line.began is not None:
                wait = left if wait is None else min(wait, left)
                continue
            self._unfinished.pop(key, None)
            if line.began is not None:
                line.finish()
            if line.began is not None:  # begun just now, when it was still listed
                self._unfinished[key] = line
                wait = UNFINISHED_SECONDS if wait is None else wait
        return wait


def _left(line: Unfinished, now: float) -> float:
    """For how many seconds it may wait yet; one that is whole by now need not be looked at."""
    began = line.began
    return UNFINISHED_SECONDS if began is None else began + UNFINISHED_SECONDS - now
