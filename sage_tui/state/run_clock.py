"""The run's own time: event times made steady, so that no rate ever sees a clock that jumps."""

from __future__ import annotations

import math
from typing import Any

from sage_tui.state.sanitize import finite

BACKWARD = 5.0
"""Event times may be out of order by this many seconds (several writers); further back, the clock was set."""

LONGEST = 7 * 86400.0
"""No step between two events counts as longer than this many seconds."""


class RunClock:
    """Seconds since a run's first event: `time` never goes back and never leaps, whatever the wall clock does."""

    __slots__ = ("offset", "origin", "time")

    def __init__(self) -> None:
        self.origin: float | None = None
        self.offset = 0.0
        self.time = 0.0

    def tick(self, t: float) -> float:
        """Take an event's Unix time in; returns the run's time."""
        if self.origin is None:
            if math.isfinite(t):
                self.origin = t
            return self.time
        time = t - self.origin + self.offset
        if not math.isfinite(time):
            return self.time
        if time < self.time - BACKWARD:
            self.offset += self.time - time
        elif time > self.time + LONGEST:
            self.offset -= time - (self.time + LONGEST)
            self.time += LONGEST
        elif time > self.time:
            self.time = time
        return self.time

    def at(self, now: float) -> float:
        """The run's time at Unix time `now`, never before its last event."""
        if self.origin is None:
            return self.time
        time = now - self.origin + self.offset
        if not math.isfinite(time):
            return self.time
        return min(max(time, self.time), self.time + LONGEST)

    def to_json(self) -> dict[str, Any]:
        """The clock as plain data."""
        return {"origin": self.origin, "offset": self.offset, "time": self.time}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> RunClock:
        """The clock that `to_json` described."""
        clock = cls()
        clock.origin = None if data["origin"] is None else finite(data["origin"])
        clock.offset, clock.time = finite(data["offset"]), finite(data["time"])
        return clock
