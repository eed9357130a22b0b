"""What a service is asked for and by whom: a row for each method, and for each caller."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from textual.app import ComposeResult
from textual.message import Message
from textual.widget import Widget

from sage_tui.dashboard.base.pane import Pane
from sage_tui.dashboard.base.strips import Span
from sage_tui.dashboard.base.table import Column, Table
from sage_tui.dashboard.compare.baselines import NOTHING, Changes, change_of, change_spans
from sage_tui.dashboard.log.source_colours import SourceColours
from sage_tui.state import format as fmt
from sage_tui.state.comparison import NO_CHANGE
from sage_tui.state.views import MethodView, ServiceView

ALL = "all methods"
"""The name of the row of sums."""


@dataclass
class CallsWanted(Message):
    """Enter on a method or a caller: show its calls. Empty names mean all."""

    method: str = ""
    caller: str = ""


def _number(number: int, look: str = "") -> Span:
    return Span(fmt.exact(number) if number < 1_000_000 else fmt.count(number), look if number else "muted")


def _seconds(seconds: float, look: str = "") -> Span:
    return Span(fmt.duration(seconds), look) if seconds > 0 else Span("–", "muted")


def _errors(method: MethodView, width: int) -> Span:
    return Span(f"✗ {fmt.count(method.errors)}", "bad") if method.errors else Span("0", "muted")


METHOD_COLUMNS: tuple[Column[MethodView], ...] = (
    Column(
        "method",
        14,
        lambda m, w: Span(fmt.clean(m.method), "muted" if m.method == ALL else ""),
        align="left",
        grow=True,
        most=30,
    ),
    Column("calls", 7, lambda m, w: _number(m.calls)),
    Column("/s", 5, lambda m, w: Span(fmt.rate(m.rate), "strong" if m.rate else "muted"), rank=1),
    Column("p50", 7, lambda m, w: _seconds(m.latency.p50), rank=6),
    Column("p95", 7, lambda m, w: _seconds(m.latency.p95), rank=5),
    Column("p99", 7, lambda m, w: _seconds(m.latency.p99)),
    Column("max", 7, lambda m, w: _seconds(m.latency.max), rank=4),
    Column("failed", 7, _errors, rank=2),
    Column("active", 6, lambda m, w: _number(m.in_flight), rank=7),
    Column("queued", 6, lambda m, w: _number(m.waiting, "warn"), rank=3),
)


class MethodsPane(Pane):
    """The methods, the busiest first, under their sum where there are several."""

    pane = "methods"
    label = "Methods"
    short = "Methods"

    def __init__(self) -> None:
        super().__init__()
        self.table: Table[MethodView] = Table(METHOD_COLUMNS, "Nobody has called it yet")
        self._service: ServiceView | None = None
        self._changes = NOTHING

    def compose(self) -> ComposeResult:
        yield self.table

    @property
    def main(self) -> Widget:
        return self.table

    def show_service(self, service: ServiceView | None, changes: Changes) -> None:
        """Show this service (None: it is not in the run), and how it differs from the run before."""
        self._service = service
        if changes is not self._changes:
            if changes.run != self._changes.run:
                column: Column[MethodView] = Column(
                    f"vs #{changes.run}", 9, self._change, align="left", rank=4, grow=True, most=28
                )
                self.table.set_columns(
                    METHOD_COLUMNS if changes.run is None else (*METHOD_COLUMNS[:3], column, *METHOD_COLUMNS[3:])
                )
            self._changes = changes
            self.table.refresh()
        self.table.show_rows([] if service is None else method_rows(service))

    def _change(self, method: MethodView, width: int) -> list[Span]:
        service = self._service
        if service is None:
            return [Span(" " * width)]
        whole = method.method == ALL
        found = self._changes.by_key.get(service.key, NO_CHANGE) if whole else None
        return change_spans(change_of(self._changes, service, method.method) if found is None else found, width)

    def copied(self) -> str | None:
        method = self.table.current()
        if method is None:
            return None
        latency = method.latency
        times = ", ".join(f"{name} {fmt.duration(getattr(latency, name))}" for name in ("p50", "p95", "p99", "max"))
        return f"{method.method}: {method.calls} calls, {method.errors} failed, {fmt.rate(method.rate)}/s, {times}"

    def on_table_moved(self, event: Table.Moved) -> None:
        event.stop()

    def on_table_opened(self, event: Table.Opened) -> None:
        event.stop()
        self.post_message(CallsWanted(method="" if event.key == ALL else event.key))


def method_rows(service: ServiceView) -> list[tuple[str, MethodView]]:
    """The rows of `MethodsPane`; there is a row of sums if there are several methods."""
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
    """Who calls a service, how often, and what share of all calls that is."""

    name: str
    calls: int
    share: float


class CallersPane(Pane):
    """A bar for each caller."""

    pane = "callers"
    label = "Callers"
    short = "Callers"

    def __init__(self, colours: SourceColours) -> None:
        super().__init__()
        self._colours = colours
        columns: tuple[Column[CallerRow], ...] = (
            Column("caller", 10, self._who, align="left", grow=True, most=20),
            Column("share of calls", 8, self._bar, align="left", grow=True, most=40, rank=2),
            Column("", 5, lambda c, w: Span(fmt.percent(c.share)), rank=1),
            Column("calls", 7, lambda c, w: _number(c.calls)),
        )
        self.table: Table[CallerRow] = Table(columns, "Nobody has called it yet")
        self._callers: tuple[tuple[str, CallerRow], ...] = ()

    def _who(self, caller: CallerRow, width: int) -> Span:
        return Span(fmt.clean(caller.name), self._colours.look(caller.name))

    def _bar(self, caller: CallerRow, width: int) -> list[Span]:
        full = max(1, round(caller.share * width)) if caller.calls else 0
        return [Span("█" * full, self._colours.look(caller.name)), Span("·" * (width - full), "faint")]

    def compose(self) -> ComposeResult:
        yield self.table

    @property
    def main(self) -> Widget:
        return self.table

    def show_service(self, service: ServiceView | None) -> None:
        """Show this service's callers, the most frequent first."""
        callers = () if service is None else tuple((caller.name, caller) for caller in callers_of(service))
        if callers != self._callers:
            self._callers = callers
            self.table.show_rows(callers)

    def on_table_moved(self, event: Table.Moved) -> None:
        event.stop()

    def on_table_opened(self, event: Table.Opened) -> None:
        event.stop()
        self.post_message(CallsWanted(caller=event.key))


def callers_of(service: ServiceView) -> Sequence[CallerRow]:
    """Who calls a service."""
    counts = service.callers or {}
    total = max(1, sum(counts.values()))
    most = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return [CallerRow(name or "script", calls, calls / total) for name, calls in most]
