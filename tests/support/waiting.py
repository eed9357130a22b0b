"""Wait for what must become true, with one limit for everything."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

SOON = 90.0
"""Seconds after which something that has not happened counts as a failure.

No test depends on the speed of the machine: whatever takes this long hangs.
"""

T = TypeVar("T")


def eventually(probe: Callable[[], T], what: str, seen: Callable[[], object] | None = None) -> T:
    """The first true result of `probe`, polled. A failure says `what` was awaited and what is `seen`."""
    began = time.monotonic()
    while not (answer := probe()):
        waited = time.monotonic() - began
        if waited > SOON:
            raise AssertionError(f"waited {waited:.0f} s for {what}" + (f"; seen: {seen()}" if seen else ""))
        time.sleep(0.01)  # what happens in another process, or in a thread that tells nobody, can only be looked at
    return answer
