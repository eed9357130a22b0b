"""The session's folder: where SAGE keeps its own logs, private, and pruned only of what sage-tui has made."""

from __future__ import annotations

import errno
import os
import stat
import time
from collections.abc import Mapping
from pathlib import Path

from sage_tui.journal.marker import is_live, read_marker, write_marker

_SUFFIXES = 1000


def sage_root(environment: Mapping[str, str], root: Path | None) -> Path:
    """Where `.sage` lies: `root`, else `$SAGE_PROJECT_ROOT`, else the home directory."""
    if root is not None:
        return root
    path = os.path.expanduser(environment.get("SAGE_PROJECT_ROOT") or "~")  # noqa: PTH111 - Path raises
    return Path(path if path != "~" else os.sep)  # nobody's home: a place that can't be written, mostly


class SessionFolder:
    """The folder of one session, made here, with mode 0700 and a marker that is locked while the session lives.

    Where the wanted place can't be written it is a temporary folder, and where there is none either, `usable` is
    false and nothing is kept; `trouble` says so.
    """

    def __init__(self, root: Path, about: Mapping[str, object], now: float) -> None:
        self.trouble: str | None = None
        self.usable = True
        self._sessions = root / ".sage" / "logs" / "jobmanager"
        self._lock = -1
        name = time.strftime("session_%Y%m%d_%H%M%S", time.localtime(now))
        try:
            self.path = self._make(name)
            self._lock = write_marker(self.path, dict(about))
        except OSError as error:
            self._somewhere_else(name, about, error)

    def _make(self, name: str) -> Path:
        for folder in reversed((self._sessions, *self._sessions.parents)):
            if not folder.is_dir():
                _make_folder(folder)
        _check_links(self._sessions)
        for number in range(1, _SUFFIXES):
            path = self._sessions / (name if number == 1 else f"{name}_{number}")
            try:
                path.mkdir(0o700)
            except FileExistsError:
                continue
            return path.absolute()
        raise OSError(f"{self._sessions} already has {_SUFFIXES - 1} folders called {name}")

    def _somewhere_else(self, name: str, about: Mapping[str, object], error: OSError) -> None:
        reason = error.strerror or str(error)
        import tempfile

        try:
            self.path = Path(tempfile.mkdtemp(prefix=f"sage-tui-{name}-"))
            self._lock = write_marker(self.path, dict(about))
        except OSError:
            self.usable = False
            self.path = self._sessions / name
            self.trouble = f"{self._sessions} can't be written ({reason}), nor can temporary files: nothing is recorded"
        else:
            self.trouble = f"{self._sessions} can't be written ({reason}): this session is kept in {self.path} instead"

    def prune(self, keep: int) -> None:
        """Delete all but the newest `keep` sessions that sage-tui has made and that don't run."""
        try:
            ours = [path for path in self._sessions.glob("session_*") if _prunable(path)]
        except OSError:
            return
        import shutil

        ours.sort(key=lambda path: (path.name[:23], len(path.name), path.name))
        for path in ours[: max(0, len(ours) - keep)]:
            if path != self.path and not is_live(path):
                shutil.rmtree(path, ignore_errors=True)

    def close(self) -> None:
        """Unlock the marker: the session is over."""
        lock, self._lock = self._lock, -1
        if lock >= 0:
            os.close(lock)


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(0o700, exist_ok=True)
    except FileExistsError:
        raise NotADirectoryError(errno.ENOTDIR, f"{folder} is no folder") from None


def _check_links(sessions: Path) -> None:
    """Refuse to follow a link to where sessions are kept, unless it is ours: the root may be open to others.

    Raises:
        PermissionError: somebody else made it.
    """
    for folder in (sessions, *sessions.parents[:2]):
        found = folder.lstat()
        if stat.S_ISLNK(found.st_mode) and found.st_uid not in (0, os.geteuid()):
            raise PermissionError(errno.EPERM, f"{folder} is a link of somebody else's")


def _prunable(path: Path) -> bool:
    return not path.is_symlink() and path.is_dir() and read_marker(path) is not None
