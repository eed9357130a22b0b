"""Rates out of cumulative totals that are read now and then.

All times are the run's own (`RunClock`): seconds, never going back.
"""

from __future__ import annotations

from collections import deque
from typing import Any

from sage_tui.state.sanitize import finite, whole

WINDOW = 2.0
"""A rate is taken over this many seconds."""

GRACE = 0.5
"""For this long after its last sample at least a rate stays as it is; then it falls to 0 within `WINDOW`."""

LATE = 1.5
"""And for so many times the interval between readings: the next one may well say that all goes on."""

GAP = 2.0
"""After a longer silence nothing is taken to have happened until a second ago, or until the last reading where that is
longer ago: only what changes is published."""


class RateMeter:
    """The rate of one cumulative total over the last `WINDOW` seconds."""

    __slots__ = ("interval", "samples")

    def __init__(self) -> None:
        self.samples: deque[tuple[float, int]] = deque()
        self.interval = 0.0

    def add(self, time: float, total: int, interval: float = 0.0) -> tuple[float, int]:
        """Take a total in, and for how many seconds it was not read before (0: not known).

        Returns:
            Since when what is new has happened, and how much it is (never negative).
        """
        samples = self.samples
        self.interval = interval
        if not samples:
            samples.append((time, total))
            return time, 0
        last, before = samples[-1]
        if total < before:  # a counter that began again
            samples.clear()
            samples.append((time, total))
            return time, 0
        if time <= last:
            samples[-1] = (last, total)
            return last, total - before
        if time - last > max(GAP, LATE * interval):
            samples.clear()
            last = time - max(1.0, interval)
            samples.append((last, before))
        samples.append((time, total))
        while len(samples) > 2 and samples[1][0] <= time - WINDOW:
            samples.popleft()
        return last, total - before

    def rate(self, now: float) -> float:
        """Things a second at time `now`; finite and never negative."""
        samples = self.samples
        if len(samples) < 2:
            return 0.0
        first, last = samples[0][0], samples[-1][0]
        end = max(last, now - max(GRACE, LATE * self.interval))
        begin = max(first, end - WINDOW)
        if begin >= last:
            return 0.0
        (t0, n0), (t1, n1) = samples[0], samples[1]
        for sample in samples:
            t1, n1 = sample
            if t1 > begin:
                break
            t0, n0 = sample
        at_begin = n0 + (n1 - n0) * (begin - t0) / (t1 - t0) if begin > t0 else n0
        return max(0.0, (samples[-1][1] - at_begin) / max(end - begin, 0.1))

    def to_json(self) -> dict[str, Any]:
        """The samples as plain data."""
        return {"samples": [[time, total] for time, total in self.samples], "interval": self.interval}

    @classmethod
    def from_json(cls, data: dict[str, Any] | list[list[float]]) -> RateMeter:
        """The meter that `to_json` described; earlier versions wrote only the samples."""
        meter = cls()
        if isinstance(data, list):
            data = {"samples": data, "interval": 0.0}
        meter.interval = max(0.0, finite(data["interval"]))
        meter.samples.extend((finite(time), whole(total)) for time, total in data["samples"])
        return meter
