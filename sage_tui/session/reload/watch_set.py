"""Which files are watched, and whether their contents have changed. No threads, no notifications."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterable, Iterator
from hashlib import blake2b
from pathlib import Path

import sage_runtime
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
