"""Whether a source has had its say: whether all that it can answer from now on is `None`.

Sources of eras 1 and 2 often count through a list and then answer `None` for ever, and SAGE waits for them for ever.
Time alone can't tell such a source from one that is quiet and will speak again. A look at one answer can: it was given
from the source's own state, which it has not changed, without asking the clock, a file, a queue or anything else
outside. The next answer is then the same, unless somebody else's code runs meanwhile.
"""

from __future__ import annotations

import sys
import threading
from collections import deque
from collections.abc import Callable
from opcode import opmap
from types import FrameType
from typing import Any

_CONTAINERS = (str, bytes, int, float, bool, list, tuple, dict, set, frozenset, deque)
_HARMLESS = frozenset(
    (len, isinstance, issubclass, hasattr, getattr, callable, iter, next, min, max, sum, abs, any, all, sorted, repr)
) | {hash, id, divmod, round, ord, chr, format, sys.settrace, sys.setprofile}
"""Built-in functions whose answer comes from their arguments alone."""

_HELD_ITERATORS = (*(type(iter(kind())) for kind in (str, bytes, list, tuple, dict, set)), type(iter(range(0))))
_HELD_ITERATORS += (type(_ for _ in ()),)
"""Iterators over what is at hand, and generators, whose code is watched. Others, a file's, may have more later."""

_CALLS = {opmap[name] for name in ("CALL", "CALL_KW", "CALL_FUNCTION_EX") if name in opmap}
_ENTERS = {opmap[name] for name in ("BEFORE_WITH", "LOAD_SPECIAL", "BEFORE_ASYNC_WITH", "SEND") if name in opmap}
"""Instructions that call what the profiler is told of, and those that call without."""

_OWN = __name__.partition(".")[0] + "."
_WAITING = (_OWN, "threading", "concurrent.futures.thread")
"""The modules in which a thread is that waits for work. `_API` is where it may do some for the script."""

_API = _OWN + "api."


def ask_watched(execute: Callable[[], Any]) -> tuple[Any, bool]:
    """Ask a source once more: its answer, and whether it is `None` for good. Raises what the source raises."""
    function = getattr(execute, "__self__", None)
    if function is None or not hasattr(function, "__dict__") or type(function).__module__.startswith(_OWN):
        return execute(), False
    before = dict(vars(function))
    watch = _Watch()
    with watch:
        value = execute()
    after = vars(function)
    unchanged = before.keys() == after.keys() and all(after[name] is held for name, held in before.items())
    settled = unchanged and not any(map(_may_have_more, after.values()))
    return value, value is None and settled and not (watch.looked or watch.blind)


class _Watch:
    """Watches what the current thread calls. `looked`: something that may look outside. `blind`: it saw nothing at all.

    The profiler is told of functions written in Python, which are watched in turn, and of most of those written in C. A
    call of which it is not told is one of something else, such as a type or an extension's own kind of function.
    """

    def __init__(self) -> None:
        self.blind = True
        self.looked = False
        self._calling = False

    def __enter__(self) -> None:
        self._outer = sys.gettrace(), sys.getprofile()
        sys.setprofile(self._profile)
        sys.settrace(self._trace)

    def __exit__(self, *error: object) -> None:
        tracer, profiler = self._outer
        sys.settrace(tracer)
        sys.setprofile(profiler)

    def _trace(self, frame: FrameType, event: str, argument: Any) -> Callable[..., Any]:
        frame.f_trace = self._instruction  # before the rest, which Python 3.13 ignores without it
        frame.f_trace_opcodes, frame.f_trace_lines = True, False
        return self._instruction

    def _instruction(self, frame: FrameType, event: str, argument: Any) -> Callable[..., Any]:
        if event == "opcode":
            instruction = frame.f_code.co_code[frame.f_lasti]
            self.looked = self.looked or self._calling or instruction in _ENTERS
            self._calling = instruction in _CALLS
            self.blind = False
        return self._instruction

    def _profile(self, frame: FrameType, event: str, called: Any) -> None:
        if event in ("call", "c_call"):
            self._calling = False
        if event == "c_call" and type(getattr(called, "__self__", None)) not in _CONTAINERS:
            self.looked = self.looked or called not in _HARMLESS


def _may_have_more(held: object) -> bool:
    return hasattr(type(held), "__next__") and type(held) not in _HELD_ITERATORS


def others_at_work(*besides: int) -> bool:
    """Whether any thread but the current one and those given (by ident) is inside code that is not the engine's."""
    frames = sys._current_frames()
    for ident in besides:
        frames.pop(ident, None)
    frames.pop(threading.get_ident(), None)
    return any(map(_inside_script, frames.values()))


def _inside_script(innermost: FrameType) -> bool:
    frame: FrameType | None = innermost
    while frame is not None:
        module = str(frame.f_globals.get("__name__"))
        if module.startswith(_API) or not module.startswith(_WAITING):
            return True
        frame = frame.f_back
    return False
