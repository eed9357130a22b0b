"""The calls of one service: as they come, or in another order; slow ones stand out."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.widget import Widget

from sage_runtime.events import ServiceCall
from sage_tui.dashboard.base.strips import Span
from sage_tui.dashboard.base.table import Column, Table
from sage_tui.dashboard.log.as_json import event_json
from sage_tui.dashboard.log.formatters import SLOW, CallFormatter, one_line
from sage_tui.dashboard.log.query import Query
from sage_tui.dashboard.log.ranking import ORDERS, Ranking
from sage_tui.dashboard.log.run_lines import RunLinesFinder
from sage_tui.dashboard.log.scoped_lines import ScopedLines, lines_of_source
from sage_tui.dashboard.log.slow_calls import NO_LIMITS, Limits, limits
from sage_tui.dashboard.log.source_colours import SourceColours
from sage_tui.dashboard.messages import LineOpened
from sage_tui.journal.lines import Line
from sage_tui.state import format as fmt
from sage_tui.state.views import SessionView


class OneServiceFormatter(CallFormatter):
    """Calls of one service."""

    def _body(self, call: ServiceCall, start: int, room: int) -> tuple[Span, ...]:
        """Without the name of the service, which is the same in all."""
        name = fmt.clean(call.service)
        spans = super()._body(call, start, room + fmt.cell_len(name) + 1)
        at = spans.index(Span(f".{fmt.clean(call.method)}("))
        return (*spans[: at - 1], Span(spans[at].text[1:]), *spans[at + 1 :])


class RankedCalls(Table[Line]):
    """The calls that come first in an order."""

    def __init__(self, colours: SourceColours) -> None:
        self.limits = NO_LIMITS
        self._colours = colours
        columns: tuple[Column[Line], ...] = (
            Column("time", 12, lambda c, w: Span(fmt.clock(c.t, milliseconds=True), "muted"), rank=3),
            Column("took", 8, self._took),
            Column("waited", 8, lambda c, w: Span(fmt.duration(_call(c).waited), "muted"), rank=1),
            Column("caller", 14, self._caller, align="left", rank=2, grow=True, most=20),
            Column("call", 20, self._call, align="left", grow=True),
        )
        super().__init__(columns, "No calls yet")

    def _took(self, line: Line, width: int) -> list[Span]:
        call = _call(line)
        slow = self.limits.slow(call)
        mark = Span("✗ ", "bad") if call.error is not None else SLOW if slow else Span("  ")
        return [mark, Span(fmt.pad(fmt.duration(call.duration), width - 2, "right"), "warn" if slow else "")]

    def _caller(self, line: Line, width: int) -> Span:
        caller = _call(line).caller
        return Span(fmt.clean(caller or "script"), self._colours.look(caller))

    def _call(self, line: Line, width: int) -> list[Span]:
        call = _call(line)
        arguments = fmt.cut(one_line(call.arguments, 0)[0], max(8, width // 2))
        head = fmt.cut(f"{fmt.clean(call.method)}({arguments})", width)
        answer, _ = one_line(call.error if call.error is not None else (call.result or "None"), 0)
        words = "  → " if call.error is None else "  raised "
        rest = fmt.pad(words + answer, max(0, width - fmt.cell_len(head)))
        return [Span(head), Span(rest, "muted" if call.error is None else "bad")]


def _call(line: Line) -> ServiceCall:
    assert isinstance(line.event, ServiceCall)
    return line.event


class ServiceCallsPane(ScopedLines):
    """Every call of a service. `o` goes through the orders: time, took, waited, caller, method."""

    pane = "calls"
    label = "Calls"
    short = "Calls"
    channel = "service_call"
    empty = "Nobody has called it yet"
    things = "calls"

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("o", "order", "Order", tooltip="By time, duration, waiting time, caller or method", id="calls.order"),
    ]

    def __init__(self, pipeline: str, service: str, colours: SourceColours, finder: RunLinesFinder) -> None:
        self._presenter = OneServiceFormatter(colours)
        super().__init__(self._presenter, finder, lines_of_source(pipeline, service))
        self._key = f"{pipeline}/{service}"
        self.table = RankedCalls(colours)
        self.table.display = False
        self.ranking: Ranking | None = None
        self._chosen = False
        """Whether somebody has moved the cursor in the order; until then it is on the first call, whichever that is."""

    def compose(self) -> ComposeResult:
        yield self.table
        yield from super().compose()

    @property
    def order(self) -> str:
        """What the calls are sorted by."""
        return "time" if self.ranking is None else self.ranking.order

    @property
    def main(self) -> Widget:
        return self.list if self.ranking is None else self.table

    def show_view(self, view: SessionView) -> None:
        services = (one for pipeline in view.shown.pipelines for one in pipeline.services)
        self._mark(limits(one for one in services if one.key == self._key))
        if self.ranking is not None:
            for lines in self.list.transcript.runs:
                self.ranking.add(lines.run, lines.source)
            self.ranking.wake()
            rows = [(f"{line.event.run}/{line.number}", line) for line in self.ranking.first()]
            self.table.show_rows(rows)
            if rows and not self._chosen:
                self.table.select(rows[0][0])
        super().show_view(view)

    def _mark(self, found: Limits) -> None:
        if not found.near(self._presenter.limits):
            self._presenter.limits = self.table.limits = found
            self.list.present_anew()
            self.table.refresh()

    def sort(self, order: str) -> None:
        """Sort by time, or one of `ORDERS`."""
        if self.ranking is not None:
            self.ranking.stop()
            self.ranking = None
        if order != "time":
            self.ranking = Ranking((self.query_in_scope(),), order)
            for lines in self.list.transcript.runs:
                self.ranking.add(lines.run, lines.source)
            self.ranking.start()
            self._chosen = False
        self.list.display, self.table.display = self.ranking is None, self.ranking is not None
        self.focus_main()
        self.set_note(self.status())

    def action_order(self) -> None:
        """Sort by the next of the orders."""
        orders = ("time", *ORDERS)
        self.sort(orders[(orders.index(self.order) + 1) % len(orders)])

    def choose(self, query: Query | None) -> None:
        super().choose(query)
        if self.ranking is not None:
            self.sort(self.ranking.order)

    def status(self) -> str:
        words = super().status()
        if self.ranking is None:
            return f"{words} · o sorts" if self.list.follow else words
        return f"{words.partition(' · ')[0]} · by {self.order}"

    def copied(self) -> str | None:
        if self.ranking is None:
            return super().copied()
        line = self.table.current()
        return None if line is None else self.list.presenter.copy(line)

    def copied_json(self) -> str | None:
        line = self.list.current() if self.ranking is None else self.table.current()
        return None if line is None else event_json(line.event)

    def on_unmount(self) -> None:
        if self.ranking is not None:
            self.ranking.stop()

    def on_table_moved(self, event: Table.Moved) -> None:
        event.stop()
        self._chosen = True

    def on_table_opened(self, event: Table.Opened) -> None:
        event.stop()
        line = self.table.current()
        if line is not None:
            self.post_message(LineOpened(line))
