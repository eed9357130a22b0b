"""The exceptions of user code: counted exactly by group, the first of each group published in full."""

from __future__ import annotations

import os
import threading
import traceback
from collections.abc import Callable
from functools import cache
from time import monotonic
from types import CodeType, TracebackType, WrapperDescriptorType

from sage_runtime.events import Event, Failure, LeftOut
from sage_runtime.safe_repr.preview import exception_message, exception_name
from sage_runtime.safe_repr.timed_call import call_in_time

FULL = 100
"""Failures of a group that become events; later ones are counted."""

MOST_GROUPS = 500
"""Groups of a job; further failures share one group for each operator or service."""

_MOST_CODES = 10_000
"""Code objects whose owner is remembered; a script may compile new code for each record."""

_KEPT_FRAMES = 1000
"""Frames that are kept at either end of a traceback."""

_MAX_TRACEBACK = 20_000
"""Characters of a traceback; its middle is left out."""

_SECONDS = 0.5
"""The time limit for the user's code that formatting a traceback runs."""

_MANY = 1000
_PLAIN = frozenset({type(None), str, bytes, int, float, bool})
_CONTAINERS = frozenset({list, tuple, dict, set, frozenset})

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
    """The failures of one job. Any of its threads records them; the sampler collects those that were only counted."""

    def __init__(self, pipeline: str, publish: Callable[[Event], None]) -> None:
        self._pipeline = pipeline
        self._publish = publish
        self._lock = threading.Lock()
        self._groups: dict[tuple[str, str, str | None, Place], _Group] = {}
        self._owners: dict[CodeType, int] = {}

    def record(self, source: str, kind: str, error: BaseException, show: Callable[[], str] | None = None) -> None:
        """Count a failure of an operator or service (`kind`), and publish it while its group is small.

        `show` returns the preview of the record (for a service, of the arguments).
        """
        place, exception = self._place(error), exception_name(error)
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
        """The failures that were only counted since the last time."""
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
        """The innermost line of user code, or else of a library; nothing if there is neither."""
        owners = self._owners
        found: TracebackType | None = None
        library: TracebackType | None = None
        step = error.__traceback__
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
        found = found or library
        if found is None:
            return None, None
        return found.tb_frame.f_code.co_filename, found.tb_lineno


def _owner(file: str) -> int:
    if file.startswith((_OURS, "<frozen ")):
        return _NOBODY
    return _LIBRARY if file.startswith(_libraries()) else _USER


@cache
def _libraries() -> tuple[str, ...]:
    """The folders of this Python's libraries: frames in files there are not the user's own."""
    import sysconfig  # takes milliseconds, and most runs have no failures

    return tuple({sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")})


def traceback_text(error: BaseException) -> str:
    """The traceback as Python prints it, without the frames of this package; never raises.

    A very long traceback loses its middle, in the exception too. The user's code that formatting runs (an exception's
    `__str__`, its arguments' `__repr__`) has `_SECONDS`; after that only the frames and the message are given.
    """
    _shorten(error)
    chain = _chain(error)
    if len(chain) > _MANY or any(type(value) in _CONTAINERS and len(value) > _MANY for value in error.args):
        text = _frames_only(error)  # Python would write all of it, at a stretch
    elif all(map(_is_plain, chain)):
        text = _format(error)
    else:
        text = call_in_time(_format, error, monotonic() + _SECONDS) or _frames_only(error)
    if len(text) > _MAX_TRACEBACK:
        half = _MAX_TRACEBACK // 2
        text = f"{text[:half]}\n…\n{text[-half:]}"
    return text


def _format(error: BaseException) -> str:
    try:
        report = traceback.TracebackException(type(error), error, error.__traceback__)
        _remove_ours(report, set())
        return "".join(report.format())
    except Exception as trouble:  # noqa: BLE001 - a user's exception may break anything that looks at it
        return f"{exception_name(error)} (its traceback can't be shown: {type(trouble).__name__})\n"


def _frames_only(error: BaseException) -> str:
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if not frame.filename.startswith(_OURS)]
    lines = ["Traceback (most recent call last):\n", *traceback.format_list(frames)]
    return "".join(lines) + f"{exception_name(error)}: {exception_message(error)}\n"


def _chain(error: BaseException) -> list[BaseException]:
    """The exception, its causes, contexts and grouped exceptions, each once; little more than `_MANY` of them."""
    found = {id(error): error}
    left = [error]
    while left and len(found) <= _MANY:
        for one in beneath(left.pop()):
            if id(one) not in found:
                found[id(one)] = one
                left.append(one)
    return list(found.values())


def beneath(error: BaseException) -> list[BaseException]:
    """The exceptions that an exception comes from: its cause, its context, and those in it if it is a group."""
    grouped = error.exceptions if isinstance(error, BaseExceptionGroup) else ()
    return [one for one in (error.__cause__, error.__context__, *grouped) if one is not None]


def _is_plain(error: BaseException) -> bool:
    """Whether formatting the exception itself runs none of the user's code."""
    values = (*error.args, *getattr(error, "__notes__", ()))
    return type(type(error).__str__) is WrapperDescriptorType and all(type(value) in _PLAIN for value in values)


def _shorten(error: BaseException) -> None:
    """Leave the middle out of a traceback of a million frames, as after a recursion: it would take a minute."""
    steps = []
    trace = error.__traceback__
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
