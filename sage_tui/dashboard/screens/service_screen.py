"""One service: its methods, its callers, and every call."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.widget import Widget

from sage_runtime.events import ServiceCall
from sage_tui.dashboard.base.grid import NARROW, Box, Groups, PaneGrid
from sage_tui.dashboard.base.indicators import duration_span, failed_span, number_span, rate_span
from sage_tui.dashboard.base.pane import TablePane
from sage_tui.dashboard.base.strips import Span
from sage_tui.dashboard.base.table import Column, Table
from sage_tui.dashboard.compare.baselines import Changes, ChangesColumn, change_of, change_spans
from sage_tui.dashboard.context import Context
from sage_tui.dashboard.log.export import event_json
from sage_tui.dashboard.log.formatters import (
    NO_LIMITS,
    SLOW,
    CallFormatter,
    SlowLimits,
    SourceColours,
    one_line,
    slow_limits,
)
from sage_tui.dashboard.log.line_pane import ScopedLinePane, lines_of_source
from sage_tui.dashboard.log.query import Query
from sage_tui.dashboard.log.scan import ORDERS, Ranking
from sage_tui.dashboard.messages import LineOpened
from sage_tui.dashboard.screens.pane_screen import SubjectScreen
from sage_tui.journal.lines import Line
from sage_tui.state import format as fmt
from sage_tui.state.comparison import NO_CHANGE
from sage_tui.state.views import MethodView, ServiceView, SessionView

ALL = "all methods"
"""The name of the row with the totals."""


@dataclass
class CallsRequested(Message):
    """The calls of a method or a caller are wanted. Empty names mean all."""

    method: str = ""
    caller: str = ""


METHOD_COLUMNS: tuple[Column[MethodView], ...] = (
    Column(
        "method",
        14,
        lambda m, w: Span(fmt.clean(m.method), "muted" if m.method == ALL else ""),
        align="left",
        grow=True,
        most=30,
    ),
    Column("calls", 7, lambda m, w: number_span(m.calls)),
    Column("/s", 5, lambda m, w: rate_span(m.rate), rank=1),
    Column("p50", 7, lambda m, w: duration_span(m.latency.p50), rank=6),
    Column("p95", 7, lambda m, w: duration_span(m.latency.p95), rank=5),
    Column("p99", 7, lambda m, w: duration_span(m.latency.p99)),
    Column("max", 7, lambda m, w: duration_span(m.latency.max), rank=4),
    Column("failed", 7, lambda m, w: failed_span(m.errors), rank=2),
    Column("active", 6, lambda m, w: number_span(m.in_flight), rank=7),
    Column("queued", 6, lambda m, w: number_span(m.waiting, "warn"), rank=3),
)


class MethodsPane(TablePane[MethodView]):
    """The methods, the busiest first; their total is above them if there are several."""

    pane = "methods"
    label = "Methods"
    short = "Methods"

    def __init__(self) -> None:
        super().__init__(METHOD_COLUMNS, "No calls yet")
        self._service: ServiceView | None = None
        self._changes = ChangesColumn(
            self.table, 3, lambda title: Column(title, 9, self._change, align="left", rank=4, grow=True, most=28)
        )

    def show_service(self, service: ServiceView | None, changes: Changes) -> None:
        """Show this service (None: it is not in the run), and how it differs from the previous run."""
        self._service = service
        self._changes.show(changes)
        self.table.show_rows([] if service is None else method_rows(service))

    def _change(self, method: MethodView, width: int) -> list[Span]:
        service = self._service
        if service is None:
            return [Span(" " * width)]
        whole = method.method == ALL
        found = self._changes.changes.by_key.get(service.key, NO_CHANGE) if whole else None
        return change_spans(change_of(self._changes.changes, service, method.method) if found is None else found, width)

    def row_text(self, method: MethodView) -> str:
        latency = method.latency
        times = ", ".join(f"{name} {fmt.duration(getattr(latency, name))}" for name in ("p50", "p95", "p99", "max"))
        return f"{method.method}: {method.calls} calls, {method.errors} failed, {fmt.rate(method.rate)}/s, {times}"

    def row_opened(self, key: str) -> None:
        self.post_message(CallsRequested(method="" if key == ALL else key))


def method_rows(service: ServiceView) -> list[tuple[str, MethodView]]:
    """The rows of `MethodsPane`."""
    rows = [(method.method, method) for method in sorted(service.methods, key=lambda m: (-m.calls, m.method))]
    if len(rows) > 1:
        total = MethodView(
            ALL,
            service.calls,
            service.errors,
            service.rate,
            service.in_flight,
            service.waiting,
            service.latency,
            service.callers or {},
        )
        rows.insert(0, (ALL, total))
    return rows


@dataclass(frozen=True, slots=True)
class CallerRow:
    """A caller of a service: its calls, and their share of all calls."""

    name: str
    calls: int
    share: float


class CallersPane(TablePane[CallerRow]):
    """A bar for each caller."""

    pane = "callers"
    label = "Callers"
    short = "Callers"

    def __init__(self, colours: SourceColours) -> None:
        self._colours = colours
        columns: tuple[Column[CallerRow], ...] = (
            Column("caller", 10, self._who, align="left", grow=True, most=20),
            Column("share of calls", 8, self._bar, align="left", grow=True, most=40, rank=2),
            Column("", 5, lambda c, w: Span(fmt.percent(c.share)), rank=1),
            Column("calls", 7, lambda c, w: number_span(c.calls)),
        )
        super().__init__(columns, "No calls yet")
        self._callers: tuple[tuple[str, CallerRow], ...] = ()

    def _who(self, caller: CallerRow, width: int) -> Span:
        return Span(fmt.clean(caller.name), self._colours.look(caller.name))

    def _bar(self, caller: CallerRow, width: int) -> list[Span]:
        full = max(1, round(caller.share * width)) if caller.calls else 0
        return [Span("█" * full, self._colours.look(caller.name)), Span("·" * (width - full), "faint")]

    def show_service(self, service: ServiceView | None) -> None:
        """Show this service's callers, the most frequent first."""
        callers = () if service is None else tuple((caller.name, caller) for caller in callers_of(service))
        if callers != self._callers:
            self._callers = callers
            self.table.show_rows(callers)

    def row_opened(self, key: str) -> None:
        self.post_message(CallsRequested(caller=key))


