"""The measurements. Each runs a process, or times something inside one, and returns a number.

A program in `programs/` writes its result in seconds to the file named by its second argument, so neither its output
nor its environment disturbs the result.
"""

from __future__ import annotations

import contextlib
import os
import pty
import select
import subprocess
import sys
import tempfile
import time
from pathlib import Path

PROGRAMS = Path(__file__).resolve().parent / "programs"
OURS = [sys.executable, "-m", "sage_tui"]


class FailedError(Exception):
    """A measured process failed. The message is the end of its output."""


def environment(home: Path) -> dict[str, str]:
    """The environment of a measured process: compiled modules are kept, and streams are buffered as usual."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON") and name != "CI"}
    return kept | {"SAGE_PROJECT_ROOT": str(home), "HOME": str(home), "TERM": "xterm-256color"}


def whole(command: list[str], *, stdout: int | None = subprocess.DEVNULL) -> float:
    """Seconds from the start of a process to its end."""
    with tempfile.TemporaryDirectory() as name:
        began = time.perf_counter()
        done = subprocess.run(
            command,
            cwd=name,
            env=environment(Path(name)),
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
            timeout=300,
        )
        seconds = time.perf_counter() - began
    if done.returncode:
        raise FailedError(done.stderr.strip()[-500:])
    return seconds


def inside(python: list[str], program: str, *arguments: object) -> float:
    """The seconds that a program in `programs/` measured."""
    with tempfile.TemporaryDirectory() as name:
        result = Path(name) / "result"
        first, *rest = arguments
        whole([*python, str(PROGRAMS / program), str(first), str(result), *map(str, rest)])
        return float(result.read_text())


def called(function: str) -> float:
    """The result of a function of `engine_throughput`, in a process of its own."""
    code = f"import engine_throughput as e; print(e.{function}())"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=Path(__file__).resolve().parent,
        env=environment(Path(tempfile.gettempdir())),
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    if done.returncode:
        raise FailedError(done.stderr.strip()[-500:])
    return float(done.stdout)


def printed(lines: int, *, ours: bool) -> float:
    """Seconds of a whole process that prints lines to a file. Every line must arrive."""
    with tempfile.TemporaryDirectory() as name:
        output = Path(name) / "output"
        command = [*OURS, "--plain"] if ours else [sys.executable]
        with output.open("wb") as file:
            seconds = whole([*command, str(PROGRAMS / "printing.py"), str(lines), f"{name}/r"], stdout=file.fileno())
        with output.open("rb") as file:
            found = sum(1 for _ in file)
        if found != lines:
            raise FailedError(f"{lines - found} of {lines} lines are missing")
        return seconds


def in_dashboard(program: str, *arguments: object) -> float:
    """Like `inside`, with the dashboard open in a 120×36 terminal that takes everything at once."""
    import fcntl
    import struct
    import termios

    with tempfile.TemporaryDirectory() as name:
        result = Path(name) / "result"
        first, *rest = arguments
        command = [*OURS, "--tui", "--exit-on-finish", str(PROGRAMS / program), str(first), str(result)]
        ours, theirs = pty.openpty()
        fcntl.ioctl(ours, termios.TIOCSWINSZ, struct.pack("HHHH", 36, 120, 0, 0))
        process = subprocess.Popen(
            [*command, *map(str, rest)],
            cwd=name,
            env=environment(Path(name)),
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
        )
        os.close(theirs)
        deadline = time.monotonic() + 120
        try:
            while process.poll() is None and time.monotonic() < deadline:
                if select.select([ours], [], [], 0.1)[0]:
                    with contextlib.suppress(OSError):
                        os.read(ours, 1 << 16)
        finally:
            process.kill()
            process.wait()
            os.close(ours)
        if not result.exists():
            raise FailedError("the dashboard did not run it to its end")
        return float(result.read_text())


def saved(rounds: int) -> list[float]:
    """Seconds from a save to the first output of the new run, in a session like the dashboard's."""
    with tempfile.TemporaryDirectory() as name:
        command = [sys.executable, str(PROGRAMS / "saving.py"), str(rounds)]
        done = subprocess.run(
            command, cwd=name, env=environment(Path(name)), capture_output=True, text=True, check=False, timeout=300
        )
        if done.returncode:
            raise FailedError(done.stderr.strip()[-500:])
        return [float(word) for word in done.stdout.split()]


def resident(records: int) -> float:
    """The peak resident memory, in MB, of a worker that runs a pipeline of so many records."""
    with tempfile.TemporaryDirectory() as name:
        result = Path(name) / "result"
        whole([*OURS, "--plain", str(PROGRAMS / "memory_sage.py"), str(records), str(result)])
        return float(result.read_text())
