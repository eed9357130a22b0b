"""How a script ended: what Python would print about it, the exit status and the `failure` event."""

from __future__ import annotations

import os
import re
import sys
from types import TracebackType
from typing import Any

from sage_runtime.engine.failures import beneath, traceback_text
from sage_runtime.events import Failure
from sage_runtime.safe_repr.preview import exception_message, exception_name
from sage_runtime.worker.event_bus import EventBus
from sage_runtime.worker.script import Script

_NAMED_LINE = re.compile(r" on line (\d+), but no encoding declared")
_OURS = os.path.dirname(os.path.dirname(os.path.realpath(__file__))) + "/"  # noqa: PTH120 - pathlib takes milliseconds to import

_reserve = [bytearray(16 << 20)]
"""Given up where a script's end is told, for it may have left no memory. Nothing is in it, so it takes only room."""


def exit_status(error: SystemExit) -> int:
    """The status that `sys.exit(…)` asks for; a message goes to stderr and is status 1."""
    code = error.code
    if code is None:
        return 0
    if isinstance(code, int):
        return int(code) & 0xFF if -(2**63) <= code < 2**63 else 0xFF
    print(code, file=sys.stderr)
    return 1


def report(error: BaseException, script: Script, bus: EventBus | None) -> None:
    """Print an exception that the script didn't catch as Python does, and publish it as a failure on `bus`."""
    _reserve.clear()
    remove_ours(error, script.cut(error))
    trace = error.__traceback__
    sys.last_type, sys.last_value, sys.last_traceback = type(error), error, trace
    if sys.version_info >= (3, 12):
        sys.last_exc = error
    try:
        sys.excepthook(type(error), error, trace)
    except BaseException as other:  # noqa: BLE001 - as the interpreter itself: a broken hook is told, too
        print("Error in sys.excepthook:", file=sys.stderr)
        sys.__excepthook__(type(other), other, other.__traceback__)
        print("\nOriginal exception was:", file=sys.stderr)
        sys.__excepthook__(type(error), error, trace)
    if bus is not None:
        bus.finish_lines()
        place = _place(error, script)
        bus.publish(_failure(error, place))


def remove_ours(error: BaseException, trace: TracebackType | None) -> None:
    """Make `trace` the traceback of `error`, without frames of this package, in it and in its causes."""
    error.__traceback__ = _without_ours(trace)
    seen = {id(error)}
    others = beneath(error)
    while others:
        other = others.pop()
        if id(other) not in seen:
            seen.add(id(other))
            other.__traceback__ = _without_ours(other.__traceback__)
            others += beneath(other)


def _without_ours(trace: TracebackType | None) -> TracebackType | None:
    steps = []
    while trace is not None:
        steps.append(trace)
        trace = trace.tb_next
    if not any(step.tb_frame.f_code.co_filename.startswith(_OURS) for step in steps):
        return steps[0] if steps else None
    for step in reversed(steps):
        if not step.tb_frame.f_code.co_filename.startswith(_OURS):
            trace = TracebackType(trace, step.tb_frame, step.tb_lasti, step.tb_lineno)
    return trace


def _failure(error: BaseException, place: tuple[str | None, int | None]) -> Failure:
    name = exception_name(error)
    file, line = place
    return Failure(
        kind="script",
        group=f"script|{name}|{file or '?'}:{line or 0}",
        exception=name,
        message=exception_message(error),
        traceback=traceback_text(error),
        file=file,
        line=line,
    )


def _place(error: BaseException, script: Script) -> tuple[str | None, int | None]:
    """The innermost line in the script's folder, else the innermost of all."""
    if isinstance(error, SyntaxError) and error.filename:
        return error.filename, error.lineno
    if isinstance(error, SyntaxError) and (named := _NAMED_LINE.search(error.msg or "")) is not None:
        return script.path, int(named[1])  # of a file that is not UTF-8 the interpreter names the line in words only
    found: Any = None
    step = error.__traceback__
    last = step
    while step is not None:
        last = step
        if step.tb_frame.f_code.co_filename.startswith((script.folder, script.path)):
            found = step
        step = step.tb_next
    found = found or last
    if found is None:
        return script.path, None
    return found.tb_frame.f_code.co_filename, found.tb_lineno
