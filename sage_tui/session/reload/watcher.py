"""Watching files: which ones, whether their contents have changed, and which changes are worth a reload."""

from __future__ import annotations

import os
import re
import stat
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from hashlib import blake2b
from pathlib import Path
from typing import Protocol

import sage_runtime
from sage_runtime.events import ReloadFailed
from sage_runtime.frozen import Frozen

MOST_FILES = 5_000
"""Files that are watched at most below the folders of `--watch`."""
HASHED_BYTES = 32 * 1024 * 1024
"""Of longer files size and time of change stand for the contents."""
CLOCK_STEP = 0.004
"""Seconds by which the times of a file system may lag behind the clock: a tick of the kernel."""

_ALIEN = frozenset({"__pycache__", "site-packages", "dist-packages", "node_modules"})
_LEFTOVER = re.compile(r"\..*|.*~|.*\.(py[co]|sw[a-p]|tmp|bak|log)|#.*#|4913")
"""Hidden files, and what editors and compilers leave lying about."""
_STANDARD_LIBRARY = re.compile(r"/lib\d*/python3\.\d+t?/")
_OUR_RUNTIME = os.path.realpath(str(Path(sage_runtime.__file__).parent)) + os.sep


class _Seen(Frozen):
    signature: tuple[int, int, int, int]
    digest: bytes


def _signature(found: os.stat_result) -> tuple[int, int, int, int]:
    return found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino


def _digest(path: Path, found: os.stat_result) -> bytes | None:
    if found.st_size > HASHED_BYTES:
        return repr((found.st_size, found.st_mtime_ns)).encode()
    try:
        return blake2b(path.read_bytes(), digest_size=16).digest()
    except OSError:
        return None


_EMPTY = blake2b(b"", digest_size=16).digest()


