"""A long run, watched: memory, descriptors, threads, processes and latency over time, as a report with a picture.

A streaming pipeline with a service runs in a session while its script is saved again and again. Every second both
processes are sampled; the report says how each figure grew over the second half of the time, for what settles is no
leak. `python benchmarks/soak.py --minutes 60 --reload-seconds 5 --folder soak` writes `soak/soak.json`, `soak/soak.svg`
and prints the table. Linux only: it reads /proc.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from sage_runtime.events import Event, OperatorStats, RunStarted, ServiceStats
from sage_tui.session import Session, SessionOptions

SCRIPT = """\
# version {version}
import time
from sage.core.api.local_environment import LocalEnvironment
from sage.core.api.function.map_function import MapFunction
from sage.core.api.function.sink_function import SinkFunction
from sage.core.api.function.source_function import SourceFunction
from sage.core.api.service.base_service import BaseService

class Ticks(SourceFunction):
    number = 0
    def execute(self):
        time.sleep({pause})
        self.number += 1
        return self.number

class Echo(BaseService):
    def ask(self, number):
        return number

class Ask(MapFunction):
    def execute(self, number):
        if number % 1000 == 999:
            raise ValueError(number)
        return self.call_service["echo"].ask(number)

class Show(SinkFunction):
    def execute(self, number):
        if number % 10 == 0:
            print("tick", number)

environment = LocalEnvironment("soak")
environment.register_service("echo", Echo)
environment.from_source(Ticks).map(Ask).sink(Show)
environment.submit()
"""

SERIES = (
    ("rss", "memory of the session (MB)"),
    ("worker_rss", "memory of the worker (MB)"),
    ("descriptors", "descriptors of the session"),
    ("threads", "threads of the session"),
    ("children", "child processes"),
    ("p99_ms", "p99 of the slowest operator (ms)"),
    ("snapshot_ms", "making a snapshot (ms)"),
)
Sample = dict[str, float]


class Listening:
    """What the reader's thread hears; the main thread reads the plain fields."""

    def __init__(self) -> None:
        self.runs = 0
        self.records = 0
        self.calls = 0
        self.p99 = 0.0
        self.first_record = threading.Event()

    def __call__(self, line: bytes, event: Event) -> None:
        if isinstance(event, RunStarted):
            self.runs += 1
            self.first_record.clear()
        elif isinstance(event, OperatorStats):
            self.records = max(self.records, event.records_in)
            if event.records_in:
                self.first_record.set()
            self.p99 = event.latency.p99
        elif isinstance(event, ServiceStats):
            self.calls = event.calls


def children(pid: int) -> list[int]:
    """The direct children of a process."""
    text = "".join(path.read_text() for path in Path(f"/proc/{pid}/task").glob("*/children"))
    return [int(word) for word in text.split()]


