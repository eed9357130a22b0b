"""Waiting for what must become true, with one limit for all of it."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

SOON = 90.0
"""Seconds after which something that must happen is taken for a failure.

No test passes or fails by how fast the machine is: what takes long here is a hang.
"""

T = TypeVar("T")


def eventually(probe: Callable[[], T], what: str, seen: Callable[[], object] | None = None) -> T:
    """The first true answer of `probe`, asked again and again; a failure says `what` was awaited and what is `seen`."""
    began = time.monotonic()
    while not (answer := probe()):
        waited = time.monotonic() - began
        if waited > SOON:
            raise AssertionError(f"waited {waited:.0f} s for {what}" + (f"; seen: {seen()}" if seen else ""))
        time.sleep(0.01)  # what happens in another process, or in a thread that tells nobody, can only be looked at
    return answer
