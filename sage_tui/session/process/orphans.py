"""Processes that a script leaves behind: found, ended and reaped on Linux; elsewhere only the process group is.

While a session runs, our process is a "child subreaper": what loses its parent below us becomes our child, even where
it left the worker's process group and session (a daemon). Which of our children are such orphans is told by their
process session: a worker's own, or neither ours nor a running worker's. Children that were there before the session,
and all that stay in our process session (an editor, a clipboard tool), are left alone.
"""

from __future__ import annotations

import ctypes
import os
import selectors
import signal
import sys
import time
from pathlib import Path
from typing import NamedTuple

from sage_tui.session.process.exit_watch import watch_exit

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
    """The orphans of one session's workers. The supervisor's thread uses it."""

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