def resident(pid: int) -> float:
    """Resident memory in MB; 0 for a process that has just ended."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except (OSError, IndexError):
        return 0.0
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def sample(session: Session, listening: Listening, began: float) -> Sample:
    """One look at everything."""
    before = time.perf_counter()
    session.snapshot()
    took = time.perf_counter() - before
    workers = children(os.getpid())
    return {
        "t": time.monotonic() - began,
        "rss": resident(os.getpid()),
        "worker_rss": max((resident(pid) for pid in workers), default=0.0),
        "descriptors": len(list(Path("/proc/self/fd").iterdir())),
        "threads": threading.active_count(),
        "children": len(workers),
        "p99_ms": listening.p99 * 1000,
        "snapshot_ms": took * 1000,
        "runs": listening.runs,
    }


def soak(folder: Path, minutes: float, reload_seconds: float, pause: float) -> list[Sample]:
    """Run it; a sample a second."""
    script = folder / "soak_script.py"

    def save(version: int) -> None:
        part = script.with_suffix(".part")
        part.write_text(SCRIPT.format(version=version, pause=pause))
        part.replace(script)

    save(0)
    listening = Listening()
    session = Session(SessionOptions(script=script, root=folder, journal_limit=64 * 2**20))
    session.subscribe(listening)
    samples: list[Sample] = []
    began = time.monotonic()
    try:
        session.start()
        next_save, version = began + reload_seconds, 0
        while (now := time.monotonic()) < began + 60 * minutes:
            if now >= next_save:
                version += 1
                save(version)
                next_save = now + reload_seconds
            samples.append(sample(session, listening, began))
            time.sleep(min(1.0, max(0.05, next_save - time.monotonic())))
    finally:
        session.close()
    return samples


def growth(samples: Sequence[Sample], name: str) -> tuple[float, float]:
    """The median of the third and of the last quarter."""
    values = [one[name] for one in samples]
    quarter = max(1, len(values) // 4)
    return statistics.median(values[2 * quarter : 3 * quarter] or values), statistics.median(values[-quarter:])


def report(samples: Sequence[Sample]) -> str:
    """The table as text."""
    lines = [f"{len(samples)} samples in {samples[-1]['t']:.0f} s, {samples[-1]['runs']:.0f} runs", ""]
    lines.append(f"{'':36}{'at first':>10}{'most':>10}{'3rd quarter':>13}{'last quarter':>14}")
    for name, title in SERIES:
        values = [one[name] for one in samples]
        third, last = growth(samples, name)
        lines.append(f"{title:36}{values[0]:>10.2f}{max(values):>10.2f}{third:>13.2f}{last:>14.2f}")
    return "\n".join(lines)


def picture(samples: Sequence[Sample]) -> str:
    """A small line chart for each figure, below one another, as SVG."""
    width, height, left, gap = 900, 90, 60, 40
    total = len(SERIES) * (height + gap) + gap
    end = max(samples[-1]["t"], 1e-9)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{total}" font-family="sans-serif" '
        f'font-size="12"><rect width="100%" height="100%" fill="white"/>'
    ]
    for at, (name, title) in enumerate(SERIES):
        top = gap + at * (height + gap)
        most = max(one[name] for one in samples) or 1.0
        points = " ".join(
            f"{left + one['t'] / end * (width - left - 20):.1f},{top + height - one[name] / most * height:.1f}"
            for one in samples
        )
        parts.append(f'<text x="{left}" y="{top - 8}">{title}</text>')
        parts.append(f'<text x="{left - 6}" y="{top + 10}" text-anchor="end">{most:.4g}</text>')
        parts.append(f'<text x="{left - 6}" y="{top + height}" text-anchor="end">0</text>')
        parts.append(f'<rect x="{left}" y="{top}" width="{width - left - 20}" height="{height}" fill="#f4f4f4"/>')
        parts.append(f'<polyline points="{points}" fill="none" stroke="#2060c0" stroke-width="1.5"/>')
    parts.append(f'<text x="{width - 20}" y="{total - 12}" text-anchor="end">{end:.0f} s</text></svg>')
    return "\n".join(parts)


def main() -> int:
    """Run the soak and write its report; status 1 if something has grown by more than a tenth, and more than noise."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--minutes", type=float, default=3.0)
    parser.add_argument("--reload-seconds", type=float, default=2.0, help="the time from one save to the next")
    parser.add_argument("--pause", type=float, default=0.002, help="seconds between two records")
    parser.add_argument("--folder", type=Path, help="where the report goes (by default nowhere)")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        samples = soak(Path(place), asked.minutes, asked.reload_seconds, asked.pause)
    print(report(samples))
    if asked.folder is not None:
        asked.folder.mkdir(parents=True, exist_ok=True)
        (asked.folder / "soak.json").write_text(json.dumps(samples))
        (asked.folder / "soak.svg").write_text(picture(samples))
    leaks = []
    for name, noise in (("rss", 2.0), ("descriptors", 3.0), ("threads", 2.0), ("children", 1.0)):
        third, last = growth(samples, name)
        if last > third * 1.1 and last - third > noise:
            leaks.append(name)
    if leaks:
        print(f"still growing: {', '.join(leaks)}")
    return 1 if leaks else 0


if __name__ == "__main__":
    sys.exit(main())
