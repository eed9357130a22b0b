"""What user code raised: counted exactly by group, the first of each group told in full."""

from __future__ import annotations

import os
import threading
import traceback
from collections.abc import Callable
from time import monotonic
from types import (
    CodeType,
    GetSetDescriptorType,
    MemberDescriptorType,
    MethodDescriptorType,
    TracebackType,
    WrapperDescriptorType,
)

from sage_runtime.events import Event, Failure, LeftOut
from sage_runtime.safe_repr.exception_info import arguments, beneath, in_class, name_of, trace_of
from sage_runtime.safe_repr.preview import exception_message
from sage_runtime.safe_repr.timed_call import ask_in_time

FULL = 100
"""Failures of a group that become events; later ones are counted."""

MOST_GROUPS = 500
"""Groups of a job; what belongs to none of them is one more group of its operator or service."""

_MOST_CODES = 10_000
"""Pieces of code of which it is remembered whose they are; code may be made anew for each record."""

_KEPT_FRAMES = 1000
"""So many frames at either end of a traceback are told."""

_MAX_TRACEBACK = 20_000
"""Characters of a traceback; its middle goes."""

_SECONDS = 0.5
"""How long code of the user's that a traceback runs may take."""

_PLAIN = frozenset({type(None), str, bytes, int, float, bool})
_CONTAINERS = frozenset({list, tuple, dict, set, frozenset})
_MANY = 1000
_BUILT_IN = frozenset({GetSetDescriptorType, MemberDescriptorType})
_LOOKED_AT = (
    *("__cause__", "__context__", "__suppress_context__", "__traceback__", "__notes__"),
    *("args", "exceptions", "filename", "filename2", "name", "obj", "msg", "text", "lineno", "offset"),
)
"""Of an exception's attributes, those that Python may look at when it prints one."""

_OURS = os.path.dirname(os.path.dirname(os.path.realpath(__file__)))  # noqa: PTH120 - pathlib takes milliseconds
_NOBODY, _LIBRARY, _USER = range(3)

Place = tuple[str | None, int | None]
"""A file and a line in it, if known."""


class _Group:
    __slots__ = ("count", "left_out", "name", "pipeline", "source")

    def __init__(self, pipeline: str, source: str, name: str) -> None:
        self.pipeline = pipeline
        self.source = source
        self.name = name
        self.count = 0
        self.left_out = 0


class Failures:
    """The failures of one job. Any of its threads records; the sampler collects what was only counted."""

    def __init__(self, pipeline: str, publish: Callable[[Event], None]) -> None:
        self._pipeline = pipeline
        self._publish = publish
        self._lock = threading.Lock()
        self._groups: dict[tuple[str, str, str | None, Place], _Group] = {}
        self._owners: dict[CodeType, int] = {}

    def record(self, source: str, kind: str, error: BaseException, show: Callable[[], str] | None = None) -> None:
        """Count a failure of an operator or service (`kind`), and publish it while its group is small.

        `show` makes the preview of the record (for a service, of the arguments) that goes with it.
        """
        place, exception = self._place(error), name_of(error)
        with self._lock:
            group = self._group(source, kind, exception, place)
            group.count += 1
            if group.count > FULL:
                group.left_out += 1
                return
        self._publish(
            Failure(
                pipeline=self._pipeline,
                source=source,
                kind=kind,
                group=group.name,
                exception=exception,
                message=exception_message(error),
                traceback=traceback_text(error),
                record=show() if show is not None else None,
                file=place[0],
                line=place[1],
            )
        )

    def _group(self, source: str, kind: str, exception: str | None, place: Place) -> _Group:
        key = (source, kind, exception, place)
        group = self._groups.get(key)
        if group is None:
            if len(self._groups) >= MOST_GROUPS and exception is not None:
                return self._group(source, kind, None, (None, None))
            name = f"{source}|{exception or '(other)'}|{place[0] or '?'}:{place[1] or 0}"
            group = self._groups[key] = _Group(self._pipeline, source, name)
        return group

    def collect(self) -> list[LeftOut]:
        """What was only counted since the last time, for the sampler."""
        with self._lock:
            events = []
            for group in self._groups.values():
                if group.left_out:
                    events.append(
                        LeftOut(
                            what="failure",
                            pipeline=group.pipeline,
                            source=group.source,
                            group=group.name,
                            count=group.left_out,
                        )
                    )
                    group.left_out = 0
        return events

    def _place(self, error: BaseException) -> Place:
        """The innermost line of user code, else of a library; neither: the user's frames are gone or never were."""
        owners = self._owners
        found: TracebackType | None = None
        library: TracebackType | None = None
        step = trace_of(error)
        while step is not None:
            code = step.tb_frame.f_code
            owner = owners.get(code)
            if owner is None:
                if len(owners) >= _MOST_CODES:
                    owners.clear()
                owner = owners[code] = _owner(code.co_filename)
            if owner == _USER:
                found = step
            elif owner == _LIBRARY:
                library = step
            step = step.tb_next
        found = found if found is not None else library
        if found is None:
            return None, None
        return found.tb_frame.f_code.co_filename, found.tb_lineno


