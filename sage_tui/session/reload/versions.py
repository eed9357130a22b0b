"""What the files of each run held, kept in memory only: what has changed from one run to another."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from stat import S_ISREG

from sage_runtime.frozen import Frozen

MOST_RUNS = 100
"""The latest runs whose files are remembered."""
MOST_FILES = 400
"""Files of one run."""
LONGEST = 512 * 1024
"""Bytes of a file whose text is kept; of a longer one only that it has changed is known."""
MOST_BYTES = 16 * 1024 * 1024
"""Bytes of all texts; when there are more, those that only the oldest runs have are forgotten."""
DIFF_LINES = 400
"""Lines of one file's diff at most."""
CONTEXT = 2
"""Unchanged lines around a change."""


class FileChange(Frozen):
    """How a file differs between two runs. `kind`: changed, new or gone.

    `lines` is a unified diff without its first two lines, cut to `DIFF_LINES`; empty where the texts are not kept.
    `added` and `removed` count lines of the whole diff.
    """

    path: str
    kind: str
    lines: tuple[str, ...] = ()
    added: int = 0
    removed: int = 0


class Versions:
    """The contents of files by run, each content once. Any thread may call."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._files: dict[int, dict[str, bytes]] = {}
        self._versions: dict[int, int] = {}
        self._texts: dict[bytes, str] = {}

    def begin_run(self, run: int, files: Iterable[str]) -> None:
        """A run starts: take in these files and those of the run before, as they are now."""
        with self._lock:
            before = self._files.get(run - 1, {})
            self._files[run] = {}
        self.note(run, (*files, *before))
        with self._lock:
            differs = run == 1 or self._files.get(run - 1) != self._files[run]
            self._versions[run] = self._versions.get(run - 1, 0) + differs
            for old in sorted(self._files)[:-MOST_RUNS]:
                del self._files[old]
            self._forget()

    def note(self, run: int, files: Iterable[str]) -> None:
        """A run has these files too; what was taken in before stays."""
        for file in dict.fromkeys(files):
            with self._lock:
                known = self._files.get(run)
                if known is None or file in known or len(known) >= MOST_FILES:
                    continue
            digest, text = _contents(Path(file))
            if digest:
                with self._lock:
                    known[file] = digest
                    if text is not None:
                        self._texts[digest] = text

    def _forget(self) -> None:
        """Drop texts that no run has; then the oldest runs' until the rest is small enough."""
        runs = sorted(self._files)
        while True:
            used = {digest for run in runs for digest in self._files[run].values()}
            self._texts = {digest: text for digest, text in self._texts.items() if digest in used}
            if len(runs) <= 1 or sum(map(len, self._texts.values())) <= MOST_BYTES:
                return
            runs.pop(0)

    def version(self, run: int) -> int:
        """Which version of the files a run has, counted from 1; 0 if it isn't known."""
        with self._lock:
            return self._versions.get(run, 0)

    def changes(self, run: int, before: int, name: Callable[[str], str] = str) -> tuple[FileChange, ...] | None:
        """How a run's files differ from those of another one; None where one of them isn't remembered.

        Args:
            name: gives the name of a file to show.
        """
        with self._lock:
            old, new = self._files.get(before), self._files.get(run)
            if old is None or new is None:
                return None
            old, new, texts = dict(old), dict(new), dict(self._texts)
        found = []
        for file in sorted(old.keys() | new.keys()):
            a, b = old.get(file), new.get(file)
            if a != b:
                kind = "new" if a is None else "gone" if b is None else "changed"
                found.append(_change(name(file), kind, _text(texts, a), _text(texts, b)))
        return tuple(found)


def _text(texts: dict[bytes, str], digest: bytes | None) -> str | None:
    return "" if digest is None else texts.get(digest)


def _contents(file: Path) -> tuple[bytes, str | None]:
    """The digest of a file and its text; no digest where it can't be read, no text where it is long or none."""
    try:
        found = file.stat()
        if not S_ISREG(found.st_mode):
            return b"", None
        if found.st_size > LONGEST:
            return repr((found.st_size, found.st_mtime_ns)).encode(), None
        data = file.read_bytes()
    except OSError:
        return b"", None
    from hashlib import blake2b  # loaded while the worker starts

    digest = blake2b(data, digest_size=16).digest()
    try:
        return digest, data.decode()
    except UnicodeDecodeError:
        return digest, None


def _change(path: str, kind: str, old: str | None, new: str | None) -> FileChange:
    if old is None or new is None:
        return FileChange(path, kind)
    from difflib import unified_diff

    lines = list(unified_diff(old.splitlines(), new.splitlines(), lineterm="", n=CONTEXT))[2:]
    added = sum(line.startswith("+") for line in lines)
    removed = sum(line.startswith("-") for line in lines)
    if len(lines) > DIFF_LINES:
        lines = [*lines[:DIFF_LINES], f"@@ {len(lines) - DIFF_LINES} more lines @@"]
    return FileChange(path, kind, tuple(lines), added, removed)
