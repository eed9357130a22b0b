"""Asking a user's value for its text: its own `__repr__` or `__str__`, on a helper thread with a deadline.

Such a method may block, recurse or return megabytes. A class that missed the deadline a few times is not asked again.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from time import monotonic
from typing import Any
from weakref import WeakKeyDictionary

from sage_runtime.attribution import current_source, set_source

SECONDS = 0.05
"""How long the methods asked for one text may take together."""

MORE = "…"
"""Stands for what is left out."""


def cut(text: str, limit: int) -> str:
    """The text, or its beginning and a sign that there is more: `limit` characters at most."""
    return text if len(text) <= limit else text[: max(limit - 1, 0)] + MORE


def printable(text: str) -> str:
    """The text with control characters, direction marks and lone surrogates as escapes."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else repr(char)[1:-1] for char in text)


def class_name(kind: type) -> str:
    """The class's own name; what a metaclass says of itself is not asked."""
    return printable(cut(type.__dict__["__name__"].__get__(kind), 60))


class _Request:
    """One question for the helper thread: the caller waits on `done`."""

    __slots__ = ("answer", "ask", "done", "source", "value")

    def __init__(self, ask: Callable[[Any], str], value: object) -> None:
        self.ask = ask
        self.value = value
        self.source = current_source()
        self.answer = ""
        self.done = threading.Event()


class _Helper:
    """A thread that answers one request at a time; any thread asks. One that got stuck is left behind.

    Whoever says that a request is answered, or given up, holds `_verdict`.
    """

    def __init__(self) -> None:
        self.stuck = False
        self._lock = threading.Lock()
        self._verdict = threading.Lock()
        self._wake = threading.Semaphore(0)
        self._request: _Request | None = None
        self._thread = threading.Thread(target=self._run, name="sage-preview", daemon=True)
        self._thread.start()

    def ask(self, request: _Request, deadline: float) -> bool | None:
        """Whether the request was answered in time; None if it was not even asked."""
        if not self._lock.acquire(timeout=max(deadline - monotonic(), 0.0)):
            return None
        try:
            if self.stuck:
                return None
            self._request = request
            self._wake.release()
            if request.done.wait(max(deadline - monotonic(), 0.0)):
                return True
            with self._verdict:  # the thread can't end meanwhile: another one might have its ident then
                if request.done.is_set():
                    return True
                self.stuck = True
                _end_if_it_computes(self._thread)
            return False
        finally:
            self._lock.release()

    def _run(self) -> None:
        try:
            self._answer()
        except SystemExit:  # it was late, but has come to an end by itself
            pass

    def _answer(self) -> None:
        while not self.stuck:
            self._wake.acquire()
            request, self._request = self._request, None
            if request is None:
                continue
            set_source(*request.source)
            try:
                text = request.ask(request.value)
                request.answer = str.__str__(text)
            except BaseException as error:  # noqa: BLE001 - whatever a user's method raises becomes the text
                kinds = class_name(type(request.value)), class_name(type(error))
                request.answer = f"<{kinds[0]} ({request.ask.__name__} raised {kinds[1]})>"
            request.value = None
            with self._verdict:
                request.done.set()


def _end_if_it_computes(thread: threading.Thread) -> None:
    """Raise `SystemExit` in a thread the next time that it runs Python code; one that waits goes on waiting."""
    try:
        from ctypes import c_ulong, py_object, pythonapi  # takes milliseconds, and is hardly ever needed
    except ImportError:
        return
    pythonapi.PyThreadState_SetAsyncExc(c_ulong(thread.ident or 0), py_object(SystemExit))


_STRIKES = 3
_helper: _Helper | None = None
_late: WeakKeyDictionary[type, int] = WeakKeyDictionary()
"""How often a class missed the deadline; on a busy machine that may be bad luck, so it has a few tries."""


def _forget_helper() -> None:
    global _helper
    _helper = None


os.register_at_fork(after_in_child=_forget_helper)


def ask_for(ask: Callable[[Any], str], value: object, deadline: float) -> str:
    """What the user's method says, or that it raised or took too long."""
    text = ask_in_time(ask, value, deadline)
    return f"<{class_name(type(value))} ({ask.__name__} takes too long)>" if text is None else text


def ask_in_time(ask: Callable[[Any], str], value: object, deadline: float) -> str | None:
    """What the user's method says, or that it raised; None if there is no answer by `deadline` (`time.monotonic`)."""
    global _helper
    kind = type(value)
    if _late.get(kind, 0) >= _STRIKES:
        return None
    request = _Request(ask, value)
    while monotonic() < deadline:
        helper = _helper
        if helper is None or helper.stuck:
            try:
                helper = _helper = _Helper()
            except (RuntimeError, AttributeError):  # Python ends, or sys has no excepthook any more
                return f"<{class_name(kind)}>"
        in_time = helper.ask(request, deadline)
        if in_time:
            return request.answer
        if in_time is False:
            _late[kind] = _late.get(kind, 0) + 1
            return None
    return None