class WatchSet:
    """The files to watch: the script, the user's own modules that it has loaded, and what `--watch` names.

    Modules count when they lie below one of the bases: the script's folder, the current folder, the folders of
    `--watch`. Contents are compared, so a touch is no change, nor is a file that vanishes: it is one when it comes
    back with other contents. The watcher's thread uses it.
    """

    def __init__(self, script: Path, extra: Iterable[Path], folder: Path, ignored: Iterable[Path]) -> None:
        self.script = script.absolute()
        extra = [path.absolute() for path in extra]
        self._files = [path for path in extra if not path.is_dir()]
        self._folders = [path for path in extra if path.is_dir()]
        bases = [self.script.parent, folder.absolute(), *self._folders]
        self._bases = tuple(dict.fromkeys(self._prefix(os.fspath(base)) for base in bases))
        self._ignored = tuple(self._prefix(os.fspath(path.absolute())) for path in ignored)
        self._ours = _standard_files()
        self._modules: frozenset[Path] = frozenset()
        self._earlier: frozenset[Path] = frozenset()
        self._desperate = False
        self._since = 0.0
        self._seen: dict[Path, _Seen] = {}
        self.files: tuple[Path, ...] = ()
        """The files of the last `scan`, missing ones included."""

    @staticmethod
    def _prefix(path: str) -> str:
        return path.rstrip(os.sep) + os.sep

    # --- what belongs to it ------------------------------------------------------------------------------------------

    def begin_run(self, since: float) -> None:
        """A run starts at Unix time `since`. What the last one had loaded stays watched until `confirm`."""
        self._earlier |= self._modules
        self._modules = frozenset()
        self._desperate = False
        self._since = since

    def add_modules(self, files: Iterable[str]) -> None:
        """The run has loaded modules from these files."""
        self._modules |= {Path(file) for file in files if self.owns(file)}

    def confirm(self) -> None:
        """The run works: what earlier ones had loaded and it hasn't is no longer watched."""
        self._earlier = frozenset()

    def give_up_run(self) -> None:
        """The run failed before it did anything: a module may be missing, so all Python beside the script counts."""
        self._desperate = True

    def owns(self, file: str) -> bool:
        """Whether a loaded module is the user's own, to be watched."""
        path = os.path.normpath(Path(file).absolute())
        base = max((base for base in self._bases if path.startswith(base)), key=len, default=None)
        if base is None or path.startswith(self._ignored) or os.path.realpath(path).startswith(_OUR_RUNTIME):
            return False
        parts = Path(path[len(base) :]).parts
        if any(part.startswith(".") or part in _ALIEN for part in parts):
            return False
        return not _STANDARD_LIBRARY.search("/" + "/".join(parts)) and not _STANDARD_LIBRARY.search(path)

    def _members(self) -> Iterator[Path]:
        yield self.script
        yield from self._files
        yield from sorted(self._modules | self._earlier)
        if self._desperate:
            yield from sorted(_python_files(self.script.parent))
        for folder in self._folders:
            yield from self._below(folder)

    def _below(self, folder: Path) -> Iterator[Path]:
        left = MOST_FILES
        for place, folders, names in os.walk(folder):
            folders[:] = sorted(
                name
                for name in folders
                if not name.startswith(".") and name not in _ALIEN and not self._is_ignored(place, name)
            )
            for name in sorted(names):
                if not _LEFTOVER.fullmatch(name):
                    yield Path(place, name)
                    left -= 1
                    if left == 0:
                        return

    def _is_ignored(self, place: str, name: str) -> bool:
        return bool(self._ignored) and self._prefix(os.path.join(place, name)).startswith(self._ignored)  # noqa: PTH118

    def directories(self) -> tuple[Path, ...]:
        """The folders in which a change of a watched file would be noticed, as far as they exist."""
        wanted: dict[Path, None] = {}
        for file in self.files:
            for folder in (file.parent, Path(os.path.realpath(file)).parent):
                wanted.setdefault(folder)
        for folder in self._folders:
            wanted.setdefault(folder)
        found: dict[Path, None] = {}
        for folder in wanted:
            place = folder
            while not place.is_dir() and place != place.parent:
                place = place.parent
            found.setdefault(place)
        return tuple(found)

    # --- what has changed --------------------------------------------------------------------------------------------

    def scan(self, touched: frozenset[str] = frozenset()) -> tuple[Path, ...]:
        """The files whose contents have changed since the last scan; a file that is seen first counts if it is newer
        than the run.

        Args:
            touched: names of files that something has happened to: their contents are read, whatever their times say.
        """
        self.files = tuple(dict.fromkeys(self._members()))
        return tuple(path for path in self.files if self._has_changed(path, path.name in touched))

    def _has_changed(self, path: Path, touched: bool) -> bool:
        try:
            found = path.stat()
        except OSError:
            return False  # gone, perhaps for a moment
        if not stat.S_ISREG(found.st_mode) or (found.st_dev, found.st_ino) in self._ours:
            return False
        seen, signature = self._seen.get(path), _signature(found)
        if seen is not None and seen.signature == signature and not touched:
            return False
        digest = _digest(path, found)
        if digest is None:
            return False
        self._seen[path] = _Seen(signature, digest)
        if seen is None:
            return found.st_ctime > self._since - CLOCK_STEP > 0
        return digest != seen.digest

    def emptied(self, files: Iterable[Path]) -> bool:
        """Whether one of the files is empty now: an editor may be about to write it."""
        return any((seen := self._seen.get(path)) is not None and seen.digest == _EMPTY for path in files)


def _standard_files() -> frozenset[tuple[int, int]]:
    """The files that our own stdout and stderr are redirected to: what we write there is no save."""
    found = set()
    for descriptor in (1, 2):
        try:
            status = os.fstat(descriptor)
        except OSError:
            continue
        found.add((status.st_dev, status.st_ino))
    return frozenset(found)


def _python_files(folder: Path) -> list[Path]:
    try:
        return [path for path in folder.iterdir() if path.suffix == ".py" and not _LEFTOVER.fullmatch(path.name)]
    except OSError:
        return []


DEBOUNCE_MS = 50
STEP_MS = 10
ROUND_MS = 200
"""How often the files are checked without a notification: some file systems send none, and folders come and go."""
SECOND_LOOK = 0.12
"""Seconds to wait before an emptied file or a syntax error counts: a save may be in progress."""


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

    def __init__(self, files: WatchSet) -> None:
        self.count = 0
        """Watched files, as of the last look."""
        self._set = files
        self._listener: ChangeListener
        self._tasks: list[Callable[[], None]] = []
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._paused = False
        self._pending: dict[Path, None] = {}
        self._next_look = 0.0
        self._thread = threading.Thread(target=self._run, name="sage-tui watch", daemon=True)

    def start(self, listener: ChangeListener) -> None:
        """Take in what the files hold now, and report changes from then on."""
        self._listener = listener
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
        self._listener.suspect()
        if self._set.emptied(self._pending):
            self._look_again()
        while (error := self._listener.check(tuple(self._pending))) is not None:
            if not self._look_again():
                self._listener.broken(error)
                return
        files = tuple(self._pending)
        self._pending.clear()
        self._listener.changed(files)

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
