"""For bad ends: descriptors that are hard to lose, the log of native crashes, and ways to end for certain."""

from __future__ import annotations

import faulthandler
import fcntl
import os
import signal
from typing import NoReturn

_exit = os._exit
_write = os.write
_fstat = os.fstat
_HIGH_DESCRIPTORS = (1000, 240)


def out_of_the_way(descriptor: int) -> int:
    """The file under a high number, out of reach of scripts that close or count descriptors; not inherited."""
    for number in _HIGH_DESCRIPTORS:
        try:
            moved = fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, number)
        except OSError:  # beyond the process's limit
            continue
        os.close(descriptor)
        return moved
    os.set_inheritable(descriptor, False)
    return descriptor


class FaultLog:
    """The file `fault-<run>.log` in the session's folder: the Python stacks of a crash in native code.

    It is not written if there is no such folder, and removed at the end if it is empty.
    """

    def __init__(self, folder: str, run: int) -> None:
        self._path = f"{folder}/fault-{run}.log"
        self._descriptor = -1
        if folder:
            try:
                made = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
            except OSError:
                return
            self._descriptor = out_of_the_way(made)
            faulthandler.enable(self._descriptor)

    def close(self) -> None:
        """Remove the file if it is empty."""
        if self._descriptor < 0:
            return
        try:
            if os.fstat(self._descriptor).st_size == 0:
                os.unlink(self._path)  # noqa: PTH108 - no pathlib at the end of the interpreter
        except OSError:
            pass


def end_group() -> NoReturn:
    """End this process now, and the processes that it has started if it leads its group."""
    if os.getpgrp() == os.getpid():
        os.killpg(0, signal.SIGKILL)
    _exit(1)


def end_with(message: str) -> NoReturn:
    """End this process now, with a message on its stderr."""
    try:
        _write(2, f"{message}\n".encode())
    except OSError:
        pass
    _exit(1)


def file_behind(descriptor: int) -> tuple[int, int] | None:
    """The identity of an open file or pipe; None for a closed descriptor."""
    try:
        found = _fstat(descriptor)
    except OSError:
        return None
    return found.st_dev, found.st_ino