def callers_of(service: ServiceView) -> Sequence[CallerRow]:
    """The callers of a service, the most frequent first."""
    counts = service.callers or {}
    total = max(1, sum(counts.values()))
    most = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return [CallerRow(name or "script", calls, calls / total) for name, calls in most]


class OneServiceFormatter(CallFormatter):
    """Calls of one service."""

    def _body(self, call: ServiceCall, start: int, room: int) -> tuple[Span, ...]:
        """Leave out the name of the service, which is the same in all."""
        name = fmt.clean(call.service)
        spans = super()._body(call, start, room + fmt.cell_len(name) + 1)
        at = spans.index(Span(f".{fmt.clean(call.method)}("))
        return (*spans[: at - 1], Span(spans[at].text[1:]), *spans[at + 1 :])


class RankedCalls(Table[Line]):
    """A table of the calls that come first in an order."""

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


class ServiceCallsPane(ScopedLinePane):
    """Every call of a service. `o` goes through the orders: time, took, waited, caller, method."""

    pane = "calls"
    label = "Calls"
    short = "Calls"
    channel = "service_call"
    empty = "No calls yet"
    noun = "calls"

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("o", "order", "Order", tooltip="By time, duration, waiting time, caller or method", id="calls.order"),
    ]

    def __init__(self, pipeline: str, service: str, context: Context) -> None:
        self._formatter = OneServiceFormatter(context.colours)
        super().__init__(self._formatter, context.session, lines_of_source(pipeline, service))
        self._key = f"{pipeline}/{service}"
        self.table = RankedCalls(context.colours)
        self.table.display = False
        self.ranking: Ranking | None = None
        self._chosen = False
        """Whether the cursor was moved; until then it stays on the first row, whichever call that is."""

    def compose(self) -> ComposeResult:
        yield self.table
        yield from super().compose()

    @property
    def order(self) -> str:
        return "time" if self.ranking is None else self.ranking.order

    @property
    def main(self) -> Widget:
        return self.list if self.ranking is None else self.table

    def show_view(self, view: SessionView) -> None:
        services = (one for pipeline in view.shown.pipelines for one in pipeline.services)
        self._mark(slow_limits(one for one in services if one.key == self._key))
        if self.ranking is not None:
            for lines in self.list.transcript.runs:
                self.ranking.add(lines.run, lines.source)
            self.ranking.wake()
            rows = [(f"{line.event.run}/{line.number}", line) for line in self.ranking.first()]
            self.table.show_rows(rows)
            if rows and not self._chosen:
                self.table.select(rows[0][0])
        super().show_view(view)

    def _mark(self, found: SlowLimits) -> None:
        if not found.near(self._formatter.limits):
            self._formatter.limits = self.table.limits = found
            self.list.reformat()
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
        orders = ("time", *ORDERS)
        self.sort(orders[(orders.index(self.order) + 1) % len(orders)])

    def set_filter(self, query: Query | None) -> None:
        super().set_filter(query)
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
        return None if line is None else self.list.formatter.copy_text(line)

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


