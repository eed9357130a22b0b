"""Measure whole processes: an empty Python, the command's help, and a short pipeline with `--plain`.

    python benchmarks/startup.py [--runs 20]

Prints the median of each in milliseconds. The pipeline's time includes two interpreters, ours and the worker's.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

PIPELINE = """
from sage.core.api.local_environment import LocalEnvironment

class Service:
    def hello(self):
        pass

env = LocalEnvironment("startup")
env.register_service("hello", Service)
env.from_batch(range(10)).map(lambda x: x + 1).print()
env.submit(autostop=True)
"""


def milliseconds(command: list[str], runs: int, folder: Path) -> float:
    """The median time of a command, in milliseconds."""
    environment = os.environ | {"SAGE_PROJECT_ROOT": str(folder)}
    times = []
    for _ in range(runs + 1):
        begin = time.perf_counter()
        subprocess.run(command, check=True, capture_output=True, cwd=folder, env=environment)
        times.append(time.perf_counter() - begin)
    return statistics.median(times[1:]) * 1000  # the first one fills the caches


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=20)
    runs = parser.parse_args().runs
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "pipeline.py").write_text(PIPELINE)
        commands = {
            "python -c pass": [sys.executable, "-c", "pass"],
            "sage-tui --help": [sys.executable, "-m", "sage_tui", "--help"],
            "sage-tui --plain pipeline.py": [sys.executable, "-m", "sage_tui", "--plain", "pipeline.py"],
            "sage-tui --json pipeline.py": [sys.executable, "-m", "sage_tui", "--json", "pipeline.py"],
        }
        for what, command in commands.items():
            print(f"{what:<32} {milliseconds(command, runs, folder):7.1f} ms")


if __name__ == "__main__":
    main()
