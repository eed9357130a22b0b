"""How the lines of each channel look: fixed columns at both sides, between them text that scrolls sideways."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from sage_runtime.events import ServiceCall
from sage_tui.dashboard.base.strips import Span, span, spans_width
from sage_tui.dashboard.base.theme import SOURCE_COLOURS
from sage_tui.journal.lines import Line
from sage_tui.state import format as fmt
from sage_tui.state.quantiles import calls_in
from sage_tui.state.views import RunView, ServiceView


class SourceColours:
    """The looks of operators and services: stable for the session, given in order of appearance.

    Only the dashboard's thread uses it."""

    def __init__(self) -> None:
        self._looks: dict[str, str] = {}
        self._seen: object = None
        self.width = 8
        """The cells of the longest source name, between 8 and 16."""

    def learn(self, run: RunView) -> None:
        """Give the operators and services of a run their colours, in the order of the graph."""
        if run.pipelines is self._seen:
            return
        self._seen = run.pipelines
        for pipeline in run.pipelines:
            for name in (*(o.id for o in pipeline.operators), *(s.name for s in pipeline.services)):
                if name not in self._looks:
                    self.look(name)
                    self.width = min(16, max(self.width, len(name)))

    def look(self, name: str | None) -> str:
        """The look of a source; that of the script itself is muted."""
        if name is None:
            return "muted"
        look = self._looks.get(name)
        if look is None:
            look = self._looks[name] = f"source-{len(self._looks) % SOURCE_COLOURS}"
        return look


TIMES_MEDIAN = 3.0
"""A call that takes so many times its method's median is slow ..."""

TIMES_MEDIAN_AT_P99 = 1.5
"""... and so is one of the slowest hundredth that takes so many times the median."""

LEAST_CALLS = 20
"""The fewest calls of a method that make a distribution."""


NEAR = 0.1
"""Limits that differ by a smaller share look the same."""


class SlowLimits(NamedTuple):
    """The seconds from which a call of each method (pipeline, service, name) is slow."""

    by_method: Mapping[tuple[str, str, str], float]

    def slow(self, call: ServiceCall) -> bool:
        limit = self.by_method.get((call.pipeline, call.service, call.method))
        return limit is not None and call.duration >= limit

    def near(self, other: SlowLimits) -> bool:
        """Whether other limits are about the same."""
        mine, theirs = self.by_method, other.by_method
        return mine.keys() == theirs.keys() and all(abs(mine[key] - theirs[key]) < NEAR * mine[key] for key in mine)


NO_LIMITS = SlowLimits({})


def slow_limits(services: Iterable[ServiceView]) -> SlowLimits:
    """The limits for the calls of these services."""
    found = {}
    for service in services:
        for method in service.methods:
            latency = method.latency
            if latency.p50 > 0 and max(calls_in(latency.buckets), method.calls) >= LEAST_CALLS:
                limit = min(TIMES_MEDIAN * latency.p50, max(latency.p99, TIMES_MEDIAN_AT_P99 * latency.p50))
                found[service.pipeline, service.name, method.method] = limit
    return SlowLimits(found)


ROOM_FOR_CALLER = 48
"""The fewest cells in which a call is shown with its caller."""

LEAST_ARGUMENTS = 8
"""The cells that the arguments of a call get, however long the result is."""

WRITER = 16
"""The cells for the source of a line in an exported file; longer names push the text to the right."""

SHOWN = 4096
"""Characters of a line that are formatted beyond the scroll position; the detail screen shows all."""


@dataclass(frozen=True, slots=True)
class LineParts:
    """A formatted line: `before` and `after` stay in place, `body` scrolls between them."""

    before: tuple[Span, ...]
    body: tuple[Span, ...]
    after: tuple[Span, ...] = ()


class LineFormatter(Protocol):
    """Formats the lines of one channel."""

    def parts(self, line: Line, width: int, start: int = 0) -> LineParts:
        """The parts of a line for `width` cells, with the body scrolled by `start` cells."""
        ...

    def copy_text(self, line: Line) -> str:
        """The text that is copied."""
        ...

    def full_text(self, line: Line) -> str:
        """The line in an exported file: all that the pane shows, uncut. Any thread may call this."""
        ...


def one_line(text: str, limit: int) -> tuple[str, int]:
    """The first line of a text, safe to show, cut after `limit` characters and some; and how many lines follow."""
    head, _, rest = text[: limit + SHOWN].partition("\n")
    return fmt.clean(head), rest.count("\n") + 1 if rest else 0


