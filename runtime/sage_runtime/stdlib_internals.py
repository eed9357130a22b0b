"""Every use of what the standard library keeps to itself, in one place.

Each function says why it is needed and what the public way is, or would be. `tests/worker/test_stdlib_internals.py`
fails on a Python in which one of them has changed.
"""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable
from types import FunctionType
from typing import Any

SPAWNERS = frozenset({"multiprocessing.popen_spawn_posix", "multiprocessing.popen_forkserver"})
"""The modules that `multiprocessing` imports before its first child that does not share our memory."""

_SET_DEATH_SIGNAL = 1
_THIS_PROGRAM: Any = None


def leave_threads() -> None:
    """Have Python not wait for the script's threads at its end, after an interrupt while we waited for them.

    From Python 3.13 on it would begin anew, and one ctrl+c would not be enough. There is no public way.
    """
    threading._shutdown = lambda: None  # type: ignore[attr-defined]


def executors_threads() -> list[threading.Thread]:
    """The threads of executors: they wait for work until Python tells them to end, so nobody may join them before.

    There is no public way: an executor does not tell its threads, nor the module its executors.
    """
    threads = getattr(sys.modules.get("concurrent.futures.thread"), "_threads_queues", ())
    processes = getattr(sys.modules.get("concurrent.futures.process"), "_threads_wakeups", ())
    return [*threads, *processes]


def before_thread_starts(call: Callable[[Any], None]) -> None:
    """Have `call` called with the bootstrap method of each `Thread` before it starts, on the starter's thread.

    Only for Python 3.11; from 3.12 on there is the audit event `_thread.start_new_thread`.
    """
    start: Callable[..., int] = threading._start_new_thread  # type: ignore[attr-defined]

    def call_and_start(function: Callable[..., Any], arguments: tuple[Any, ...]) -> int:
        call(function)
        return start(function, arguments)

    threading._start_new_thread = call_and_start  # type: ignore[attr-defined]


def before_spawn(call: Callable[[], None], folder: str) -> None:
    """Have `call` called before `multiprocessing` spawns a child, which gets `folder` at the end of its `sys.path`.

    To be called once one of `SPAWNERS` is imported. The public way, `multiprocessing.set_start_method` and environment
    variables, reaches every child process and not only those that import the script anew.
    """
    from multiprocessing import spawn

    original = spawn.get_preparation_data

    def get_preparation_data(name: str) -> dict[str, Any]:
        call()
        data = original(name)
        data["sys_path"] = [*data["sys_path"], folder]
        return data

    spawn.get_preparation_data = get_preparation_data


def pass_for(function: FunctionType, original: Callable[..., Any]) -> None:
    """Have `logging` take a function's frames for its own: it goes by the file of the code.

    Without it `Handler.handleError` prints our frame as the script's. There is no public way.
    """
    function.__code__ = function.__code__.replace(co_filename=original.__code__.co_filename)


def die_with_parent() -> None:
    """Have Linux kill this process when the session's thread that started it ends, even if Python is stuck.

    The public way is `ctypes`, which takes some milliseconds to import at the start of each run.
    """
    if sys.platform != "linux":
        return
    try:
        from _ctypes import call_cdeclfunction, dlopen, dlsym

        prctl = dlsym(dlopen(_THIS_PROGRAM, 0), "prctl")
        call_cdeclfunction(prctl, (_SET_DEATH_SIGNAL, int(signal.SIGKILL), 0, 0, 0))
    except (ImportError, OSError, AttributeError):
        return
