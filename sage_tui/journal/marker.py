"""The file in a session's folder that says: sage-tui made this, and whether its session still runs."""

from __future__ import annotations

import fcntl
import json
import os
import stat
from pathlib import Path
from typing import Any

MARKER = "sage-tui.json"
_MAX_BYTES = 64 * 1024


def write_marker(folder: Path, about: dict[str, Any]) -> int:
    """Put the marker into a session's folder and lock it; the lock lasts as long as the returned descriptor.

    Raises:
        OSError: it can't be written.
    """
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    fd = os.open(folder / MARKER, flags, 0o600)
    try:
        os.write(fd, json.dumps({"made_by": "sage-tui", **about}).encode() + b"\n")
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        pass  # nobody else knows the file yet; on such a file system `is_live` can't be trusted anyway
    except OSError:
        os.close(fd)
        raise
    return fd


def read_marker(folder: Path) -> dict[str, Any] | None:
    """What the marker says, or None where sage-tui did not make the folder."""
    try:
        fd = os.open(folder / MARKER, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            return None
        data = json.loads(os.read(fd, _MAX_BYTES))
    except (OSError, ValueError, RecursionError):
        return None
    finally:
        os.close(fd)
    return data if isinstance(data, dict) and data.get("made_by") == "sage-tui" else None


def is_live(folder: Path) -> bool:
    """Whether the session that made the folder still runs; in doubt, it does."""
    try:
        fd = os.open(folder / MARKER, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(fd)
    return False
