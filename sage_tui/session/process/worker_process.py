"""Worker processes: our ends of their pipes, their signals and ends, and what they leave behind."""

from __future__ import annotations

import contextlib
import ctypes
import os
import select
import selectors
import signal
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, Protocol

from sage_runtime.events import Command, Stop, encode_command
from sage_tui.session.process.bootstrap import Spawned, spawn


class ExitWatch(Protocol):
    """Can be read (by a selector) once the process has ended."""

    def fileno(self) -> int:
        """The descriptor to wait for."""
        ...

    def close(self) -> None:
        """Let go of it."""
        ...


class _Descriptor:
    def __init__(self, fd: int) -> None:
        self._fd = fd

    def fileno(self) -> int:
        return self._fd

    def close(self) -> None:
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)


def watch_exit(pid: int) -> ExitWatch:
    """Watch a child of ours that has not been reaped: with a pidfd on Linux, a kqueue on macOS, else on a thread."""
    if sys.platform == "linux":
        try:
            return _Descriptor(os.pidfd_open(pid))
        except OSError:
            pass  # an older kernel, or a sandbox
    if sys.platform == "darwin":
        queue = select.kqueue()
        event = select.kevent(pid, filter=select.KQ_FILTER_PROC, flags=select.KQ_EV_ADD, fflags=select.KQ_NOTE_EXIT)
        try:
            queue.control([event], 0)
        except ProcessLookupError:  # it has ended already
            queue.close()
            return _ended()
        return queue
    return _watch_on_thread(pid)


def _ended() -> ExitWatch:
    reading, writing = os.pipe()
    os.close(writing)
    return _Descriptor(reading)


def _watch_on_thread(pid: int) -> ExitWatch:
    reading, writing = os.pipe()

    def wait() -> None:
        if sys.platform != "darwin":  # where older Pythons have no `waitid`, and a kqueue serves
            try:
                os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
            except ChildProcessError:
                pass  # reaped already
        os.close(writing)

    threading.Thread(target=wait, name=f"sage-tui exit of {pid}", daemon=True).start()
    return _Descriptor(reading)


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


_PR_SET_CHILD_SUBREAPER = 36


class _Child(NamedTuple):
    pid: int
    state: str
    session: int


def _prctl(option: int, value: int) -> bool:
    if sys.platform != "linux":
        return False
    libc = ctypes.CDLL(None, use_errno=True)
    return bool(libc.prctl(option, ctypes.c_ulong(value), 0, 0, 0) == 0)


def _status(pid: int) -> _Child | None:
    try:
        text = Path(f"/proc/{pid}/stat").read_text(errors="replace")
    except OSError:
        return None
    fields = text[text.rfind(")") + 2 :].split()
    return _Child(pid, fields[0], int(fields[3]))


def _children() -> list[_Child]:
    """Our child processes, whichever of our threads they belong to."""
    pids: set[int] = set()
    try:
        for task in Path("/proc/self/task").iterdir():
            try:
                pids.update(map(int, (task / "children").read_text().split()))
            except OSError:
                continue  # the thread has ended, or the kernel doesn't tell
    except OSError:
        return []
    return [child for pid in pids if (child := _status(pid)) is not None]


class Orphans:
    """Processes that scripts leave behind: found, ended and reaped on Linux; elsewhere only process groups are ended.

    While a session runs, our process is a "child subreaper": what loses its parent below us becomes our child, even if
    it left the worker's process group and session (a daemon). Orphans are those of our children whose process session
    is a worker's, or neither ours nor a running worker's. Children that were there before the session, and all that
    stay in our process session (an editor, a clipboard tool), are left alone. The supervisor's thread uses it.
    """

    def __init__(self) -> None:
        self._workers: set[int] = set()
        self._before = {child.pid for child in _children()}
        self._session = os.getsid(0)
        self.adopting = _prctl(_PR_SET_CHILD_SUBREAPER, 1)

    def worker_started(self, pid: int) -> None:
        """Note a worker of ours: no orphan while it runs."""
        self._workers.add(pid)

    def worker_ended(self, pid: int) -> None:
        """Note that a worker has been reaped."""
        self._workers.discard(pid)

    def release(self) -> None:
        """Adopt no more."""
        if self.adopting:
            _prctl(_PR_SET_CHILD_SUBREAPER, 0)

    def _find(self) -> list[_Child]:
        if not self.adopting:
            return []
        return [
            child
            for child in _children()
            if child.pid not in self._workers and child.pid not in self._before and child.session != self._session
        ]

    def reap(self) -> None:
        """Reap those that have ended, and no other child of ours."""
        for child in self._find():
            if child.state == "Z":
                self._wait(child.pid)

    @staticmethod
    def _wait(pid: int) -> bool:
        try:
            return os.waitpid(pid, os.WNOHANG)[0] == pid
        except ChildProcessError:
            return True

    def end(self, patience: float, keep: frozenset[int] = frozenset()) -> None:
        """End all orphans there are, and those that they leave in turn: SIGTERM, after `patience` seconds SIGKILL.

        `keep` are process sessions to leave alone: those of workers that still run.
        """
        for _ in range(32):  # each round ends one generation
            found = [child for child in self._find() if child.session not in keep]
            if not found:
                return
            self._signal(found, signal.SIGTERM)
            self._signal(found, signal.SIGCONT)
            left = self._await(found, patience)
            self._signal(left, signal.SIGKILL)
            self._await(left, 1.0)
            patience = 0.0

    @staticmethod
    def _signal(children: list[_Child], signum: int) -> None:
        for child in children:
            try:
                os.kill(child.pid, signum)
            except OSError:
                continue  # it has ended, or it is another user's (a setuid program)

    def _await(self, children: list[_Child], seconds: float) -> list[_Child]:
        """Reap the children as they end; those that still run after `seconds`."""
        deadline = time.monotonic() + seconds
        left = [child for child in children if not self._wait(child.pid)]
        while left and (remaining := deadline - time.monotonic()) > 0:
            _await_exit(left[0].pid, remaining)
            left = [child for child in left if not self._wait(child.pid)]
        return left


def _await_exit(pid: int, seconds: float) -> None:
    """Wait until a child has ended, `seconds` at most."""
    watch = watch_exit(pid)
    try:
        with selectors.DefaultSelector() as selector:
            selector.register(watch, selectors.EVENT_READ)
            selector.select(seconds)
    finally:
        watch.close()
