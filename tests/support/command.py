"""Run the real command through pipes, and find what it leaves behind."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from subprocess import PIPE, Popen
from typing import IO

from support.waiting import SOON, eventually

COMMAND = (sys.executable, "-m", "sage_tui")
"""The command under test."""

NO_CHANGES: Mapping[str, str] = {}


@dataclass(frozen=True)
class Completed:
    """What a command printed and how it ended."""

    status: int
    out: bytes
    err: bytes

    @property
    def lines(self) -> list[str]:
        """The lines of stdout."""
        return self.out.decode().splitlines()


def environment(**changes: str) -> dict[str, str]:
    """This process's environment with `changes`, without variables that change how a command behaves."""
    kept = {name: value for name, value in os.environ.items() if name not in ("CI", "COLUMNS", "LINES")}
    return kept | changes


def sage_tui(*arguments: str | Path, cwd: Path, stdin: bytes = b"", **changes: str) -> Completed:
    """Run the command to its end, in `cwd`, with environment variables `changes`."""
    return completed([*COMMAND, *arguments], cwd=cwd, stdin=stdin, changes=changes)


def completed(
    command: Sequence[str | Path],
    *,
    cwd: Path,
    stdin: bytes = b"",
    stdout: IO[bytes] | int = PIPE,
    changes: Mapping[str, str] = NO_CHANGES,
) -> Completed:
    """Run any command to its end."""
    with Popen(
        list(map(str, command)), cwd=cwd, stdin=PIPE, stdout=stdout, stderr=PIPE, env=environment(**changes)
    ) as process:
        try:
            out, err = process.communicate(stdin, SOON)
        except subprocess.TimeoutExpired:
            process.kill()
            out, err = process.communicate()
            raise AssertionError(f"{command} has not ended within {SOON} s\n{tails(out, err)}") from None
    return Completed(process.returncode, out or b"", err)


def tails(out: bytes | None, err: bytes | None) -> str:
    """The ends of stdout and stderr, to read."""
    pairs = (("stdout", out or b""), ("stderr", err or b""))
    return "\n".join(f"{name}: {len(text)} bytes, at last {text[-600:]!r}" for name, text in pairs)


def ended_how(process: Popen[bytes]) -> str:
    """Whether a process still runs, or how it ended."""
    status = process.poll()
    if status is None:
        return "the command still runs"
    if status < 0:
        return f"the command was ended by {signal.Signals(-status).name}"
    return f"the command has ended with status {status}"


class Running:
    """The command with pipes for its streams. The end of the `with` block kills it if it still runs."""

    def __init__(self, *arguments: str | Path, cwd: Path, **changes: str) -> None:
        self.process = Popen(
            [*COMMAND, *map(str, arguments)],
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=PIPE,
            stderr=PIPE,
            env=environment(**changes),
        )
        self._read = bytearray()

    def __enter__(self) -> Running:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.communicate()

    @property
    def _stdout(self) -> int:
        assert self.process.stdout is not None
        return self.process.stdout.fileno()

    def line(self) -> bytes:
        """The next line of stdout."""
        deadline = time.monotonic() + SOON
        while b"\n" not in self._read:
            ready, _, _ = select.select([self._stdout], [], [], max(0.0, deadline - time.monotonic()))
            piece = os.read(self._stdout, 65536) if ready else b""
            if not piece:
                raise AssertionError(
                    self._report(f"no line on stdout within {SOON} s" if not ready else "no more lines")
                )
            self._read += piece
        line, _, rest = bytes(self._read).partition(b"\n")
        self._read[:] = rest
        return line

    def close_stdout(self) -> None:
        """Stop reading."""
        assert self.process.stdout is not None
        self.process.stdout.close()
        self.process.stdout = None

    def signal(self, signum: int) -> None:
        """Send a signal to the command only."""
        self.process.send_signal(signum)

    def end(self) -> Completed:
        """Wait for its end. Returns what it printed since the last `line`."""
        try:
            out, err = self.process.communicate(timeout=SOON)
        except subprocess.TimeoutExpired:
            raise AssertionError(self._report(f"it has not ended within {SOON} s")) from None
        return Completed(self.process.returncode, bytes(self._read) + (out or b""), err)

    def _report(self, what: str) -> str:
        """What went wrong and how far the command had come. Ends the command."""
        try:
            out, err = self.process.communicate(timeout=1.0)  # it may be about to end
            how = ended_how(self.process)
        except subprocess.TimeoutExpired:
            how = ended_how(self.process)
            self.process.kill()
            out, err = self.process.communicate()
        return f"{what}; {how}\n{tails(bytes(self._read) + (out or b''), err)}"


def processes(mark: str | Path) -> list[int]:
    """The ids of the processes whose command line contains `mark`, without this one and zombies."""
    found = []
    for pid, command in _command_lines():
        if str(mark) in command and pid != os.getpid():
            found.append(pid)
    return found


def _command_lines() -> Sequence[tuple[int, str]]:
    folder = Path("/proc")
    if not folder.is_dir():
        listed = subprocess.run(["ps", "-axo", "pid=,command="], capture_output=True, text=True, check=True).stdout
        pairs = (line.split(None, 1) for line in listed.splitlines())
        return [(int(pair[0]), pair[1]) for pair in pairs if len(pair) == 2]
    found = []
    for entry in folder.iterdir():
        if entry.name.isdecimal():
            try:
                found.append((int(entry.name), (entry / "cmdline").read_bytes().decode(errors="replace")))
            except OSError:  # it has just ended
                continue
    return found


def is_stopped(pid: int) -> bool:
    """Whether a process is stopped, as by ctrl+z."""
    status = Path(f"/proc/{pid}/stat")
    if status.exists():
        return status.read_text().rpartition(")")[2].split()[0] == "T"
    listed = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False).stdout
    return listed.startswith("T")


def worker_of(script: Path) -> int:
    """The process id of the worker that runs `script`, once there is only one (a save starts the next one early)."""

    def only() -> list[int]:
        found = [pid for pid in processes(script) if _is_worker(pid)]
        return found if len(found) == 1 else []

    return eventually(only, f"one worker of {script}", lambda: _commands_of(script))[0]


def _is_worker(pid: int) -> bool:
    return any("sage_runtime.worker.main" in command for at, command in _command_lines() if at == pid)


def nothing_left(script: Path) -> None:
    """Wait until no process has `script` on its command line."""
    eventually(lambda: not processes(script), f"the end of every process of {script}", lambda: _commands_of(script))


def _commands_of(mark: Path) -> list[str]:
    return [f"{pid}: {command}" for pid, command in _command_lines() if str(mark) in command]
