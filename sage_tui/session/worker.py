"""A worker process and our ends of its pipes."""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable
from pathlib import Path

from sage_runtime.events import Command, Stop, encode_command
from sage_runtime.launch import WorkerConfig, command_line

EVENT_PIPE_BYTES = 1024 * 1024
RAW_PIPE_BYTES = 256 * 1024
MAX_OUTBOX_BYTES = 4 * 1024 * 1024

_TERMINAL_STOPS = frozenset({signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU})


def _pipe(size: int | None = None) -> tuple[int, int]:
    """A pipe, larger where the system lets us; neither end is inherited."""
    reading, writing = os.pipe()
    if size is not None and hasattr(fcntl, "F_SETPIPE_SZ"):
        with contextlib.suppress(OSError):  # the user's pages for pipes are used up: the usual size does
            fcntl.fcntl(reading, fcntl.F_SETPIPE_SZ, size)
    return reading, writing


class Worker:
    """A worker process, in a process session and group of its own.

    Being in its own session it gets none of the terminal's signals (they are forwarded), and it may read a terminal
    that it inherits as stdin: job control only concerns processes whose controlling terminal it is. For the same
    reason its group counts as orphaned and ignores SIGTSTP, so `signal` sends SIGSTOP instead.

    The supervisor's thread makes it, the run's reader reads its descriptors and reaps it, any thread sends.
    """

    def __init__(self, process: subprocess.Popen[bytes], run: int, fds: tuple[int, int, int, int]) -> None:
        self.run = run
        self.pid = process.pid
        self.events_fd, self.stdout_fd, self.stderr_fd, self._commands_fd = fds
        for fd in fds:
            os.set_blocking(fd, False)
        self.on_outbox: Callable[[], None] = lambda: None
        """Called where a command could not be sent at once: `flush_outbox` when `commands_fd` can be written."""
        self._process = process
        self._lock = threading.Lock()
        self._outbox: deque[bytes] = deque()
        self._outbox_bytes = 0
        self._reaped = False

    @classmethod
    def start(
        cls, python: str, script: Path, argv: tuple[str, ...], run: int, *, logs: Path | None, interactive: bool
    ) -> Worker:
        """Start an interpreter that waits for `Start`.

        Raises:
            OSError: it can't be started.
        """
        pipes: list[int] = []
        try:
            events = _pipe(EVENT_PIPE_BYTES)
            pipes += events
            commands = _pipe()
            pipes += commands
            stdout, stderr = _pipe(RAW_PIPE_BYTES), _pipe(RAW_PIPE_BYTES)
            pipes += (*stdout, *stderr)
            config = WorkerConfig(
                script=str(script),
                argv=argv,
                run=run,
                events_fd=events[1],
                commands_fd=commands[0],
                logs=str(logs) if logs is not None else "",
                ask_input=interactive,
                keep_streaming=interactive,
            )
            process = subprocess.Popen(
                command_line(python, config),
                stdin=subprocess.DEVNULL if interactive else None,
                stdout=stdout[1],
                stderr=stderr[1],
                pass_fds=(events[1], commands[0]),
                start_new_session=True,
            )
        except BaseException:
            for fd in pipes:
                os.close(fd)
            raise
        for fd in (events[1], commands[0], stdout[1], stderr[1]):
            os.close(fd)
        return cls(process, run, (events[0], stdout[0], stderr[0], commands[1]))

    # --- commands ----------------------------------------------------------------------------------------------------

    @property
    def commands_fd(self) -> int:
        """Where commands are written; -1 once the worker has gone."""
        return self._commands_fd

    def send(self, command: Command) -> None:
        """Send a command; never blocks. To a worker that has gone, or doesn't read, nothing is sent."""
        data = encode_command(command)
        with self._lock:
            if self._commands_fd < 0 or self._outbox_bytes + len(data) > MAX_OUTBOX_BYTES:
                return
            self._outbox.append(data)
            self._outbox_bytes += len(data)
            left = self._write_outbox()
        if left:
            self.on_outbox()

    def flush_outbox(self) -> bool:
        """Send what is left over; whether there is still something."""
        with self._lock:
            return self._commands_fd >= 0 and self._write_outbox()

    def _write_outbox(self) -> bool:
        while self._outbox:
            data = self._outbox[0]
            try:
                sent = os.write(self._commands_fd, data)
            except BlockingIOError:
                return True
            except OSError:  # it has closed its end
                self._outbox.clear()
                self._outbox_bytes = 0
                return False
            self._outbox_bytes -= sent
            if sent == len(data):
                self._outbox.popleft()
            else:
                self._outbox[0] = data[sent:]
        return False

    def stop(self) -> None:
        """Ask it to stop, in good order."""
        self.send(Stop())

    # --- the process -------------------------------------------------------------------------------------------------

    def signal(self, signum: int) -> None:
        """Send a signal to the worker's process group; nothing happens once the worker is reaped."""
        if signum in _TERMINAL_STOPS:
            signum = signal.SIGSTOP
        with self._lock:
            if not self._reaped:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.killpg(self.pid, signum)

    def reap(self) -> int:
        """Wait for the process, which has ended; its exit status, negative for a signal.

        What is left of its process group is signalled first: as long as the worker isn't reaped, the group's number
        can't be somebody else's. On Linux `Orphans` sees to those that ignore it.
        """
        with self._lock:
            if not self._reaped:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.killpg(self.pid, signal.SIGTERM if sys.platform == "linux" else signal.SIGKILL)
            self._reaped = True
        return self._process.wait()

    def discard(self) -> None:
        """End a worker that never ran the script, and reap it."""
        self.signal(signal.SIGKILL)
        self.reap()
        self.close()

    def close(self) -> None:
        """Close our ends of the pipes."""
        with self._lock:
            fds = (self.events_fd, self.stdout_fd, self.stderr_fd, self._commands_fd)
            self.events_fd = self.stdout_fd = self.stderr_fd = self._commands_fd = -1
            for fd in fds:
                if fd >= 0:
                    os.close(fd)
