"""The thread that watches files and says which changes are worth a reload."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Protocol

from sage_runtime.events import ReloadFailed
from sage_tui.session.reload.watch_set import WatchSet

DEBOUNCE_MS = 50
STEP_MS = 10
ROUND_MS = 200
"""So often the files are looked at without a notification: some file systems send none, folders come and go."""
SECOND_LOOK = 0.12
"""Seconds until an emptied file or a syntax error is believed: a save may be under way."""


class ChangeListener(Protocol):
    """What a watcher reports to; all is called on its thread."""

    def suspect(self) -> None:
        """Something has changed; it may be worth a reload."""
        ...

    def check(self, files: tuple[Path, ...]) -> ReloadFailed | None:
        """The first syntax error in the files."""
        ...

    def broken(self, error: ReloadFailed) -> None:
        """The change does not compile."""
        ...

    def changed(self, files: tuple[Path, ...]) -> None:
        """These have changed and compile."""
        ...


class Watcher:
    """Watches the files of a `WatchSet`.

    Notifications only wake it; what has changed is told by the files' contents, so it makes no difference how an
    editor saves (in place, by truncation, by renaming, by deleting and creating). While files are broken, nothing is
    reported as changed until all that have changed compile. `begin_run`, `modules`, `confirm`, `give_up_run`,
    `pause` and `resume` are for any thread.
    """

    def __init__(self, files: WatchSet, saves: ChangeListener) -> None:
        self.count = 0
        """Watched files, as of the last look."""
        self._set = files
        self._saves = saves
        self._tasks: list[Callable[[], None]] = []
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._paused = False
        self._pending: dict[Path, None] = {}
        self._next_look = 0.0
        self._thread = threading.Thread(target=self._run, name="sage-tui watch", daemon=True)

    def start(self) -> None:
        """Take in what the files hold now, and watch."""
        self._look(frozenset())
        self._thread.start()

    def stop(self, timeout: float = 2.0) -> None:
        """End the thread."""
        self._stopping.set()
        if self._thread.is_alive() and threading.current_thread() is not self._thread:
            self._thread.join(timeout)

    def begin_run(self, since: float) -> None:
        """A run starts at Unix time `since`."""
        self._do(lambda: self._set.begin_run(since))

    def modules(self, files: Iterable[str]) -> None:
        """The run has loaded these."""
        loaded = tuple(files)
        self._do(lambda: self._set.add_modules(loaded))

    def owns(self, file: str) -> bool:
        """Whether a loaded module is the user's own; for any thread."""
        return self._set.owns(file)

    def confirm(self) -> None:
        """The run works."""
        self._do(self._set.confirm)

    def give_up_run(self) -> None:
        """The run failed before it did anything."""
        self._do(self._set.give_up_run)

    def pause(self) -> None:
        """Take changes in, but report none."""
        self._paused = True

    def resume(self) -> None:
        """Report changes again."""
        self._paused = False

    def _do(self, task: Callable[[], None]) -> None:
        with self._lock:
            self._tasks.append(task)

    def is_set(self) -> bool:
        """Whether the notifications have to be interrupted; watchfiles asks every `STEP_MS`."""
        return self._stopping.is_set() or bool(self._tasks)

    # --- the thread --------------------------------------------------------------------------------------------------

    def _run(self) -> None:
        from watchfiles import watch  # takes 50 ms to load, which nothing has to wait for

        while not self._stopping.is_set():
            self._run_tasks()
            self._look(frozenset())
            places = _existing(self._set.directories())
            try:
                for changes in watch(
                    *places,
                    watch_filter=None,
                    debounce=DEBOUNCE_MS,
                    step=STEP_MS,
                    stop_event=self,
                    rust_timeout=ROUND_MS,
                    yield_on_timeout=True,
                    raise_interrupt=False,
                    recursive=False,
                    ignore_permission_denied=True,
                ):
                    if changes or time.monotonic() >= self._next_look:
                        self._look(frozenset(os.path.basename(path) for _, path in changes))  # noqa: PTH119
                        if _existing(self._set.directories()) != places:
                            break
            except OSError:  # a folder vanished just now, or there are no watches left: look without them
                self._stopping.wait(ROUND_MS / 1000)

    def _run_tasks(self) -> None:
        with self._lock:
            tasks, self._tasks = self._tasks, []
        for task in tasks:
            task()

    def _look(self, touched: frozenset[str]) -> None:
        began = time.monotonic()
        changed = self._set.scan(touched)
        self.count = len(self._set.files)
        took = time.monotonic() - began
        self._next_look = began + max(ROUND_MS / 1000, 50 * took)
        if changed and not self._paused:
            self._pending.update(dict.fromkeys(changed))
            self._report()

    def _report(self) -> None:
        self._saves.suspect()
        if self._set.emptied(self._pending):
            self._look_again()
        while (error := self._saves.check(tuple(self._pending))) is not None:
            if not self._look_again():
                self._saves.broken(error)
                return
        files = tuple(self._pending)
        self._pending.clear()
        self._saves.changed(files)

    def _look_again(self) -> bool:
        """Wait a moment; whether something has changed meanwhile."""
        self._stopping.wait(SECOND_LOOK)
        changed = self._set.scan()
        self._pending.update(dict.fromkeys(changed))
        return bool(changed)


def _existing(folders: Iterable[Path]) -> dict[Path, tuple[int, int]]:
    """The folders that exist, each with what tells it from another one of the same name."""
    found: dict[Path, tuple[int, int]] = {}
    for folder in folders:
        try:
            status = folder.stat()
        except OSError:
            continue
        found[folder] = (status.st_dev, status.st_ino)
    return found
