"""One operator: how it spends its time, its replicas, what it printed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePath
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.screen import Screen
from textual.strip import Strip
from textual.widget import Widget

from sage_runtime.events import ReplicaStats
from sage_tui.dashboard.matching import Query
from sage_tui.dashboard.paint import PaintedRow, Span, crop, span
from sage_tui.dashboard.present import OutputPresenter
from sage_tui.dashboard.runs import RunLinesFinder
from sage_tui.dashboard.sources import SourceColours
from sage_tui.dashboard.widgets.header import Banner, Header
from sage_tui.dashboard.widgets.keys import KeyBar
from sage_tui.dashboard.widgets.line_pane import LinePane
from sage_tui.dashboard.widgets.load import load_look, load_span, state_span
from sage_tui.dashboard.widgets.pane import Pane, Tab
from sage_tui.dashboard.widgets.table import Column, Table
from sage_tui.state import format as fmt
from sage_tui.state.views import OperatorView, SessionView


class Facts(PaintedRow):
    """Totals, shares of time and latency of an operator, in a few lines."""

    def __init__(self) -> None:
        super().__init__(widget_id="operator-facts")
        self._operator: OperatorView | None = None

    def show_operator(self, operator: OperatorView | None) -> None:
        """Show this operator."""
        if operator is not self._operator:
            self._operator = operator
            self.refresh()

    def render_line(self, y: int) -> Strip:
        width = self.size.width
        if self._operator is None:
            return self.centred("not in this run", width) if y == 0 else self.blank(width)
        lines = fact_lines(self._operator, width)
        return self.strip(crop(lines[y], 0, width), width) if y < len(lines) else self.blank(width)


def fact_lines(operator: OperatorView, width: int) -> list[list[Span]]:
    """The lines of `Facts`."""
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
        ),
        [],
        *(_share_bar(name, share, look, bar) for name, share, look in shares),
        [],
        [span(" rate", 9, "muted"), Span(fmt.spark(operator.history, min(len(operator.history), width - 10)), "good")],
        [span(" calls", 9, "muted"), Span(fmt.clean(", ".join(operator.services)) or "no services", "accent")],
    ]


def _pairs(*pairs: tuple[str, str]) -> list[Span]:
    spans: list[Span] = []
    for name, value in pairs:
        spans += (span(f" {name}", 7, "muted"), span(value, 11, "strong"))
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


class FactsPane(Pane):
    """The facts in a frame."""

    pane = "operator"
    label = "Operator"
    short = "Operator"

    def __init__(self) -> None:
        super().__init__()
        self.facts = Facts()

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


class OperatorOutput(LinePane):
    """What this operator printed."""

    pane = "operator-output"
    label = "Output of this operator"
    short = "Output"
    channel = "output"
    empty = "This operator has printed nothing"

    def __init__(self, pipeline: str, operator: str, colours: SourceColours, finder: RunLinesFinder) -> None:
        super().__init__(OutputPresenter(colours), finder)
        only = Query("", (lambda line: line.source == operator and line.pipeline in (pipeline, None),), None)
        self._only = only

    def show_view(self, view: SessionView) -> None:
        if self.list.filter_scan is None:
            self.list.set_filter(self._only)
        super().show_view(view)

    def status(self) -> str:
        return "" if self.list.follow else super().status()

    @property
    def can_clear(self) -> bool:
        return self.list.search is not None

    def action_clear(self) -> None:
        self.list.set_search(None)


class OperatorScreen(Screen[None]):
    """Escape goes back."""

    AUTO_FOCUS = None
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "back", "Back", id="operator.back"),
        Binding("tab", "app.focus_next", "Next", show=False),
        Binding("shift+tab", "app.focus_previous", "Previous", show=False),
    ]

    def __init__(self, key: str, finder: RunLinesFinder, colours: SourceColours) -> None:
        super().__init__()
        self._key = key
        pipeline, _, operator = key.partition("/")
        self.header, self.banner = Header(), Banner()
        self.facts = FactsPane()
        self.replicas = ReplicasPane()
        self.output = OperatorOutput(pipeline, operator, colours, finder)

    def compose(self) -> ComposeResult:
        yield self.header
        yield self.banner
        with Horizontal(id="operator-top"):
            yield self.facts
            yield self.replicas
        yield self.output
        yield KeyBar()

    def on_mount(self) -> None:
        name = fmt.clean(self._key.partition("/")[2])
        self.facts.set_tabs([Tab("operator", name, name)])
        for pane in (self.replicas, self.output):
            pane.set_tabs([Tab(pane.pane, pane.label, pane.short)])
        self.output.focus_main()

    def show_view(self, view: SessionView, closing: bool = False) -> None:
        """Show the operator as it is in this session's run."""
        self.header.closing = closing
        self.header.show_view(view)
        self.banner.show_view(view)
        operators = (one for pipeline in view.shown.pipelines for one in pipeline.operators)
        operator = next((one for one in operators if one.key == self._key), None)
        self.facts.facts.show_operator(operator)
        if operator is not None:
            self.facts.set_note(_origin(operator))
        self.replicas.table.show_rows(_replica_rows(operator))
        self.output.note_run(view)
        self.output.show_view(view)

    def action_back(self) -> None:
        """Go back to the main screen."""
        self.dismiss()


def _origin(operator: OperatorView) -> str:
    place = f" · {PurePath(operator.file).name}:{operator.line}" if operator.file else ""
    return fmt.clean(f"{operator.kind} · {operator.class_}{place} · {operator.pipeline}")


def _replica_rows(operator: OperatorView | None) -> Sequence[tuple[str, ReplicaStats]]:
    return [] if operator is None else [(str(replica.replica), replica) for replica in operator.replicas]
