"""A worker process and our ends of its pipes."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from collections import deque
from collections.abc import Callable
from pathlib import Path

from sage_runtime.events import Command, Stop, encode_command
from sage_tui.session.process.spawn import Spawned, spawn

MAX_OUTBOX_BYTES = 4 * 1024 * 1024

_TERMINAL_STOPS = frozenset({signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU})


class WorkerProcess:
    """A worker process, in a process session and group of its own.

    Being in its own session it gets none of the terminal's signals (they are forwarded), and it may read a terminal
    that it inherits as stdin: job control only concerns processes whose controlling terminal it is. For the same
    reason its group counts as orphaned and ignores SIGTSTP, so `signal` sends SIGSTOP instead.

    The supervisor's thread makes it, the run's reader reads its descriptors and reaps it, any thread sends.
    """

    def __init__(self, spawned: Spawned) -> None:
        process, self.run, *fds = spawned
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
    ) -> WorkerProcess:
        """Start an interpreter that waits for `Start`.

        Raises:
            OSError: it can't be started.
        """
        return cls(spawn(python, script, argv, run, logs=logs, interactive=interactive))

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
