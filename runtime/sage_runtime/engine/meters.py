"""Meters: what one replica has done and how it spends its time, written by its own thread and read by the sampler."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable

from sage_runtime.events import Latency, bucket_of, latency_of
from sage_runtime.frozen import Frozen

BUSY, WAITING, IDLE, BLOCKED, PAUSED = range(5)
"""States of a replica: in user code, in a service call, without input, output full, held at the gate."""

_UNSORTED = 1000
"""Durations that a histogram collects before it sorts them into buckets."""


class Histogram:
    """A distribution of durations in seconds as counts of logarithmic buckets (`events.bucket_of`).

    One thread adds; any thread reads. Durations are sorted into buckets by whoever reads, or when there are many, which
    keeps `add` cheap on the hot path.
    """

    __slots__ = ("_counts", "_lock", "_longest", "_new")

    def __init__(self) -> None:
        self._new: list[float] = []
        self._counts: dict[int, int] = {}
        self._longest = 0.0
        self._lock = threading.Lock()

    def add(self, seconds: float) -> None:
        """Count one duration."""
        self._new.append(seconds)
        if len(self._new) >= _UNSORTED:
            self.read()

    def read(self) -> tuple[dict[int, int], float]:
        """The counts by bucket at this moment, and the longest duration."""
        with self._lock:
            new = self._new[:]
            del self._new[: len(new)]
            counts = self._counts
            for seconds in new:
                bucket = bucket_of(seconds)
                counts[bucket] = counts.get(bucket, 0) + 1
            if new:
                self._longest = max(self._longest, *new)
            return counts.copy(), self._longest

    def latency(self) -> Latency:
        """Its quantiles, maximum and buckets."""
        return latency_of(*self.read())


def merged(histograms: Iterable[Histogram]) -> Latency:
    """The distribution of all durations in several histograms."""
    counts: dict[int, int] = {}
    longest = 0.0
    for histogram in histograms:
        some, longest_of_them = histogram.read()
        longest = max(longest, longest_of_them)
        for bucket, count in some.items():
            counts[bucket] = counts.get(bucket, 0) + count
    return latency_of(counts, longest)


class Meter:
    """What one replica has done so far. Its own thread writes, the sampler reads.

    `taken` and `done` only grow: records taken out of the inbox, and records whose results are delivered. They tell
    whether a loop is at rest. `spent` holds seconds by state (`BUSY` …), up to `since`, when the current `state` began.
    """

    __slots__ = (
        "_cpu_clock",
        "_cpu_seconds",
        "done",
        "errors",
        "latency",
        "records_in",
        "records_out",
        "since",
        "spent",
        "state",
        "taken",
    )

    def __init__(self, now: float) -> None:
        self.records_in = 0
        self.records_out = 0
        self.errors = 0
        self.taken = 0
        self.done = 0
        self.latency = Histogram()
        self.spent = [0.0] * 5
        self.state = IDLE
        self.since = now
        self._cpu_clock: int | None = None
        self._cpu_seconds = 0.0

    def switch(self, state: int, now: float) -> None:
        """The replica enters `state` at `now`."""
        self.spent[self.state] += now - self.since
        self.since = now
        self.state = state

    def times(self, now: float) -> list[float]:
        """Seconds by state, up to `now`. Any thread."""
        for _ in range(3):
            since = self.since
            spent = self.spent.copy()
            state = self.state
            if self.since == since:
                break
        spent[state] += max(0.0, now - since)
        return spent

    def begin_cpu(self) -> None:
        """On the replica's thread, at its start: find the clock of its CPU time."""
        try:
            self._cpu_clock = time.pthread_getcpuclockid(threading.get_ident())
        except (AttributeError, OSError):  # macOS has no clock of another thread's CPU time
            self._cpu_clock = None

    def note_cpu(self) -> None:
        """On the replica's thread, now and then: note its CPU time if the system has no clock to read it from."""
        if self._cpu_clock is None:
            self._cpu_seconds = time.thread_time()

    def end_cpu(self) -> None:
        """On the replica's thread, at its end: note its CPU time, for the clock ends with the thread."""
        self._cpu_clock = None
        self._cpu_seconds = time.thread_time()

    def cpu(self) -> float:
        """Seconds of CPU time so far. Any thread."""
        clock = self._cpu_clock
        if clock is not None:
            try:
                self._cpu_seconds = time.clock_gettime(clock)
            except OSError:  # the thread ended a moment ago
                pass
        return self._cpu_seconds


class Shares(Frozen):
    """How an interval was spent: the first four add up to 1 over its time that was not paused, `paused` is of all."""

    busy: float = 0.0
    waiting: float = 0.0
    idle: float = 1.0
    blocked: float = 0.0
    paused: float = 0.0


def shares_of(before: list[float], after: list[float], gated: float = 0.0) -> Shares:
    """The shares of the time between two readings of `Meter.times`.

    The gate was closed for `gated` seconds of it: so much of idle and blocked time counts as paused.
    """
    busy, waiting, idle, blocked, paused = (max(0.0, late - early) for early, late in zip(before, after, strict=True))
    for_pause = min(gated, idle)
    idle -= for_pause
    blocked_in_pause = min(gated - for_pause, blocked)
    blocked -= blocked_in_pause
    paused += for_pause + blocked_in_pause
    active = busy + waiting + idle + blocked
    whole = active + paused
    if active <= 0.0:
        return Shares(paused=1.0 if whole > 0.0 else 0.0)
    busy, waiting, blocked = busy / active, waiting / active, blocked / active
    return Shares(busy, waiting, max(0.0, 1.0 - busy - waiting - blocked), blocked, paused / whole)
