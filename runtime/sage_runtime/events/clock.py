"""The time that events are stamped with."""

from __future__ import annotations

import time
from collections.abc import Callable

_EVER_ONWARD = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
"""A clock that nobody can set and that goes on while the machine sleeps."""


def steady_clock() -> Callable[[], float]:
    """A clock in Unix seconds that reads as the machine's does now, and that does not leap when that one is set."""
    read, which = time.clock_gettime, _EVER_ONWARD
    ahead = time.time() - read(which)
    return lambda: read(which) + ahead