def _owner(file: str) -> int:
    if file.startswith((_OURS, "<frozen ")):
        return _NOBODY
    from sage_runtime.engine.libraries import LIBRARIES  # milliseconds, and most runs have no failures

    return _LIBRARY if file.startswith(LIBRARIES) else _USER


def traceback_text(error: BaseException) -> str:
    """The traceback as Python prints it, without the frames of this package; never raises.

    A very long one loses its middle, in the exception too. What runs code of the user's (an exception's `__str__`, its
    arguments' `__repr__`) gets `_SECONDS`, and after them only the frames and what can be said of the exception.
    """
    _shorten(error)
    if _is_long(error):
        text = _frames_only(error)  # Python would write it all, at a stretch
    elif _is_plain(error):
        text = _as_python_says(error)
    else:
        text = ask_in_time(_as_python_says, error, monotonic() + _SECONDS) or _frames_only(error)
    if len(text) > _MAX_TRACEBACK:
        half = _MAX_TRACEBACK // 2
        text = f"{text[:half]}\n…\n{text[-half:]}"
    return text


def _as_python_says(error: BaseException) -> str:
    try:
        report = traceback.TracebackException(type(error), error, trace_of(error))
        _remove_ours(report, set())
        return "".join(report.format())
    except Exception as trouble:  # noqa: BLE001 - a user's exception may break anything that looks at it
        return f"{name_of(error)} (its traceback can't be shown: {type(trouble).__name__})\n"


def _frames_only(error: BaseException) -> str:
    frames = [frame for frame in traceback.extract_tb(trace_of(error)) if not frame.filename.startswith(_OURS)]
    lines = ["Traceback (most recent call last):\n", *traceback.format_list(frames)]
    return "".join(lines) + f"{name_of(error)}: {exception_message(error)}\n"


def _is_long(error: BaseException) -> bool:
    """Whether it holds more values, or was raised from more exceptions, than anybody reads."""
    if any(type(value) in _CONTAINERS and len(value) > _MANY for value in arguments(error)):
        return True
    return len(_all_of(error)) > _MANY


def _all_of(error: BaseException) -> list[BaseException]:
    """The exception and all that it came from, each once; of very many only the first."""
    found = {id(error): error}
    left = [error]
    while left and len(found) <= _MANY:
        for one in beneath(left.pop()):
            if id(one) not in found:
                found[id(one)] = one
                left.append(one)
    return list(found.values())


def _is_plain(error: BaseException) -> bool:
    """Whether Python can print the exception, and what it was raised from, without running code of the user's."""
    return all(_is_plain_alone(one) for one in _all_of(error))


def _is_plain_alone(error: BaseException) -> bool:
    if type(in_class(error, "__str__")) is not WrapperDescriptorType or in_class(error, "__getattr__") is not None:
        return False
    if type(in_class(error, "__getattribute__")) is not WrapperDescriptorType:
        return False
    for name in _LOOKED_AT:
        there = in_class(error, name)
        if there is not None and type(there) not in _BUILT_IN and type(there) not in _PLAIN:
            return False
    notes = getattr(error, "__notes__", None)
    if notes is not None and not (type(notes) is list and all(type(note) is str for note in notes)):
        return False
    values = (*arguments(error), *(getattr(error, name, None) for name in ("filename", "filename2", "name")))
    if not all(type(value) in _PLAIN for value in values):
        return False
    owner = type(getattr(error, "obj", None))  # of an AttributeError, whose names Python looks through
    return type(owner.__dir__) is MethodDescriptorType and type(owner.__getattribute__) is WrapperDescriptorType


def _shorten(error: BaseException) -> None:
    """Leave the middle out of a traceback of a million frames, as after a recursion: it would take a minute."""
    steps = []
    trace = trace_of(error)
    while trace is not None:
        steps.append(trace)
        trace = trace.tb_next
    if len(steps) > 2 * _KEPT_FRAMES:
        steps[_KEPT_FRAMES - 1].tb_next = steps[-_KEPT_FRAMES]


def _remove_ours(report: traceback.TracebackException, seen: set[int]) -> None:
    if id(report) in seen:
        return
    seen.add(id(report))
    report.stack[:] = [frame for frame in report.stack if not frame.filename.startswith(_OURS)]
    for other in (report.__cause__, report.__context__, *(getattr(report, "exceptions", None) or ())):
        if other is not None:
            _remove_ours(other, seen)
