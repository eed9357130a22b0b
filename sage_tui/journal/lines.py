"""What a pane, a search or a text file reads out of a run's journal: lines, channel by channel, and queries."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple, Protocol

from sage_runtime.events import CHANNELS as CHANNELS
from sage_runtime.events import Event, Failure, Log, Notice, Output, Record, ServiceCall, Trace
from sage_runtime.frozen import Frozen


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
        return 0

    def first(self) -> int:
        return 0

    def read(self, start: int, stop: int) -> list[Line]:
        return []

    def pick(self, start: int, stop: int, wanted: LineQuery) -> list[int]:
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


LONGEST = 20_000
"""Characters of a line that are searched."""

ALIKE = {"k": "\u212a", "s": "\u017f", "i": "\u0130\u0131"}
"""Characters beyond ASCII that `re` takes for these letters where case is ignored: Kelvin, long s, Turkish i."""


class Needle(NamedTuple):
    """Bytes in the JSON of every event whose text has some words, but for the events that have one of `odd` instead.

    With `fold` the bytes are those of the JSON with small ASCII letters. `whole`: where they stand in a text of which
    the JSON has no backslash, there the words stand.
    """

    raw: bytes
    fold: bool
    odd: tuple[bytes, ...]
    whole: bool


class LineQuery(Frozen):
    """Which lines are wanted: those that meet all `conditions` and have all `patterns` in their text.

    Conditions look at a line's source, kind and event, never at its text: all lines of an event meet them or none.
    Each of the `needles` stands for one of the patterns, the others are `unseen` in the bytes.
    """

    patterns: tuple[re.Pattern[str], ...] = ()
    conditions: tuple[Callable[[Line], bool], ...] = ()
    needles: tuple[Needle, ...] = ()
    unseen: bool = False

    def admits(self, line: Line) -> bool:
        """Whether all conditions are met."""
        return all(condition(line) for condition in self.conditions)

    def among(self, texts: list[str]) -> list[int]:
        """The places of the texts that have all patterns."""
        places = list(range(len(texts)))
        for pattern in self.patterns:
            search = pattern.search
            places = [place for place in places if search(texts[place], 0, LONGEST)]
        return places

    def pick(self, lines: Iterable[Line]) -> list[int]:
        """The numbers of the wanted lines; what is unfinished is not wanted."""
        patterns = self.patterns
        return [
            line.number
            for line in lines
            if not line.partial
            and all(pattern.search(line.text, 0, LONGEST) for pattern in patterns)
            and self.admits(line)
        ]


def needle(words: str, *, ignore_case: bool) -> Needle | None:
    """The needle of a text that is to be found as it is (or in any case, as `re` takes it); None if there is none."""
    # Letters beyond ASCII that have another case have it in other bytes: the longest part without them has to do.
    known = max(_parts(words), key=len) if ignore_case else words
    try:
        raw = json.dumps(known, ensure_ascii=False)[1:-1].encode()
    except UnicodeEncodeError:  # a lone surrogate is written in ASCII, as an escape
        return None
    if not raw:
        return None
    odd = {other.encode() for letter in known.lower() for other in ALIKE.get(letter, "") if ignore_case}
    fold = ignore_case and raw.lower() != raw.upper()
    return Needle(raw.lower() if fold else raw, fold, tuple(sorted(odd)), known == words)


def _parts(words: str) -> list[str]:
    cased = [letter for letter in words if not letter.isascii() and letter.lower() + letter.upper() != 2 * letter]
    return re.split("|".join(cased), words) if cased else [words]
