"""How the lines of each channel look: fixed columns at both sides, and between them the text that scrolls sideways."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from sage_runtime.events import ServiceCall
from sage_tui.dashboard.base.strips import Span, span, spans_width
from sage_tui.dashboard.log.slow_calls import NO_LIMITS
from sage_tui.dashboard.log.source_colours import SourceColours
from sage_tui.journal.lines import Line
from sage_tui.state import format as fmt

ROOM_FOR_CALLER = 48
"""Cells in which a call is shown with its caller."""

LEAST_ARGUMENTS = 8
"""Cells that the arguments of a call get, however long the answer is."""

WRITER = 16
"""Cells in which a file names who printed a line; longer names push the text to the right."""

SHOWN = 4096
"""Characters of a line that are made ready for the screen beyond what is scrolled past; the rest is in its detail."""


@dataclass(frozen=True, slots=True)
class Drawn:
    """A line ready to be drawn: `before` and `after` stay in place, `body` lies between them."""

    before: tuple[Span, ...]
    body: tuple[Span, ...]
    after: tuple[Span, ...] = ()


class LineFormatter(Protocol):
    """Draws the lines of one channel."""

    def present(self, line: Line, width: int, start: int = 0) -> Drawn:
        """The parts of a line in `width` cells whose body is scrolled by `start` cells."""
        ...

    def copy(self, line: Line) -> str:
        """What somebody wants who copies the line."""
        ...

    def whole(self, line: Line) -> str:
        """The line as it is in a file: all that the pane shows of it, uncut. Any thread may ask."""
        ...


def one_line(text: str, limit: int) -> tuple[str, int]:
    """The first line of a text, safe to show, of at most about `limit` characters; and how many lines follow."""
    head, _, rest = text[: limit + SHOWN].partition("\n")
    return fmt.clean(head), rest.count("\n") + 1 if rest else 0


class OutputFormatter:
    """`PrintSink      HELLO, WORLD! #41`, with `!` before what went to stderr."""

    def __init__(self, colours: SourceColours) -> None:
        self._colours = colours

    def present(self, line: Line, width: int, start: int = 0) -> Drawn:
        """See `LineFormatter`."""
        text, _ = one_line(line.text, start)
        column = min(self._colours.width, max(6, width // 3))
        mark = Span("! ", "warn") if line.kind == "stderr" else Span("  ")
        source = span(fmt.clean(line.source or "script"), column, self._colours.look(line.source))
        return Drawn((mark, source, Span("  ")), (Span(text),))

    def copy(self, line: Line) -> str:
        """The printed text itself."""
        return line.text

    def whole(self, line: Line) -> str:
        """Who printed it, `!` if it went to stderr, and the text."""
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

    def present(self, line: Line, width: int, start: int = 0) -> Drawn:
        """See `LineFormatter`."""
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
        return Drawn(tuple(before), (Span(text, "bad" if look == "bad" else ""),), after)

    def copy(self, line: Line) -> str:
        """Time, level, source and the whole message."""
        return f"{fmt.clock(line.t, milliseconds=True)} {line.kind} {line.source or '-'}: {line.text}"

    whole = copy


SLOW = Span("▲ ", "warn")
"""Stands before a slow call."""


class CallFormatter:
    """With ▲ before a call that is slow for its method, by `limits`.

    `12:00:01.123  UpperCaseMap → hello_service.hello("x")  → None   waited 0.1 ms  took 0.4 ms`
    """

    def __init__(self, colours: SourceColours) -> None:
        self._colours = colours
        self.limits = NO_LIMITS

    def present(self, line: Line, width: int, start: int = 0) -> Drawn:
        """See `LineFormatter`."""
        call = line.event
        if not isinstance(call, ServiceCall):
            return Drawn((), (Span(one_line(line.text, start)[0]),))
        mark = Span("✗ ", "bad") if call.error is not None else SLOW if self.limits.slow(call) else Span("  ")
        before = (mark, Span(fmt.clock(call.t, milliseconds=width >= 80) + "  ", "muted"))
        after = self._times(call, width)
        room = width - spans_width(before) - spans_width(after)
        return Drawn(before, self._body(call, start, room), after)

    def _body(self, call: ServiceCall, start: int, room: int) -> tuple[Span, ...]:
        """The call and its answer; long arguments are cut so that the answer shows, unless somebody scrolls to them."""
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

    def copy(self, line: Line) -> str:
        """The call as one line of text, times included."""
        call = line.event
        if not isinstance(call, ServiceCall):
            return line.text
        times = f"waited {fmt.duration(call.waited)}, took {fmt.duration(call.duration)}"
        return f"{fmt.clock(call.t, milliseconds=True)} {line.text} ({times})"

    whole = copy


def body_room(drawn: Drawn, width: int) -> int:
    """The cells that are left for the body."""
    return max(1, width - spans_width(drawn.before) - spans_width(drawn.after))
