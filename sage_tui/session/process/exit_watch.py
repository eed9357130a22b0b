"""Learning that a child process has ended, beside other descriptors and without reaping it."""

from __future__ import annotations

import os
import select
import sys
import threading
from typing import Protocol


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
