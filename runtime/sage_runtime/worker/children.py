"""Child processes of a script: their output comes after what was printed before, and they never use our pipes.

An audit hook sees every start of a process before it happens and flushes the bus until the session has read it, so that
the child's bytes on the descriptors 1 and 2 come later. The same hook lets threads inherit their starter's source. A
forked child continues as plain Python: its `sys.stdout` writes to the descriptor. A child that `multiprocessing` spawns
imports the script anew; a folder on the `sys.path` of such children alone serves `sage` to them.
"""

from __future__ import annotations

import os
import sys
import threading
import warnings
from collections.abc import Callable
from typing import Any

from sage_runtime.attribution import bequeath
from sage_runtime.events import FilesWritten
from sage_runtime.stdlib_internals import SPAWNERS, before_spawn, before_thread_starts
from sage_runtime.worker.stdio.capture import Capture

FLUSH_SECONDS = 5.0
"""How long the start of a child waits for the session to read what was printed before."""

MOST_WRITTEN = 1000
"""Written files that the session is told of."""

_STARTS = (
    "subprocess.Popen",
    "os.system",
    "os.fork",
    "os.forkpty",
    "os.posix_spawn",
    "os.exec",
    "os.spawn",
    "pty.spawn",
)
_SERVED = os.path.dirname(os.path.dirname(os.path.realpath(__file__))) + "/served"  # noqa: PTH120 - pathlib takes milliseconds to import


class Children:
    """Watches over the processes that this one starts. One a worker; `descriptors` are the worker's pipes."""

    def __init__(self, capture: Capture, descriptors: tuple[int, ...]) -> None:
        self._capture = capture
        self._bus = capture.bus
        self._descriptors = descriptors
        self._pid = os.getpid()
        self._ours = True
        self._spawning = False
        self._written: set[str] = set()

    @property
    def in_child(self) -> bool:
        """Whether this is a forked child of the worker."""
        return not self._ours

    def install(self) -> None:
        """Install the hooks; they can't be removed."""
        if sys.version_info >= (3, 12):  # the threads that Python would warn of are ours
            warnings.filterwarnings("ignore", r"This process \(pid=\d+\) is multi-threaded", DeprecationWarning)
        sys.addaudithook(self._hook())
        if sys.version_info < (3, 12):
            before_thread_starts(bequeath)
        os.register_at_fork(after_in_child=self._after_fork)
        os._exit = _flushed(os._exit, self)
        os.abort = _flushed(os.abort, self)

    def flush(self) -> None:
        """Write what was published, before a call that may end this process at once."""
        if self._ours:
            self._bus.finish_lines()
            self._bus.flush(timeout=1.0)

    def _hook(self) -> Callable[[str, tuple[Any, ...]], None]:
        actions: dict[str, Callable[[tuple[Any, ...]], None]] = dict.fromkeys(_STARTS, self._before_child)
        actions["_thread.start_new_thread"] = actions["_thread.start_joinable_thread"] = _inherit
        actions["import"] = self._before_import
        actions["builtins.input"] = self._before_input
        actions["os.kill"] = self._before_kill
        actions["open"] = self._before_open
        actions["os.rename"] = self._before_rename
        get = actions.get

        def hook(event: str, arguments: tuple[Any, ...]) -> None:
            action = get(event)
            if action is not None:
                action(arguments)

        return hook

    def _before_child(self, arguments: tuple[Any, ...]) -> None:
        if self._ours:
            self._bus.finish_lines(threading.get_ident())
            self._bus.flush(acknowledged=True, timeout=FLUSH_SECONDS)

    def _before_input(self, arguments: tuple[Any, ...]) -> None:
        if self._ours:
            self._capture.before_input(arguments[0] if arguments else "")

    def _before_kill(self, arguments: tuple[Any, ...]) -> None:
        if arguments[0] in (0, self._pid) and arguments[1]:
            self.flush()

    def _before_open(self, arguments: tuple[Any, ...]) -> None:
        if type(arguments[2]) is int and arguments[2] & (os.O_WRONLY | os.O_RDWR):
            self._writes(arguments[0])

    def _before_rename(self, arguments: tuple[Any, ...]) -> None:
        self._writes(arguments[1])

    def _writes(self, path: Any) -> None:
        """Tell the session, once for each file, that the script writes it: the run itself changes it."""
        if not self._ours or len(self._written) >= MOST_WRITTEN:
            return
        try:
            file = os.path.abspath(os.fsdecode(path))  # noqa: PTH100 - pathlib takes milliseconds to import
        except (TypeError, ValueError, OSError):  # a descriptor, no valid name, or the current folder is gone
            return
        if file not in self._written and "/__pycache__/" not in file:
            self._written.add(file)
            self._bus.send(FilesWritten(files=(file,)))

    def _before_import(self, arguments: tuple[Any, ...]) -> None:
        if arguments[0] in SPAWNERS and not self._spawning:
            self._spawning = True
            before_spawn(lambda: self._before_child(()), _SERVED)

    def _after_fork(self) -> None:
        if not self._ours:
            return
        self._ours = False
        self._bus.abandon()
        self._capture.release()
        for descriptor in self._descriptors:
            try:
                os.close(descriptor)
            except OSError:  # the script has closed it
                pass


def _inherit(arguments: tuple[Any, ...]) -> None:
    bequeath(arguments[0])


def _flushed(end: Callable[..., Any], children: Children) -> Callable[..., Any]:
    """`os._exit` or `os.abort`, after what was printed has been written."""

    def flush_and_end(*arguments: Any) -> Any:
        children.flush()
        return end(*arguments)

    flush_and_end.__name__ = flush_and_end.__qualname__ = end.__name__
    flush_and_end.__doc__ = end.__doc__
    return flush_and_end