class ServiceScreen(SubjectScreen):
    """Enter on a method or a caller shows its calls; Enter on a call shows all of it."""

    def __init__(self, key: str, context: Context, *, slowest: bool = False) -> None:
        self._key = key
        self._slowest = slowest
        self._rows = 3
        self._baselines = context.baselines
        pipeline, _, name = key.partition("/")
        self.methods = MethodsPane()
        self.callers = CallersPane(context.colours)
        self.calls = ServiceCallsPane(pipeline, name, context)
        super().__init__(PaneGrid([self.methods, self.callers, self.calls], self._divide, "calls"))
        self.grid.labels["methods"] = f"◇ {fmt.clean(name)}"

    def on_mount(self) -> None:
        super().on_mount()
        if self._slowest:
            self.calls.sort("took")

    def _divide(self, width: int, height: int) -> Groups:
        """Methods and callers above the calls; side by side if there is room."""
        top = max(5, min(height // 3, self._rows + 3))
        if width < NARROW:
            return [(("methods", "callers"), Box(0, 0, width, top)), (("calls",), Box(0, top, width, height - top))]
        left = round(width * 0.62)
        return [
            (("methods",), Box(0, 0, left, top)),
            (("callers",), Box(left, 0, width - left, top)),
            (("calls",), Box(0, top, width, height - top)),
        ]

    def note_view(self, view: SessionView) -> None:
        services = (one for pipeline in view.shown.pipelines for one in pipeline.services)
        service = next((one for one in services if one.key == self._key), None)
        self.methods.show_service(service, self._baselines.changes(view))
        self.callers.show_service(service)
        if service is not None:
            self.methods.set_note(_origin(service))
            rows = max(self.methods.table.row_count, self.callers.table.row_count)
            if rows != self._rows:
                self._rows = rows
                self.grid.rearrange()

    def on_calls_requested(self, event: CallsRequested) -> None:
        """Show only the calls of a method, or of a caller."""
        event.stop()
        method, caller = event.method, event.caller
        if method:
            self.calls.set_filter(Query(f"method:{method}", (lambda line: _call(line).method == method,), None))
        elif caller:
            self.calls.set_filter(
                Query(f"caller:{caller}", (lambda line: (_call(line).caller or "script") == caller,), None)
            )
        else:
            self.calls.set_filter(None)
        self.choose_pane("calls")


def _origin(service: ServiceView) -> str:
    place = f" · {PurePath(service.file).name}:{service.line}" if service.file else ""
    calls = f" · calls {', '.join(service.services)}" if service.services else ""
    return fmt.clean(f"{service.class_}{place} · {service.pipeline}{calls}")
