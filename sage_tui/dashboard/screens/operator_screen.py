"""One operator: its metrics, replicas, charts, records, output, log, failures and source."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePath
from typing import ClassVar

from textual.strip import Strip

from sage_runtime.events import Inspect, Record, ReplicaStats
from sage_tui.dashboard.base.grid import LOW, NARROW, TALL, WIDE, Box, Groups, PaneGrid
from sage_tui.dashboard.base.indicators import load_look, load_span, state_span
from sage_tui.dashboard.base.pane import Pane, TablePane, TextPane
from sage_tui.dashboard.base.strips import LineWidget, Span, crop, span
from sage_tui.dashboard.base.table import Column
from sage_tui.dashboard.charts.charts_screen import ChartsPane
from sage_tui.dashboard.charts.plot import histogram_lines
from sage_tui.dashboard.context import Context
from sage_tui.dashboard.log.export import record_json
from sage_tui.dashboard.log.formatters import LogFormatter, OutputFormatter
from sage_tui.dashboard.log.line_pane import ScopedLinePane, lines_of_source
from sage_tui.dashboard.screens.failures import FailuresPane, failures_of
from sage_tui.dashboard.screens.pane_screen import SubjectScreen
from sage_tui.dashboard.screens.source_pane import SourcePane
from sage_tui.state import format as fmt
from sage_tui.state.views import OperatorView, SessionView

READ = 400
"""The latest entries of the record channel that are searched for those of one operator."""

SHOWN = 20
"""The most records that are shown."""

NONE_YET = "No record has come by since this view was opened"
NONE_KEPT = "No records kept: they are recorded only while somebody looks at the operator"


class RecordsPane(TextPane):
    """The latest records at one port of the operator, the newest first."""

    port: ClassVar[str]

    def __init__(self, pipeline: str, operator: str, context: Context) -> None:
        self._operator = (pipeline, operator)
        self._session = context.session
        self._seen = (0, 0)
        self._records: list[Record] = []
        super().__init__(NONE_YET)

    def show_view(self, view: SessionView) -> None:
        source = self._session.run_lines(view.shown.run, "record")
        count = 0 if source is None else source.count()
        if source is None or (view.shown.run, count) == self._seen:
            if not self._records and not view.live:
                self.text.show_empty(NONE_KEPT)
            return
        self._seen = (view.shown.run, count)
        events = [line.event for line in source.read(max(source.first(), count - READ), count)]
        mine = [
            event
            for event in events
            if isinstance(event, Record)
            and (event.pipeline, event.operator) == self._operator
            and event.port == self.port
        ]
        self._records = mine[-SHOWN:][::-1]
        if self._records:
            self.text.show_lines(record_lines(self._records))
        else:
            self.text.show_empty(NONE_YET if view.live else NONE_KEPT)

    def copied_json(self) -> str | None:
        """The record at the top of what is shown."""
        above = round(self.text.scroll_y)
        for record in self._records:
            above -= 1 + record.preview.count("\n") + 1
            if above < 0:
                return record_json(record)
        return None


class InPane(RecordsPane):
    """The records that go in."""

    pane = port = "in"
    label = "In"
    short = "In"


class OutPane(RecordsPane):
    """The records that come out."""

    pane = port = "out"
    label = "Out"
    short = "Out"


def record_lines(records: Sequence[Record]) -> list[list[Span]]:
    """Records as lines: time and number, then the value as the worker has pretty-printed it."""
    lines: list[list[Span]] = []
    for record in records:
        time = fmt.clock(record.t, milliseconds=True)
        lines.append([Span(f" {time}", "muted"), Span(f"  #{fmt.exact(record.sequence)}", "accent")])
        lines += ([Span("   " + fmt.clean(line))] for line in record.preview.split("\n"))
    return lines


class OperatorOutput(ScopedLinePane):
    """What this operator printed."""

    pane = "operator-output"
    label = "Output"
    short = "Output"
    channel = "output"
    empty = "This operator has printed nothing"

    def __init__(self, pipeline: str, operator: str, context: Context) -> None:
        super().__init__(OutputFormatter(context.colours), context.session, lines_of_source(pipeline, operator))


class OperatorLog(ScopedLinePane):
    """What this operator logged."""

    pane = "operator-log"
    label = "Log"
    short = "Log"
    channel = "log"
    empty = "This operator has logged nothing"

    def __init__(self, pipeline: str, operator: str, context: Context) -> None:
        super().__init__(LogFormatter(context.colours), context.session, lines_of_source(pipeline, operator))


class OperatorFailures(FailuresPane):
    """The failures of this operator."""

    pane = "operator-failures"

    def __init__(self, pipeline: str, operator: str, context: Context) -> None:
        super().__init__(context, "No failures of this operator")
        self._operator = (pipeline, operator)

    def show_view(self, view: SessionView) -> None:
        pipeline, operator = self._operator
        groups = [one for one in failures_of(view) if one.group.source == operator]
        self.table.show_rows([(one.key, one.group) for one in groups if one.group.pipeline in (pipeline, None)])


class OperatorMetrics(LineWidget, can_focus=True):
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
    """The metrics in a frame."""

    pane = "operator"
    label = "Operator"
    short = "Operator"

    def __init__(self) -> None:
        self.metrics = OperatorMetrics()
        super().__init__(self.metrics)


class ReplicasPane(TablePane[ReplicaStats]):
    """A row for each replica."""

    pane = "replicas"
    label = "Replicas"
    short = "Replicas"

    def __init__(self) -> None:
        super().__init__(REPLICA_COLUMNS, "No metrics yet")


def skew_of(operator: OperatorView) -> str:
    """How unevenly records are spread over replicas: the maximum as a multiple of the mean; empty for one replica."""
    counts = [replica.records_in or replica.records_out for replica in operator.replicas]
    if len(counts) < 2 or not sum(counts):
        return ""
    return f"skew {max(counts) * len(counts) / sum(counts):.2f}× the mean"


def replica_rows(operator: OperatorView | None) -> Sequence[tuple[str, ReplicaStats]]:
    """The rows of `ReplicasPane`."""
    return [] if operator is None else [(str(replica.replica), replica) for replica in operator.replicas]


METRICS = ("operator", "replicas", "charts")
RECORDS = ("in", "out")
LINES = ("operator-output", "operator-log", "operator-failures", "source")


class OperatorScreen(SubjectScreen):
    """While it is open, the worker sends records of this operator."""

    def __init__(self, key: str, context: Context) -> None:
        self._key = key
        self._session = context.session
        self._inspected = 0
        pipeline, _, operator = key.partition("/")
        self.metrics = OperatorMetricsPane()
        self.replicas = ReplicasPane()
        self.charts = ChartsPane(context.charts, key)
        self.source = SourcePane()
        self.output = OperatorOutput(pipeline, operator, context)
        panes = [
            self.metrics,
            self.replicas,
            self.charts,
            InPane(pipeline, operator, context),
            OutPane(pipeline, operator, context),
            self.output,
            OperatorLog(pipeline, operator, context),
            OperatorFailures(pipeline, operator, context),
            self.source,
        ]
        super().__init__(PaneGrid(panes, _divide, "operator"))
        self.grid.labels["operator"] = fmt.clean(operator)

    def on_unmount(self) -> None:
        self._session.send(Inspect(()))

    def note_view(self, view: SessionView) -> None:
        if view.current.run != self._inspected and view.current.phase not in ("starting", ""):
            self._inspected = view.current.run
            self._session.send(Inspect((self._key,)))
        operators = (one for pipeline in view.shown.pipelines for one in pipeline.operators)
        operator = next((one for one in operators if one.key == self._key), None)
        self.metrics.metrics.show_operator(operator)
        self.replicas.table.show_rows(replica_rows(operator))
        self.source.show_operator(operator)
        if operator is not None:
            self.metrics.set_note(_origin(operator))
            self.replicas.set_note(skew_of(operator))
            self.grid.set_badge("operator-failures", f"({fmt.count(operator.errors)})" if operator.errors else "")


def _divide(width: int, height: int) -> Groups:
    """Metrics above lines, records beside both if there is room; one pane at a time on a small screen."""
    if width < NARROW or height < LOW:
        return [((*METRICS, *RECORDS, *LINES), Box(0, 0, width, height))]
    if width < WIDE or height < TALL:
        top = max(14, height // 2) if height >= TALL else 13
        return [(METRICS, Box(0, 0, width, top)), ((*RECORDS, *LINES), Box(0, top, width, height - top))]
    top, left = max(18, height // 2), round(width * 0.5)
    metrics: Groups = [(METRICS, Box(0, 0, left, top))]
    if width >= 2 * NARROW:
        metrics = [(("operator", "replicas"), Box(0, 0, left, top)), (("charts",), Box(left, 0, width - left, top))]
        return [
            *metrics,
            (RECORDS, Box(0, top, left, height - top)),
            (LINES, Box(left, top, width - left, height - top)),
        ]
    return [*metrics, (RECORDS, Box(left, 0, width - left, top)), (LINES, Box(0, top, width, height - top))]


def _origin(operator: OperatorView) -> str:
    place = f" · {PurePath(operator.file).name}:{operator.line}" if operator.file else ""
    return fmt.clean(f"{operator.kind} · {operator.class_}{place} · {operator.pipeline}")
