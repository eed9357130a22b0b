"""Calls a user's `__repr__` or `__str__` on a helper thread, with a deadline.

Such a method may block, recurse or return megabytes. A class that missed the deadline a few times is not asked again.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from queue import SimpleQueue
from time import monotonic
from typing import Any
from weakref import WeakKeyDictionary

from sage_runtime.attribution import current_source, set_source

SECONDS = 0.05
"""The time limit, in seconds, for all the methods that are called for one text."""

MORE = "…"
"""Stands for what is left out."""


def cut(text: str, limit: int) -> str:
    """The text, at most `limit` characters of it; a cut is marked."""
    return text if len(text) <= limit else text[: max(limit - 1, 0)] + MORE


def printable(text: str) -> str:
    """The text with control characters, direction marks and lone surrogates as escapes."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else repr(char)[1:-1] for char in text)


def class_name(kind: type) -> str:
    """The class's own name, whatever a metaclass answers in its place."""
    return printable(cut(type.__dict__["__name__"].__get__(kind), 60))


class _Call:
    """One call for the helper thread; `finished` is set once `text` is known."""

    __slots__ = ("began", "finished", "given_up", "method", "source", "text", "value")

    def __init__(self, method: Callable[[Any], str], value: object) -> None:
        self.method = method
        self.value = value
        self.source = current_source()
        self.text: str | None = None
        self.began = False
        self.given_up = False
        self.finished = threading.Event()


class _Helper:
    """A thread that makes one call after the other, for any thread. One that is stuck in a call is abandoned.

    `_verdict` is held by whoever decides that a call is finished or given up.
    """

    def __init__(self) -> None:
        self.stuck = False
        self._calls: SimpleQueue[_Call] = SimpleQueue()
        self._verdict = threading.Lock()
        self._thread = threading.Thread(target=self._run, name="sage-preview", daemon=True)
        self._thread.start()

    def call(self, call: _Call, deadline: float) -> str | None:
        """The text that the call returns by the deadline, or None; the helper may be stuck then."""
        self._calls.put(call)
        if call.finished.wait(max(deadline - monotonic(), 0.0)):
            return call.text
        with self._verdict:  # keeps the thread alive: a new thread could take over its ident
            if call.text is None:
                call.given_up = True
                if call.began:
                    self.stuck = True
                    _interrupt(self._thread)
        return call.text

    def _run(self) -> None:
        try:
            while not self.stuck:
                self._make(self._calls.get())
        except SystemExit:  # from `_interrupt`
            pass

    def _make(self, call: _Call) -> None:
        with self._verdict:
            if call.given_up:
                return
            call.began = True
        set_source(*call.source)
        try:
            text = str.__str__(call.method(call.value))
        except BaseException as error:  # noqa: BLE001 - whatever a user's method raises becomes the text
            text = f"<{class_name(type(call.value))} ({call.method.__name__} raised {class_name(type(error))})>"
        with self._verdict:
            call.text = text
            call.finished.set()


def _interrupt(thread: threading.Thread) -> None:
    """Raise `SystemExit` in a thread when it next runs Python code; a thread that blocks stays blocked."""
    try:
        from ctypes import c_ulong, py_object, pythonapi  # takes milliseconds, and is hardly ever needed
    except ImportError:
        return
    pythonapi.PyThreadState_SetAsyncExc(c_ulong(thread.ident or 0), py_object(SystemExit))


_STRIKES = 3
_helper: _Helper | None = None
_late: WeakKeyDictionary[type, int] = WeakKeyDictionary()
"""How often a class missed the deadline; on a busy machine that may be bad luck, so it gets a few tries."""


def _forget_helper() -> None:
    global _helper
    _helper = None


os.register_at_fork(after_in_child=_forget_helper)


def call_for_text(method: Callable[[Any], str], value: object, deadline: float) -> str:
    """What the user's method returns, or a text that says that it raised or took too long."""
    text = call_in_time(method, value, deadline)
    return f"<{class_name(type(value))} ({method.__name__} takes too long)>" if text is None else text


def call_in_time(method: Callable[[Any], str], value: object, deadline: float) -> str | None:
    """What the user's method returns, or that it raised; None if it has not returned by `deadline` (`monotonic`)."""
    global _helper
    kind = type(value)
    if _late.get(kind, 0) >= _STRIKES or monotonic() >= deadline:
        return None
    helper = _helper
    if helper is None or helper.stuck:
        try:
            helper = _helper = _Helper()
        except (RuntimeError, AttributeError):  # Python is ending, or sys has no excepthook any more
            return f"<{class_name(kind)}>"
    call = _Call(method, value)
    text = helper.call(call, deadline)
    if text is None and call.began:
        _late[kind] = _late.get(kind, 0) + 1
    return text
