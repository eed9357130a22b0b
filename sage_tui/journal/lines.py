"""Lines: what a pane, a search or a text file reads out of a run's journal, channel by channel."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, NamedTuple, Protocol

from sage_runtime.events import CHANNELS as CHANNELS
from sage_runtime.events import Event, Failure, Log, Notice, Output, Record, ServiceCall, Trace

if TYPE_CHECKING:
    from sage_tui.journal.line_query import LineQuery


class Line(NamedTuple):
    """One entry of a channel.

    `number` is its position in the channel, from 0. `t` is Unix time in seconds. `kind` is stdout or stderr (output),
    the level (log, notice), the failure's kind, in or out (record), result or error (service_call), step (trace).
    `text` is as it came: whoever shows it makes control characters visible. Each line of an `output` event is an
    entry; everywhere else an event is one entry and `text` may hold several lines. `partial` is true for the last
    line of an output event that did not end with a newline: the next line of the same source and kind goes on where
    it stopped (`event.end` is empty) or replaces it (`event.end` is a carriage return).
    """

    number: int
    t: float
    source: str | None
    pipeline: str | None
    text: str
    kind: str
    event: Event
    partial: bool = False


class LineSource(Protocol):
    """A channel of one run: a sequence of lines that may still grow. Any thread may ask; reading never blocks long."""

    def count(self) -> int:
        """Lines so far, those that were dropped from the front of a long journal included."""
        ...

    def first(self) -> int:
        """The first line that can still be read: 0 unless the oldest segments of a long journal are gone."""
        ...

    def read(self, start: int, stop: int) -> list[Line]:
        """The lines from `start` up to, not including, `stop`, as far as they exist and are kept."""
        ...

    def pick(self, start: int, stop: int, wanted: LineQuery) -> list[int]:
        """The numbers of the lines among those that are wanted, ascending."""
        ...


class NoLines:
    """The lines of a session without a run."""

    def count(self) -> int:
        """None."""
        return 0

    def first(self) -> int:
        """The first of none."""
        return 0

    def read(self, start: int, stop: int) -> list[Line]:
        """None."""
        return []

    def pick(self, start: int, stop: int, wanted: LineQuery) -> list[int]:
        """None."""
        return []


def line_count(event: Event) -> int:
    """How many lines an event adds to its channel; 0 for an event without one."""
    if isinstance(event, Output):
        return event.text.count("\n") + 1
    return 1 if event.type in CHANNELS else 0


def _output_lines(event: Output, number: int, start: int, stop: int) -> list[Line]:
    texts = event.text.split("\n")
    unfinished = len(texts) - 1 if event.end != "\n" else -1
    return [
        Line(number + i, event.t, event.source, event.pipeline, texts[i], event.stream, event, i == unfinished)
        for i in range(max(0, start - number), min(len(texts), stop - number))
    ]


def _log(event: Log, number: int) -> Line:
    return Line(number, event.t, event.source, event.pipeline, event.message, event.level, event)


def _service_call(event: ServiceCall, number: int) -> Line:
    answer = f"raised {event.error}" if event.error is not None else f"→ {event.result}"
    text = f"{event.caller or 'script'} → {event.service}.{event.method}({event.arguments}) {answer}"
    kind = "result" if event.error is None else "error"
    return Line(number, event.t, event.service, event.pipeline, text, kind, event)


def _failure(event: Failure, number: int) -> Line:
    text = f"{event.exception}: {event.message}" if event.message else event.exception
    return Line(number, event.t, event.source, event.pipeline, text, event.kind, event)


def _notice(event: Notice, number: int) -> Line:
    return Line(number, event.t, None, event.pipeline, event.message, event.level, event)


def _record(event: Record, number: int) -> Line:
    return Line(number, event.t, event.operator, event.pipeline, event.preview, event.port, event)


def _trace(event: Trace, number: int) -> Line:
    text = f"{event.before} → {', '.join(event.after) or 'nothing'}"
    return Line(number, event.t, event.operator, event.pipeline, text, "step", event)


_MAKERS: Mapping[type[Event], Callable[..., Line]] = {
    Log: _log,
    ServiceCall: _service_call,
    Failure: _failure,
    Notice: _notice,
    Record: _record,
    Trace: _trace,
}


def lines_of(event: Event, number: int, start: int = 0, stop: int = sys.maxsize) -> list[Line]:
    """The lines that an event adds to its channel, numbered from `number`; those from `start` to `stop`."""
    if isinstance(event, Output):
        return _output_lines(event, number, start, stop)
    maker = _MAKERS.get(type(event))
    return [] if maker is None or not start <= number < stop else [maker(event, number)]
