"""What a test leaves behind: threads, descriptors, child processes."""

from __future__ import annotations

import gc
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PATIENCE = 3.0
"""Seconds that what is ending may still take."""

_FOLDER = Path("/proc/self/fd")
_LASTING = ("sage-bus", "sage-preview", "asyncio_", "ThreadPoolExecutor", "pytest", "Dummy-")
"""Names of threads that outlive a test by design: of pools that the process shares."""


def _threads() -> set[threading.Thread]:
    return {thread for thread in threading.enumerate() if not thread.name.startswith(_LASTING)}


def _descriptors() -> dict[int, str]:
    """The open descriptors and what is behind each; nothing where there is no /proc."""
    found = {}
    if _FOLDER.is_dir():
        for entry in _FOLDER.iterdir():
            try:
                target = str(entry.readlink())
            except OSError:  # the listing's own
                continue
            found[int(entry.name)] = target.removesuffix(" (deleted)")  # it may be another session's that is cleaned up
    return found


def _children() -> set[int]:
    found = set()
    for path in Path("/proc/self/task").glob("*/children"):
        try:
            found |= {int(word) for word in path.read_text().split()}
        except OSError:  # the thread has ended meanwhile
            continue
    return found


@contextmanager
def nothing_outlives() -> Iterator[None]:
    """Fails if what runs inside leaves a thread, an open descriptor or a child process behind for long."""
    threads, children = _threads(), _children()
    descriptors = _descriptors()
    yield
    end = time.monotonic() + PATIENCE
    while True:
        left = [f"thread {thread.name}" for thread in _threads() - threads]
        left += [f"process {pid}" for pid in _children() - children]
        left += [f"descriptor {fd}: {to}" for fd, to in _descriptors().items() if descriptors.get(fd) != to]
        if not left:
            return
        if time.monotonic() > end:
            raise AssertionError(f"left behind: {', '.join(left)}")
        gc.collect()
        time.sleep(0.01)
