"""What a reload was asked for, and whether a run keeps reloading itself."""

from __future__ import annotations

import os
from collections.abc import Iterable

from sage_runtime.frozen import Frozen

IN_A_ROW = 3
"""So many reloads that the runs caused themselves pause the watch."""


class RunRequest(Frozen):
    """The run that shall come next."""

    reason: str
    changed: tuple[str, ...] = ()
    paused: bool = False

    def merged(self, later: RunRequest) -> RunRequest:
        """One run for both wishes; the first says whether it starts paused."""
        changed = tuple(dict.fromkeys((*self.changed, *later.changed)))
        return RunRequest("reload" if changed else later.reason, changed, self.paused)


class OwnWrites:
    """Finds scripts that write files that are watched.

    Only what the worker itself has reported counts (`FilesWritten`: the files that the script opened for writing or
    renamed to): from the outside, a script that writes a file when it starts looks the same as a person, or another
    program, that saves it after each reload. A reload counts if each of the files that caused it was written by the run
    that it ended; any other reload begins the count anew. The supervisor's thread decides, a run's reader notes.
    """

    def __init__(self) -> None:
        self._written: frozenset[str] = frozenset()
        self._count = 0

    def begin_run(self) -> None:
        """A run starts: it has written nothing yet."""
        self._written = frozenset()

    def wrote(self, files: Iterable[str]) -> None:
        """The run has opened these files for writing."""
        self._written |= {os.path.realpath(file) for file in files}

    def reloaded(self, changed: Iterable[str]) -> bool:
        """A change of these files (absolute paths) ends the run; whether that was the third time in a row."""
        files = {os.path.realpath(file) for file in changed}
        own = bool(files) and files <= self._written
        self._count = self._count + 1 if own else 0
        if self._count < IN_A_ROW:
            return False
        self._count = 0
        return True
