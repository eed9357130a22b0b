"""The table of operators: totals, rate and trend, load, queue, latency, failures."""

from __future__ import annotations

from sage_tui.dashboard.base.indicators import (
    duration_span,
    failed_span,
    load,
    load_span,
    number_span,
    rate_span,
    state_span,
)
from sage_tui.dashboard.base.pane import TablePane
from sage_tui.dashboard.base.strips import Span
from sage_tui.dashboard.base.table import Column, Heading
from sage_tui.dashboard.compare.baselines import ChangesColumn, change_span
from sage_tui.dashboard.context import Context
from sage_tui.dashboard.messages import OperatorOpened, OperatorSelected
from sage_tui.state import format as fmt
from sage_tui.state.comparison import NO_CHANGE
from sage_tui.state.views import OperatorView, RunView, SessionView


def _name(operator: OperatorView, width: int) -> list[Span]:
    replicas = f" ×{operator.parallelism}" if operator.parallelism > 1 else ""
    name = fmt.cut(fmt.clean(operator.id), max(1, width - 2 - len(replicas)))
    padding = max(0, width - 2 - fmt.cell_len(name) - len(replicas))
    return [state_span(operator.state), Span(f" {name}"), Span(replicas, "muted"), Span(" " * padding)]


def _queue(operator: OperatorView, width: int) -> Span:
    if not operator.queue_capacity:
        return Span(fmt.count(operator.queue) if operator.queue else "–", "" if operator.queue else "muted")
    full = operator.queue / operator.queue_capacity
    return Span(fmt.count(operator.queue), "warn" if full >= 0.5 else "" if operator.queue else "muted")


def _load(operator: OperatorView, width: int) -> Span:
    return load_span(load(operator)) if operator.state in ("running", "paused") else Span("–", "muted")


def _share(share: float) -> Span:
    return Span(fmt.percent(share), "" if share >= 0.005 else "muted")


COLUMNS: tuple[Column[OperatorView], ...] = (
    Column("operator", 13, _name, align="left", grow=True, most=34),
    Column("in", 7, lambda o, w: number_span(o.records_in), rank=4),
    Column("out", 7, lambda o, w: number_span(o.records_out), rank=3),
    Column("rec/s", 5, lambda o, w: rate_span(o.rate)),
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
    Column("p99", 7, lambda o, w: duration_span(o.latency.p99), rank=6),
    Column("failed", 6, lambda o, w: failed_span(o.errors), rank=1),
    Column("service wait", 12, lambda o, w: _share(o.waiting), rank=7),
    Column("blocked", 8, lambda o, w: _share(o.blocked), rank=8),
    Column("cpu", 5, lambda o, w: _share(o.cpu), rank=9),
    Column("p50", 7, lambda o, w: duration_span(o.latency.p50), rank=10),
)


class OperatorsPane(TablePane[OperatorView]):
    """A row for each operator; Enter opens it."""

    pane = "operators"
    label = "Operators"
    short = "Ops"
    group = "operators"

    def __init__(self, context: Context) -> None:
        super().__init__(COLUMNS, "No operators yet")
        self._baselines = context.baselines
        self._changes = ChangesColumn(self.table, 4, lambda title: Column(title, 8, self._change, align="left", rank=5))

    def show_view(self, view: SessionView) -> None:
        self._changes.show(self._baselines.changes(view))
        self.table.show_rows(operator_rows(view.shown))

    def _change(self, operator: OperatorView, width: int) -> Span:
        return change_span(self._changes.changes.by_key.get(operator.key, NO_CHANGE))

    def row_text(self, operator: OperatorView) -> str:
        return (
            f"{operator.key}: {operator.records_in} in, {operator.records_out} out, {operator.errors} failed, "
            f"{fmt.rate(operator.rate)} rec/s, busy {fmt.percent(operator.busy)}, "
            f"p99 {fmt.duration(operator.latency.p99)}"
        )

    def row_moved(self, key: str) -> None:
        self.post_message(OperatorSelected(key))

    def row_opened(self, key: str) -> None:
        self.post_message(OperatorOpened(key))


def operator_rows(run: RunView) -> list[tuple[str, OperatorView | Heading]]:
    """The operators of a run in the order of their graph; below their pipelines' names if there are several."""
    rows: list[tuple[str, OperatorView | Heading]] = []
    several = len(run.pipelines) > 1
    for pipeline in run.pipelines:
        if several:
            note = (
                pipeline.status
                if pipeline.duration is None
                else f"{pipeline.status} in {fmt.duration(pipeline.duration)}"
            )
            rows.append((f"{pipeline.id}/", Heading(pipeline.id, fmt.clean(pipeline.id), note)))
        rows += ((operator.key, operator) for operator in pipeline.operators)
    return rows
