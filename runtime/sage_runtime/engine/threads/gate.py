"""The gate that all sources pass: open, or closed with a permit for one record at a time."""

from __future__ import annotations

import threading
from collections.abc import Callable
from enum import Enum


class Admission(Enum):
    """How a source got past the gate, if it did: it was open, or by a permit of its own or for anyone."""

    NONE = 0
    OPEN = 1
    OWN = 2
    ANY = 3


class Gate:
    """Pause and step for the sources of all jobs. The runtime closes, opens and steps; sources ask to pass.

    `closed` may be read by any thread. `closed_seconds` is for how long it has been closed in all.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self.closed = False
        self._clock = clock
        self._condition = threading.Condition()
        self._permits: dict[str | None, int] = {}
        self._closed_since = 0.0
        self._closed_before = 0.0

    def close(self) -> None:
        """From now on nothing passes."""
        with self._condition:
            if not self.closed:
                self._closed_since = self._clock()
                self.closed = True

    def open(self) -> None:
        """From now on everything passes."""
        with self._condition:
            if self.closed:
                self.closed = False
                self._closed_before += self._clock() - self._closed_since
            self._permits.clear()
            self._condition.notify_all()

    def permit(self, source: str | None) -> None:
        """Let one record pass while closed: of `source`, or of whichever source asks first if None."""
        with self._condition:
            if self.closed:
                self._permits[source] = self._permits.get(source, 0) + 1
                self._condition.notify_all()

    def claim(self) -> bool:
        """Take a permit that is meant for no source in particular, if there is one: for a record held on a loop."""
        with self._condition:
            left = self._permits.get(None, 0)
            self._permits[None] = max(0, left - 1)
            return left > 0

    def nudge(self) -> None:
        """Let every source that waits here look at its `give_up` again."""
        with self._condition:
            self._condition.notify_all()

    def wait(self, source: str, give_up: Callable[[], bool]) -> Admission:
        """On a source's thread, before it lets a record through: wait until it may, or `give_up()` holds."""
        with self._condition:
            while self.closed:
                if give_up():
                    return Admission.NONE
                for key, admission in ((source, Admission.OWN), (None, Admission.ANY)):
                    if self._permits.get(key, 0) > 0:
                        self._permits[key] -= 1
                        return admission
                self._condition.wait()
            return Admission.OPEN

    def closed_seconds(self) -> float:
        """For how many seconds it has been closed so far."""
        with self._condition:
            return self._closed_before + (self._clock() - self._closed_since if self.closed else 0.0)
