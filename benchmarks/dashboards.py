"""Measure how fast the dashboard feels: when the effect of a key shows, and when the first frame is drawn."""

from __future__ import annotations

import random
import statistics
import sys
import tempfile
import time
from pathlib import Path

from measures import OURS, PROGRAMS, environment
from watched import Watched

FROZEN = b"DISPLAY FROZEN"
PRESSES = 40
SETTLE = 2.0
"""Seconds between the first frame and the first key."""


def key_latency(mode: str) -> float:
    """Median seconds from a key until its effect (the display freezes) is drawn, while `watched_sage.py MODE` runs."""
    chance = random.Random(mode)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        command = [*OURS, "--tui", str(PROGRAMS / "watched_sage.py"), mode]
        with Watched(command, folder=folder, environment=environment(folder)) as dashboard:
            dashboard.wait_for(b"RUNNING")
            time.sleep(SETTLE)
            times = []
            for _ in range(PRESSES):
                times.append(dashboard.seconds_to(b" ", FROZEN))
                dashboard.press(b" ")
                time.sleep(chance.uniform(0.1, 0.3))  # anywhere between two frames
    return statistics.median(times)


def first_frame(command: list[str], mark: bytes) -> float:
    """Seconds from the start of a process until `mark`, the end of its first frame, is drawn."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with Watched(command, folder=folder, environment=environment(folder)) as dashboard:
            return dashboard.wait_for(mark) - dashboard.began


if __name__ == "__main__":
    for mode in sys.argv[1:] or ["idle", "flood", "spin"]:
        print(f"{mode}: {1000 * key_latency(mode):.1f} ms")
