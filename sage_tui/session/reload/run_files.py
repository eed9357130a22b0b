"""The files of the session's runs: which are watched, what they held, and which ones the runs wrote themselves."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from sage_runtime.events import FilesWritten, Message, Modules, Notice
from sage_tui.session.reload.versions import FileChange, Versions

if TYPE_CHECKING:
    from sage_tui.session.reload.watcher import Watcher
    from sage_tui.session.run import Run

IN_A_ROW = 3
"""So many reloads in a row that the runs caused themselves pause the watch."""


class OwnWrites:
    """Finds scripts that keep reloading themselves by writing files that are watched.

    Only what the worker has reported counts (`FilesWritten`: files that the script opened for writing or renamed to).
    Seen from outside, a script that writes a file when it starts looks like a person who saves it after each reload. A
    reload counts if the run that it ended wrote each of the files that caused it; any other starts the count again. The
    supervisor's thread decides, a run's reader notes.
    """

    def __init__(self) -> None:
        self._written: frozenset[str] = frozenset()
        self._count = 0

    def begin_run(self) -> None:
        """A run starts, which has written nothing yet."""
        self._written = frozenset()

    def wrote(self, files: Iterable[str]) -> None:
        """The run has opened these files for writing."""
        self._written |= {os.path.realpath(file) for file in files}

    def reloaded(self, changed: Iterable[str]) -> bool:
        """Count a reload caused by these files (absolute paths); whether it is the third of its kind in a row."""
        files = {os.path.realpath(file) for file in changed}
        own = bool(files) and files <= self._written
        self._count = self._count + 1 if own else 0
        if self._count < IN_A_ROW:
            return False
        self._count = 0
        return True


class RunFiles:
    """Told by the control what the runs do; keeps the watch, if there is one, at the files of the current run.

    The supervisor's thread begins runs, a run's reader hears and ends them, any thread may ask.

    Args:
        script: the script's path.
        watcher: what watches, None where nothing is watched.
    """

    def __init__(self, script: Path, watcher: Watcher | None) -> None:
        self.paused: str | None = None
        """Why the watch is paused, if it is."""
        self._script = script.absolute()
        self._watcher = watcher
        self._own_writes = OwnWrites()
        self._versions = Versions()

    def begin_run(self, run: int, reason: str, changed: Sequence[str]) -> list[Notice]:
        """A run begins because of these changed files; what has to be said about that."""
        forget_bytecode(changed, os.environ)
        notices = []
        if self._watcher is not None:
            self._watcher.begin_run(time.time())
            if reason == "reload" and self._own_writes.reloaded(changed):
                notices.append(self._pause(changed))
        self._own_writes.begin_run()
        self._versions.begin_run(run, (str(self._script), *changed))
        return notices

    def _pause(self, changed: Sequence[str]) -> Notice:
        assert self._watcher is not None
        self._watcher.pause()
        names = ", ".join(map(self.shown_name, changed))
        self.paused = (
            f"the script itself has written {names} and so reloaded itself {IN_A_ROW} times in a row: watching pauses"
        )
        return Notice(level="warning", message=f"{self.paused} until you reload")

    def resume(self) -> None:
        """Watch again."""
        self.paused = None
        if self._watcher is not None:
            self._watcher.resume()

    def hear(self, run: Run, message: Message) -> None:
        """The worker of a run sent something that is no event."""
        if isinstance(message, FilesWritten):
            self._own_writes.wrote(message.files)
        elif isinstance(message, Modules) and self._watcher is not None:
            self._watcher.modules(message.files)
            self._versions.note(run.number, filter(self._watcher.owns, message.files))
            if run.finalizer.submitted:
                self._watcher.confirm()

    def end_run(self, run: Run) -> None:
        """A run is over."""
        if self._watcher is not None and run.finished is not None:
            if run.finalizer.submitted or run.finished.status == "finished":
                self._watcher.confirm()
            elif run.finished.status == "failed":
                self._watcher.give_up_run()

    @property
    def watched(self) -> int:
        """How many files are watched; 0 while the watch is paused."""
        return self._watcher.count if self._watcher is not None and self.paused is None else 0

    def version(self, run: int) -> int:
        """Which version of the files a run has, counted from 1; 0 if it isn't known."""
        return self._versions.version(run)

    def changes(self, run: int, before: int) -> tuple[FileChange, ...] | None:
        """How the files of a run differ from those of another; None if they aren't known."""
        return self._versions.changes(run, before, self.shown_name)

    def shown_name(self, file: str) -> str:
        """The name of a file, relative to the script's folder if it lies in it."""
        path = Path(file)
        return str(path.relative_to(self._script.parent)) if path.is_relative_to(self._script.parent) else file


def forget_bytecode(files: Iterable[str], environment: Mapping[str, str]) -> None:
    """Delete the compiled versions of changed modules.

    Python accepts a `.pyc` if its source has the same size and was changed in the same second. That may well be true of
    two saves within a second, and the second one would not be run.

    Args:
        files: source files that have changed; no worker may be running that could compile them.
        environment: the workers', for `PYTHONPYCACHEPREFIX`.
    """
    prefix = environment.get("PYTHONPYCACHEPREFIX")
    for file in files:
        source = Path(file).absolute()
        places = [source.parent / "__pycache__"]
        if prefix:
            places.append(Path(prefix).absolute().joinpath(*source.parent.parts[1:]))
        for place in places:
            with contextlib.suppress(OSError):
                for compiled in place.iterdir():
                    if compiled.suffix == ".pyc" and compiled.name.startswith(f"{source.stem}."):
                        compiled.unlink(missing_ok=True)
