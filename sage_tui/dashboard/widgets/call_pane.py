"""The pane of service calls: a row for each method of each service, and every call below."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical

from sage_runtime.events import ServiceCall
from sage_tui.dashboard.base.indicators import duration_span, failed_span, number_span
from sage_tui.dashboard.base.strips import Span
from sage_tui.dashboard.base.table import Column, Table
from sage_tui.dashboard.compare.baselines import ChangesColumn, change_of, change_span
from sage_tui.dashboard.context import Context
from sage_tui.dashboard.log.formatters import CallFormatter, slow_limits
from sage_tui.dashboard.log.line_pane import LinePane
from sage_tui.dashboard.messages import ServiceOpened
from sage_tui.state import format as fmt
from sage_tui.state.views import MethodView, ServiceView, SessionView

LEAST_LINES = 3
"""The fewest lines of calls below the table."""


NO_SERVICES = """This pipeline has no services.
Service calls are shown here: caller, arguments, result, and how long they took."""


@dataclass(frozen=True, slots=True)
class MethodRow:
    """A method with the service that it belongs to."""

    service: ServiceView
    method: MethodView | None


def _name(row: MethodRow, width: int) -> list[Span]:
    name = fmt.clean(row.service.name + (f".{row.method.method}" if row.method else ""))
    return [Span("◇ ", "accent"), Span(fmt.pad(name, width - 2))]


def _figures(row: MethodRow) -> MethodView | ServiceView:
    return row.method or row.service


def _callers(row: MethodRow, width: int) -> Span:
    callers = _figures(row).callers or {}
    most = sorted(callers.items(), key=lambda item: (-item[1], item[0]))
    return Span("  " + fmt.clean(", ".join(f"{name} {fmt.count(calls)}" for name, calls in most)), "muted")


COLUMNS: tuple[Column[MethodRow], ...] = (
    Column("service.method", 18, _name, align="left", grow=True, most=36),
    Column("calls", 7, lambda r, w: number_span(_figures(r).calls)),
    Column("/s", 6, lambda r, w: Span(fmt.rate(_figures(r).rate), "strong"), rank=1),
    Column("p50", 8, lambda r, w: duration_span(_figures(r).latency.p50), rank=5),
    Column("p95", 8, lambda r, w: duration_span(_figures(r).latency.p95), rank=6),
    Column("p99", 8, lambda r, w: duration_span(_figures(r).latency.p99)),
    Column("failed", 8, lambda r, w: failed_span(_figures(r).errors), rank=2),
    Column("active", 8, lambda r, w: number_span(_figures(r).in_flight), rank=7),
    Column("queued", 8, lambda r, w: number_span(_figures(r).waiting, "warn"), rank=3),
    Column("  callers", 12, _callers, align="left", rank=8, grow=True, most=60),
)


class CallsPane(LinePane):
    """Services above, calls below. Pressing the pane's key again switches between them."""

    pane = "calls"
    label = "Service calls"
    short = "Calls"
    channel = "service_call"
    empty = "No service has been called yet"

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(
            "t", "switch", "Table", tooltip="Between the table of services and the calls", show=False, id="calls.switch"
        ),
        Binding("o", "slowest", "Slowest", tooltip="The slowest calls of this service", id="calls.slowest"),
    ]

    def __init__(self, context: Context) -> None:
        self._formatter = CallFormatter(context.colours)
        super().__init__(self._formatter, context.session)
        self._baselines = context.baselines
        self.table: Table[MethodRow] = Table(COLUMNS)
        self._changes = ChangesColumn(self.table, 3, lambda title: Column(title, 8, self._change, align="left", rank=4))
        self._rows: dict[str, MethodRow] = {}

    def compose(self) -> ComposeResult:
        yield self.table
        with Vertical():
            yield from super().compose()

    def show_view(self, view: SessionView) -> None:
        self._changes.show(self._baselines.changes(view))
        self.table.show_rows(self._method_rows(view))
        self._divide()
        self._mark_slow_calls(view)
        pipelines = view.shown.pipelines
        self.list.set_empty(NO_SERVICES if pipelines and not any(one.services for one in pipelines) else self.empty)
        super().show_view(view)

    def _mark_slow_calls(self, view: SessionView) -> None:
        found = slow_limits(service for pipeline in view.shown.pipelines for service in pipeline.services)
        if not found.near(self._formatter.limits):
            self._formatter.limits = found
            self.list.reformat()

    def _method_rows(self, view: SessionView) -> list[tuple[str, MethodRow]]:
        """The rows; an unchanged method keeps its row object, so that the table isn't redrawn."""
        rows: dict[str, MethodRow] = {}
        for pipeline in view.shown.pipelines:
            for service in pipeline.services:
                for method in service.methods or (None,):
                    key = f"{service.key}.{method.method if method else ''}"
                    old = self._rows.get(key)
                    same = old is not None and old.service is service and old.method is method
                    rows[key] = old if old is not None and same else MethodRow(service, method)
        self._rows = rows
        return list(rows.items())

    def _change(self, row: MethodRow, width: int) -> Span:
        return change_span(change_of(self._changes.changes, row.service, row.method.method if row.method else ""))

    def _divide(self) -> None:
        """Give the table the rows it needs, as long as enough are left for the calls."""
        inner = self.size.height
        rows = self.table.row_count + 1
        height = 0 if rows == 1 or inner < LEAST_LINES + 2 else min(rows, max(2, inner // 2), inner - LEAST_LINES)
        if self.table.styles.height is None or self.table.styles.height.value != height:
            self.table.styles.height = height
            self.table.display = height > 0

    def action_switch(self) -> None:
        """Focus the table, or the calls again."""
        if self.table.display and self.list.has_focus:
            self.table.focus()
        else:
            self.list.focus()

    def action_slowest(self) -> None:
        """Show the slowest calls of the service under the cursor, or of the service with the slowest one."""
        key = self._service_chosen()
        if key is not None:
            self.post_message(ServiceOpened(key, slowest=True))

    def _service_chosen(self) -> str | None:
        row = self.table.current()
        if self.table.has_focus and row is not None:
            return row.service.key
        line = None if self.list.follow else self.list.current()
        if line is not None and isinstance(line.event, ServiceCall):
            return f"{line.event.pipeline}/{line.event.service}"
        rows = self._rows.values()
        return max(rows, key=lambda one: one.service.latency.max).service.key if rows else None

    def on_resize(self) -> None:
        super().on_resize()
        self._divide()

    def on_table_moved(self, event: Table.Moved) -> None:
        event.stop()

    def on_table_opened(self, event: Table.Opened) -> None:
        event.stop()
        row = self._rows.get(event.key)
        if row is not None:
            self.post_message(ServiceOpened(row.service.key))
