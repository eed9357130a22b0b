"""The clock that events are stamped with."""

from __future__ import annotations

import time
from collections.abc import Callable

_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
"""A clock that nobody can set and that goes on while the machine sleeps."""


def steady_clock() -> Callable[[], float]:
    """A clock in Unix seconds that agrees with the system's now and does not jump when that one is set."""
    read, which = time.clock_gettime, _CLOCK
    ahead = time.time() - read(which)
    return lambda: read(which) + ahead
