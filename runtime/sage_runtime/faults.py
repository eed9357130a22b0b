"""When things end badly: where native crashes are logged, and ways to end this process for sure."""

from __future__ import annotations

import faulthandler
import os
import signal
import sys
from io import FileIO
from typing import Any

_exit = os._exit
_SET_DEATH_SIGNAL = 1
_THIS: Any = None
"""The program itself, to `dlopen`."""


class FaultLog:
    """The file `fault-<run>.log` in the session's folder, where Python's stacks go when native code crashes.

    Without a folder, or where it can't be written, there is none. An empty one is removed in the end.
    """

    def __init__(self, folder: str, run: int) -> None:
        self._path = f"{folder}/fault-{run}.log"
        self._file: FileIO | None = None
        if folder:
            try:
                self._file = FileIO(self._path, "xb", opener=_private)
            except OSError:
                return
            faulthandler.enable(self._file)

    def close(self) -> None:
        """Remove it if nothing was written."""
        if self._file is None:
            return
        try:
            if os.fstat(self._file.fileno()).st_size == 0:
                os.unlink(self._path)  # noqa: PTH108 - no pathlib at the end of the interpreter
        except OSError:
            pass


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def die_with_parent() -> None:
    """Have Linux kill this process when the session's thread that started it ends, even if Python is stuck."""
    if sys.platform != "linux":
        return
    try:
        from _ctypes import call_cdeclfunction, dlopen, dlsym  # `ctypes` itself takes some milliseconds to import

        call_cdeclfunction(dlsym(dlopen(_THIS, 0), "prctl"), (_SET_DEATH_SIGNAL, int(signal.SIGKILL), 0, 0, 0))
    except (ImportError, OSError, AttributeError):
        return


def end_group() -> None:
    """End this process now, with what it has started, if it leads its process group."""
    if os.getpgrp() == os.getpid():
        os.killpg(0, signal.SIGKILL)
    _exit(1)
