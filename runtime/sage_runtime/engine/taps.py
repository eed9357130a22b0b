"""Looking at records as they pass: previews at inspected operators, and the whole path of a few traced records."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable
from typing import Any

from sage_runtime.events import Event, Record
from sage_runtime.safe_repr.preview import full_preview

PREVIEWS = 5
"""Previews a second at each port of an inspected operator."""


class Bucket:
    """A token bucket: `rate` takes a second, and as many at once after a pause. One thread, or under a lock."""

    __slots__ = ("_last", "_left", "_rate")

    def __init__(self, rate: float, now: float) -> None:
        self._rate = rate
        self._left = rate
        self._last = now

    def take(self, now: float) -> bool:
        """Take one, if there is one left."""
        left = min(self._rate, self._left + (now - self._last) * self._rate)
        self._last = now
        if left < 1.0:
            self._left = left
            return False
        self._left = left - 1.0
        return True


class Tap:
    """Previews of the records in and out of one inspected operator, a few a second. Its replicas' threads call."""

    def __init__(
        self, pipeline: str, operator: str, publish: Callable[[Event], None], clock: Callable[[], float]
    ) -> None:
        self._pipeline = pipeline
        self._operator = operator
        self._publish = publish
        self._clock = clock
        self._lock = threading.Lock()
        self._buckets = {port: Bucket(PREVIEWS, clock()) for port in ("in", "out")}

    def offer(self, port: str, value: Any, sequence: int) -> None:
        """Publish a preview of a record, its replica's `sequence`-th at this port, unless there were enough."""
        with self._lock:
            if not self._buckets[port].take(self._clock()):
                return
        self._publish(
            Record(
                pipeline=self._pipeline,
                operator=self._operator,
                port=port,
                preview=full_preview(value),
                sequence=sequence,
            )
        )


class Follower:
    """Which records of a job are traced. Sources ask for traces; every thread counts traced entries in and out.

    `active` is true while a traced entry is in a channel or being processed: only then do replicas look for them.
    """

    _ids = itertools.count(1)

    def __init__(self) -> None:
        self.active = False
        self._lock = threading.Lock()
        self._alive = 0
        self._wanted: dict[str | None, int] = {}

    def want(self, source: str | None, count: int) -> None:
        """Trace the next `count` records of a source, of any if None."""
        with self._lock:
            self._wanted[source] = self._wanted.get(source, 0) + count

    def begin(self, source: str) -> int | None:
        """The id of a new trace if the record that a source emits now is to be traced."""
        if not self._wanted:
            return None
        with self._lock:
            for key in (source, None):
                if left := self._wanted.pop(key, 0):
                    if left > 1:
                        self._wanted[key] = left - 1
                    return next(self._ids)
        return None

    def wants(self, source: str) -> bool:
        """Whether the next record of a source is to be traced."""
        return bool(self._wanted) and (source in self._wanted or None in self._wanted)

    def enter(self, copies: int) -> None:
        """A traced entry is about to be put into `copies` channels."""
        with self._lock:
            self._alive += copies
            self.active = True

    def leave(self) -> None:
        """A traced entry has been processed."""
        with self._lock:
            self._alive -= 1
            self.active = self._alive > 0
