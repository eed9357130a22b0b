"""The table of operators: totals, rate and its recent past, load, queue, latency, failures."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.widget import Widget

from sage_tui.dashboard.base.load import load, load_span, state_span
from sage_tui.dashboard.base.pane import Pane
from sage_tui.dashboard.base.strips import Span
from sage_tui.dashboard.base.table import Column, Group, Table
from sage_tui.dashboard.compare.baselines import NOTHING, Baselines, Changes, change_span
from sage_tui.dashboard.messages import OperatorOpened, OperatorSelected
from sage_tui.state import format as fmt
from sage_tui.state.comparison import NO_CHANGE
from sage_tui.state.views import OperatorView, RunView, SessionView


def _name(operator: OperatorView, width: int) -> list[Span]:
    replicas = f" ×{operator.parallelism}" if operator.parallelism > 1 else ""
    name = fmt.cut(fmt.clean(operator.id), max(1, width - 2 - len(replicas)))
    padding = max(0, width - 2 - fmt.cell_len(name) - len(replicas))
    return [state_span(operator.state), Span(f" {name}"), Span(replicas, "muted"), Span(" " * padding)]


def _total(number: int) -> Span:
    return Span(fmt.exact(number) if number < 1_000_000 else fmt.count(number), "" if number else "muted")


def _errors(operator: OperatorView, width: int) -> Span:
    if not operator.errors:
        return Span("0", "muted")
    return Span(f"✗ {fmt.count(operator.errors)}", "bad")


def _queue(operator: OperatorView, width: int) -> Span:
    if not operator.queue_capacity:
        return Span(fmt.count(operator.queue) if operator.queue else "–", "" if operator.queue else "muted")
    full = operator.queue / operator.queue_capacity
    return Span(fmt.count(operator.queue), "warn" if full >= 0.5 else "" if operator.queue else "muted")


def _load(operator: OperatorView, width: int) -> Span:
    return load_span(load(operator)) if operator.state in ("running", "paused") else Span("–", "muted")


def _latency(seconds: float) -> Span:
    return Span(fmt.duration(seconds), "") if seconds > 0 else Span("–", "muted")


def _share(share: float) -> Span:
    return Span(fmt.percent(share), "" if share >= 0.005 else "muted")


COLUMNS: tuple[Column[OperatorView], ...] = (
    Column("operator", 13, _name, align="left", grow=True, most=34),
    Column("in", 7, lambda o, w: _total(o.records_in), rank=4),
    Column("out", 7, lambda o, w: _total(o.records_out), rank=3),
    Column("rec/s", 5, lambda o, w: Span(fmt.rate(o.rate), "strong" if o.rate else "muted")),
    Column(
        "trend",
        7,
        lambda o, w: [Span(" "), Span(fmt.spark(o.history, w - 1), "good")],
        align="left",
        rank=5,
        grow=True,
        most=16,
    ),
    Column("load", 6, _load),
    Column("queue", 6, _queue, rank=2),
    Column("p99", 7, lambda o, w: _latency(o.latency.p99), rank=6),
    Column("failed", 6, _errors, rank=1),
    Column("waits", 6, lambda o, w: _share(o.waiting), rank=7),
    Column("blocked", 8, lambda o, w: _share(o.blocked), rank=8),
    Column("cpu", 5, lambda o, w: _share(o.cpu), rank=9),
    Column("p50", 7, lambda o, w: _latency(o.latency.p50), rank=10),
)


class OperatorsPane(Pane):
    """A row for each operator; Enter opens it."""

    pane = "operators"
    label = "Operators"
    short = "Ops"

    def __init__(self, baselines: Baselines) -> None:
        super().__init__()
        self.table: Table[OperatorView] = Table(COLUMNS, "No operators yet")
        self._baselines = baselines
        self._changes = NOTHING

    def compose(self) -> ComposeResult:
        yield self.table

    @property
    def main(self) -> Widget:
        return self.table

    def show_view(self, view: SessionView) -> None:
        self._show_changes(self._baselines.changes(view))
        self.table.show_rows(operator_rows(view.shown))

    def _show_changes(self, changes: Changes) -> None:
        """Have a column for what differs from the run before, while there is one."""
        if changes is self._changes:
            return
        if changes.run != self._changes.run:
            column: Column[OperatorView] = Column(f"vs #{changes.run}", 8, self._change, align="left", rank=5)
            self.table.set_columns(COLUMNS if changes.run is None else (*COLUMNS[:4], column, *COLUMNS[4:]))
        self._changes = changes
        self.table.refresh()

    def _change(self, operator: OperatorView, width: int) -> Span:
        return change_span(self._changes.by_key.get(operator.key, NO_CHANGE))

    def copied(self) -> str | None:
        operator = self.table.current()
        if operator is None:
            return None
        return (
            f"{operator.key}: {operator.records_in} in, {operator.records_out} out, {operator.errors} failed, "
            f"{fmt.rate(operator.rate)} rec/s, busy {fmt.percent(operator.busy)}, "
            f"p99 {fmt.duration(operator.latency.p99)}"
        )

    def on_table_moved(self, event: Table.Moved) -> None:
        event.stop()
        self.post_message(OperatorSelected(event.key))

    def on_table_opened(self, event: Table.Opened) -> None:
        event.stop()
        self.post_message(OperatorOpened(event.key))


def operator_rows(run: RunView) -> list[tuple[str, OperatorView | Group]]:
    """The operators of a run in the order of their graph, under their pipelines' names where there are several."""
    rows: list[tuple[str, OperatorView | Group]] = []
    several = len(run.pipelines) > 1
    for pipeline in run.pipelines:
        if several:
            note = (
                pipeline.status
                if pipeline.duration is None
                else f"{pipeline.status} in {fmt.duration(pipeline.duration)}"
            )
            rows.append((f"{pipeline.id}/", Group(pipeline.id, fmt.clean(pipeline.id), note)))
        rows += ((operator.key, operator) for operator in pipeline.operators)
    return rows