class OutputFormatter:
    """`PrintSink      HELLO, WORLD! #41`, with `!` before what went to stderr."""

    def __init__(self, colours: SourceColours) -> None:
        self._colours = colours

    def parts(self, line: Line, width: int, start: int = 0) -> LineParts:
        text, _ = one_line(line.text, start)
        column = min(self._colours.width, max(6, width // 3))
        mark = Span("! ", "warn") if line.kind == "stderr" else Span("  ")
        source = span(fmt.clean(line.source or "script"), column, self._colours.look(line.source))
        return LineParts((mark, source, Span("  ")), (Span(text),))

    def copy_text(self, line: Line) -> str:
        return line.text

    def full_text(self, line: Line) -> str:
        """`!` if it went to stderr, the source, and the text."""
        return f"{'!' if line.kind == 'stderr' else ' '} {line.source or 'script':<{WRITER}}  {line.text}"


_LEVELS: Mapping[str, tuple[str, str]] = {
    "DEBUG": ("debug  ", "muted"),
    "INFO": ("info   ", "muted"),
    "WARNING": ("warning", "warn"),
    "ERROR": ("error  ", "bad"),
    "CRITICAL": ("fatal  ", "bad"),
}


class LogFormatter:
    """`12:00:01.123  warning  UpperCaseMap  the message`."""

    def __init__(self, colours: SourceColours) -> None:
        self._colours = colours

    def parts(self, line: Line, width: int, start: int = 0) -> LineParts:
        text, more = one_line(line.text, start)
        level, look = _LEVELS.get(line.kind, (span(fmt.clean(line.kind.lower()), 7).text, "muted"))
        if width < 60:
            level = level[0].upper() + " "
        before = [Span(fmt.clock(line.t, milliseconds=width >= 80) + "  ", "muted"), Span(level + "  ", look)]
        if line.source is not None or width >= 80:
            column = min(self._colours.width, max(6, width // 5))
            before.append(span(fmt.clean(line.source or ""), column, self._colours.look(line.source)))
            before.append(Span("  "))
        after = (Span(f" +{more} lines", "muted"),) if more else ()
        return LineParts(tuple(before), (Span(text, "bad" if look == "bad" else ""),), after)

    def copy_text(self, line: Line) -> str:
        return f"{fmt.clock(line.t, milliseconds=True)} {line.kind} {line.source or '-'}: {line.text}"

    full_text = copy_text


SLOW = Span("▲ ", "warn")
"""Marks a slow call."""


class CallFormatter:
    """Calls, with ▲ before those that are slow for their method by `limits`.

    `12:00:01.123  UpperCaseMap → hello_service.hello("x")  → None   waited 0.1 ms  took 0.4 ms`
    """

    def __init__(self, colours: SourceColours) -> None:
        self._colours = colours
        self.limits = NO_LIMITS

    def parts(self, line: Line, width: int, start: int = 0) -> LineParts:
        call = line.event
        if not isinstance(call, ServiceCall):
            return LineParts((), (Span(one_line(line.text, start)[0]),))
        mark = Span("✗ ", "bad") if call.error is not None else SLOW if self.limits.slow(call) else Span("  ")
        before = (mark, Span(fmt.clock(call.t, milliseconds=width >= 80) + "  ", "muted"))
        after = self._times(call, width)
        room = width - spans_width(before) - spans_width(after)
        return LineParts(before, self._body(call, start, room), after)

    def _body(self, call: ServiceCall, start: int, room: int) -> tuple[Span, ...]:
        """The call and its result. Unless the line is scrolled, long arguments are cut so that the result shows."""
        caller = fmt.clean(call.caller or "script")
        head = (
            *((Span(caller, self._colours.look(call.caller)), Span(" → ", "muted")) if room >= ROOM_FOR_CALLER else ()),
            Span(fmt.clean(call.service), self._colours.look(call.service)),
            Span(f".{fmt.clean(call.method)}("),
        )
        answer, _ = one_line(call.error if call.error is not None else (call.result or "None"), start)
        tail = (
            Span(")  → " if call.error is None else ")  raised "),
            Span(answer, "strong" if call.error is None else "bad"),
        )
        arguments, _ = one_line(call.arguments, start)
        if not start:
            left = room - spans_width(head) - spans_width(tail)
            arguments = fmt.cut(arguments, max(LEAST_ARGUMENTS, left, room // 3))
        return (*head, Span(arguments), *tail)

    def _times(self, call: ServiceCall, width: int) -> tuple[Span, ...]:
        took = span(fmt.duration(call.duration), 7, "warn" if self.limits.slow(call) else "", align="right")
        if width < 72:
            return (Span(" "), took)
        waited = span(fmt.duration(call.waited), 7, align="right")
        return (Span("  waited ", "muted"), waited, Span("  took ", "muted"), took, Span(" "))

    def copy_text(self, line: Line) -> str:
        call = line.event
        if not isinstance(call, ServiceCall):
            return line.text
        times = f"waited {fmt.duration(call.waited)}, took {fmt.duration(call.duration)}"
        return f"{fmt.clock(call.t, milliseconds=True)} {line.text} ({times})"

    full_text = copy_text


def body_room(parts: LineParts, width: int) -> int:
    """The cells left for the body."""
    return max(1, width - spans_width(parts.before) - spans_width(parts.after))
