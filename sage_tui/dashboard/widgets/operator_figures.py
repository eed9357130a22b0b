"""The figures of one operator: totals, shares of time, latencies and its replicas."""

from __future__ import annotations

from collections.abc import Sequence

from textual.app import ComposeResult
from textual.strip import Strip
from textual.widget import Widget

from sage_runtime.events import ReplicaStats
from sage_tui.dashboard.base.load import load_look, load_span, state_span
from sage_tui.dashboard.base.pane import Pane
from sage_tui.dashboard.base.strips import PaintedRow, Span, crop, span
from sage_tui.dashboard.base.table import Column, Table
from sage_tui.dashboard.charts.histogram import histogram_lines
from sage_tui.state import format as fmt
from sage_tui.state.views import OperatorView


class OperatorMetrics(PaintedRow, can_focus=True):
    """Totals, shares of time and latency of an operator, in a few lines."""

    def __init__(self) -> None:
        super().__init__(widget_id="operator-facts")
        self._operator: OperatorView | None = None

    def show_operator(self, operator: OperatorView | None) -> None:
        """Show this operator; None: it is not in the run."""
        if operator is not self._operator:
            self._operator = operator
            self.refresh()

    def render_line(self, y: int) -> Strip:
        width = self.size.width
        if self._operator is None:
            return self.centred("not in this run", width) if y == 0 else self.blank(width)
        lines = metric_lines(self._operator, width)
        more = histogram_lines(self._operator.latency, width, self.size.height - len(lines) - 1)
        lines += [[], *more] if more else []
        return self.strip(crop(lines[y], 0, width), width) if y < len(lines) else self.blank(width)


def metric_lines(operator: OperatorView, width: int) -> list[list[Span]]:
    """The lines of `OperatorMetrics`."""
    latency = operator.latency
    bar = max(8, min(40, width - 24))
    shares = (
        ("busy", operator.busy, load_look(operator.busy)),
        ("waiting", operator.waiting, load_look(operator.waiting)),
        ("idle", operator.idle, "muted"),
        ("blocked", operator.blocked, "warn" if operator.blocked >= 0.5 else "muted"),
    )
    return [
        _pairs(
            ("in", fmt.exact(operator.records_in)),
            ("out", fmt.exact(operator.records_out)),
            ("failed", fmt.exact(operator.errors)),
        ),
        _pairs(
            ("rec/s", fmt.rate(operator.rate)),
            ("queue", f"{fmt.exact(operator.queue)} of {fmt.exact(operator.queue_capacity)}"),
            ("cpu", fmt.percent(operator.cpu)),
        ),
        _pairs(
            ("p50", fmt.duration(latency.p50)),
            ("p95", fmt.duration(latency.p95)),
            ("p99", fmt.duration(latency.p99)),
            ("max", fmt.duration(latency.max)),
            column=min(18, max(14, width // 4)),
        ),
        [],
        *(_share_bar(name, share, look, bar) for name, share, look in shares),
        [],
        [span(" rate", 9, "muted"), Span(fmt.spark(operator.history, min(len(operator.history), width - 10)), "good")],
        [span(" calls", 9, "muted"), Span(fmt.clean(", ".join(operator.services)) or "no services", "accent")],
    ]


def _pairs(*pairs: tuple[str, str], column: int = 18) -> list[Span]:
    spans: list[Span] = []
    for name, value in pairs:
        left = max(min(7, column // 2), len(name) + 2)
        spans += (span(f" {name}", left, "muted"), span(value, column - left, "strong"))
    return spans


def _share_bar(name: str, share: float, look: str, width: int) -> list[Span]:
    full = round(min(1.0, share) * width)
    return [
        span(f" {name}", 9, "muted"),
        Span("█" * full, look),
        Span("·" * (width - full), "faint"),
        span(fmt.percent(share), 6, look, "right"),
    ]


REPLICA_COLUMNS: tuple[Column[ReplicaStats], ...] = (
    Column("replica", 8, lambda r, w: [state_span(r.state), Span(fmt.pad(f" {r.replica}", w - 1))], align="left"),
    Column("in", 8, lambda r, w: Span(fmt.count(r.records_in))),
    Column("out", 8, lambda r, w: Span(fmt.count(r.records_out)), rank=2),
    Column("load", 6, lambda r, w: load_span(min(1.0, r.busy + r.waiting))),
    Column("queue", 6, lambda r, w: Span(fmt.count(r.queue)), rank=1),
    Column("failed", 6, lambda r, w: Span(fmt.count(r.errors), "bad" if r.errors else "muted")),
    Column("p99", 8, lambda r, w: Span(fmt.duration(r.latency.p99)), rank=3),
)


class OperatorMetricsPane(Pane):
    """The facts in a frame."""

    pane = "operator"
    label = "Operator"
    short = "Operator"

    def __init__(self) -> None:
        super().__init__()
        self.facts = OperatorMetrics()

    def compose(self) -> ComposeResult:
        yield self.facts

    @property
    def main(self) -> Widget:
        return self.facts


class ReplicasPane(Pane):
    """A row for each replica."""

    pane = "replicas"
    label = "Replicas"
    short = "Replicas"

    def __init__(self) -> None:
        super().__init__()
        self.table: Table[ReplicaStats] = Table(REPLICA_COLUMNS, "No figures yet")

    def compose(self) -> ComposeResult:
        yield self.table

    @property
    def main(self) -> Widget:
        return self.table

    def on_table_moved(self, event: Table.Moved) -> None:
        event.stop()

    def on_table_opened(self, event: Table.Opened) -> None:
        event.stop()


def skew_of(operator: OperatorView) -> str:
    """How unevenly records fall on the replicas: the most of one as a multiple of the mean; empty for one replica."""
    counts = [replica.records_in or replica.records_out for replica in operator.replicas]
    if len(counts) < 2 or not sum(counts):
        return ""
    return f"skew {max(counts) * len(counts) / sum(counts):.2f}× the mean"


def replica_rows(operator: OperatorView | None) -> Sequence[tuple[str, ReplicaStats]]:
    """The rows of `ReplicasPane`."""
    return [] if operator is None else [(str(replica.replica), replica) for replica in operator.replicas]
