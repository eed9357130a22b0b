"""Find what a test leaves behind: threads, descriptors, processes, files.

Only this process's own things count, or those with a mark that its processes inherit: other tests run beside it.
"""

from __future__ import annotations

import gc
import os
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from support.waiting import SOON

MARK = "SAGE_TUI_TEST"
"""The environment variable that marks the processes of a test, even after they are reparented."""

_FOLDER = Path("/proc/self/fd")
_LASTING = ("sage-bus", "sage-preview", "asyncio_", "ThreadPoolExecutor", "pytest", "Dummy-")
"""Names of threads that outlive a test by design, such as those of shared pools."""

_STARTS = {"subprocess.Popen", "os.fork", "os.forkpty", "os.posix_spawn", "os.spawn", "os.system"}
_started = 0
"""How many processes this one has started."""


def _note_start(event: str, _: object) -> None:
    global _started
    if event in _STARTS:
        _started += 1


sys.addaudithook(_note_start)


def _threads() -> set[threading.Thread]:
    return {thread for thread in threading.enumerate() if not thread.name.startswith(_LASTING)}


def _descriptors() -> dict[int, str]:
    """The open descriptors and what each refers to; empty without /proc."""
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


def _marked(mark: str) -> dict[int, str]:
    """The processes that inherited a mark, and their commands, without this one; empty without /proc."""
    wanted = f"{MARK}={mark}".encode()
    found = {}
    for path in Path("/proc").glob("[0-9]*/environ"):
        try:
            if wanted in path.read_bytes().split(b"\0") and int(path.parent.name) != os.getpid():
                command = path.with_name("cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
                found[int(path.parent.name)] = command
        except OSError:  # it has just ended, or is not ours
            continue
    return found


def _files() -> set[str]:
    """The contents of the folder for temporary files."""
    return set(os.listdir(tempfile.gettempdir()))  # noqa: PTH208  (asked for each test: names are enough)


@contextmanager
def nothing_outlives(mark: str) -> Iterator[None]:
    """Fail if the block leaves a thread, descriptor, process or temporary file behind.

    Processes started inside inherit `mark`, which no other test may use.
    """
    os.environ[MARK] = mark
    threads, children, started, files = _threads(), _children(), _started, _files()
    descriptors = _descriptors()
    yield
    end = time.monotonic() + SOON
    while True:
        left = [f"thread {thread.name}" for thread in _threads() - threads]
        left += [f"process {pid}" for pid in _children() - children]
        left += [f"descriptor {fd}: {to}" for fd, to in _descriptors().items() if descriptors.get(fd) != to]
        left += [f"file {name}" for name in _files() - files]
        if not left and started != _started:
            left += [f"process {pid}: {command}" for pid, command in _marked(mark).items()]
        if not left:
            return
        if time.monotonic() > end:
            for pid in _marked(mark):
                os.kill(pid, signal.SIGKILL)
            raise AssertionError(f"left behind: {', '.join(left)}")
        gc.collect()
        time.sleep(0.01)
