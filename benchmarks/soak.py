"""Watch a long run of the real command: memory, descriptors, threads, processes and the latency of a key over time.

The dashboard is open in a terminal on a streaming pipeline that calls a service about a thousand times a second.
Optionally the script is saved again and again. Each second the command and its worker are sampled. The report says how
much each figure grew over the second half of the time, because growth that settles is no leak.

    python benchmarks/soak.py --minutes 60 --folder soak                      # one run, an hour
    python benchmarks/soak.py --minutes 10 --reload-seconds 0.5 --folder soak  # more than a thousand reloads

write `soak/soak.json`, `soak/soak.svg` and print the table. Linux only: it reads /proc.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from measures import OURS, environment
from watched import SilentError, Watched

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
    ("rss", "memory of the command (MB)"),
    ("worker_rss", "memory of the worker (MB)"),
    ("descriptors", "descriptors of the command"),
    ("threads", "threads of the command"),
    ("children", "child processes"),
    ("cpu", "processor time of the command (share of a core)"),
    ("key_ms", "a key, until what it does is drawn (ms)"),
)
FROZEN = b"DISPLAY FROZEN"
KEY_SECONDS = 5.0
"""Seconds between two keys."""
Sample = dict[str, float]


def children(pid: int) -> list[int]:
    """The direct children of a process."""
    found: list[int] = []
    for path in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            found += map(int, path.read_text().split())
        except OSError:  # a thread that has just ended
            continue
    return found


def resident(pid: int) -> float:
    """Resident memory in MB; 0 for a process that has just ended."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except (OSError, IndexError):
        return 0.0
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def processor(pid: int) -> float:
    """Seconds of CPU time that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def look(pid: int, root: Path) -> Sample:
    """A sample of the command and its worker."""
    workers = children(pid)
    return {
        "rss": resident(pid),
        "worker_rss": max((resident(worker) for worker in workers), default=0.0),
        "descriptors": len(list(Path(f"/proc/{pid}/fd").iterdir())),
        "threads": len(list(Path(f"/proc/{pid}/task").iterdir())),
        "children": len(workers),
        "runs": len(list(root.glob(".sage/logs/jobmanager/*/run-*.sagerun"))),
    }


def key(dashboard: Watched) -> float:
    """Milliseconds from a key until its effect (the display freezes) is drawn; then unfreeze it."""
    seconds = dashboard.seconds_to(b" ", FROZEN)
    dashboard.press(b" ")
    return 1000 * seconds


def soak(folder: Path, minutes: float, reload_seconds: float, pause: float) -> list[Sample]:
    """Run it and take a sample each second. With a `reload_seconds` of 0 the script is not saved."""
    script = folder / "soak_script.py"

    def save(version: int) -> None:
        part = script.with_suffix(".part")
        part.write_text(SCRIPT.format(version=version, pause=pause))
        part.replace(script)

    save(0)
    samples: list[Sample] = []
    command = [*OURS, "--tui", str(script)]
    with Watched(command, folder=folder, environment=environment(folder)) as dashboard:
        pid = dashboard.process.pid
        dashboard.wait_for(b"tick")
        began = time.monotonic()
        next_save = began + (reload_seconds or 1e9)
        next_key, key_ms, version, used = began, 0.0, 0, processor(pid)
        while (now := time.monotonic()) < began + 60 * minutes:
            if now >= next_save:
                version += 1
                save(version)
                next_save = now + reload_seconds
            if now >= next_key and not reload_seconds:  # during a reload the header says that instead
                key_ms = key(dashboard)
                next_key = now + KEY_SECONDS
            spent, used = processor(pid) - used, processor(pid)
            cpu = spent / max(now - began - samples[-1]["t"], 1e-3) if samples else 0.0
            samples.append({"t": now - began, "cpu": cpu, "key_ms": key_ms, **look(pid, folder)})
            time.sleep(min(1.0, max(0.05, next_save - time.monotonic())))
        if dashboard.process.poll() is not None:
            raise SilentError(f"the dashboard has ended with status {dashboard.process.returncode}")
    return samples


def growth(samples: Sequence[Sample], name: str) -> tuple[float, float]:
    """The medians of the third and of the last quarter."""
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


def thinned(samples: Sequence[Sample], name: str, most: int = 400) -> list[tuple[float, float]]:
    """The highest value and its time in each of at most `most` intervals, so that no peak is lost."""
    step = -(-len(samples) // most)
    highest = (max(samples[at : at + step], key=lambda one: one[name]) for at in range(0, len(samples), step))
    return [(one["t"], one[name]) for one in highest]


def picture(samples: Sequence[Sample]) -> str:
    """A small line chart for each figure, stacked, as SVG."""
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
            f"{left + t / end * (width - left - 20):.1f},{top + height - value / most * height:.1f}"
            for t, value in thinned(samples, name)
        )
        parts.append(f'<text x="{left}" y="{top - 8}">{title}</text>')
        parts.append(f'<text x="{left - 6}" y="{top + 10}" text-anchor="end">{most:.4g}</text>')
        parts.append(f'<text x="{left - 6}" y="{top + height}" text-anchor="end">0</text>')
        parts.append(f'<rect x="{left}" y="{top}" width="{width - left - 20}" height="{height}" fill="#f4f4f4"/>')
        parts.append(f'<polyline points="{points}" fill="none" stroke="#2060c0" stroke-width="1.5"/>')
    parts.append(f'<text x="{width - 20}" y="{total - 12}" text-anchor="end">{end:.0f} s</text></svg>')
    return "\n".join(parts)


def main() -> int:
    """Run the soak and write its report. Exit with 1 if a figure grew by more than a tenth and more than noise."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--minutes", type=float, default=3.0)
    parser.add_argument("--reload-seconds", type=float, default=0.0, help="from one save to the next (0: none)")
    parser.add_argument("--pause", type=float, default=0.0009, help="seconds between two records, and so two calls")
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
