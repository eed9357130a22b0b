"""One operator: its figures, records, charts, failures, lines and source."""

from __future__ import annotations

from pathlib import PurePath

from sage_runtime.events import Inspect
from sage_tui.dashboard.base.deck import Deck
from sage_tui.dashboard.base.main_layout import NARROW, TALL, WIDE, Box, Groups
from sage_tui.dashboard.charts.chart_series import ChartSeries
from sage_tui.dashboard.charts.charts_pane import ChartsPane
from sage_tui.dashboard.log.run_lines import RunLinesFinder
from sage_tui.dashboard.log.source_colours import SourceColours
from sage_tui.dashboard.screens.deck_screen import DeckScreen
from sage_tui.dashboard.widgets.operator_figures import OperatorMetricsPane, ReplicasPane, replica_rows, skew_of
from sage_tui.dashboard.widgets.operator_panes import (
    InPane,
    OperatorFailures,
    OperatorLog,
    OperatorOutput,
    OutPane,
    SourcePane,
)
from sage_tui.session.protocol import SessionLike
from sage_tui.state import format as fmt
from sage_tui.state.views import OperatorView, SessionView

FIGURES = ("operator", "replicas", "charts")
RECORDS = ("in", "out")
LINES = ("operator-output", "operator-log", "operator-failures", "source")


class OperatorScreen(DeckScreen):
    """Escape goes back. While it is open, the worker sends records of this operator."""

    def __init__(
        self, key: str, session: SessionLike, finder: RunLinesFinder, colours: SourceColours, past: ChartSeries
    ) -> None:
        self._key = key
        self._session = session
        self._inspected = 0
        pipeline, _, operator = key.partition("/")
        self.facts = OperatorMetricsPane()
        self.replicas = ReplicasPane()
        self.charts = ChartsPane(past, key)
        self.source = SourcePane()
        self.output = OperatorOutput(pipeline, operator, colours, finder)
        panes = [
            self.facts,
            self.replicas,
            self.charts,
            InPane(pipeline, operator, "in", finder),
            OutPane(pipeline, operator, "out", finder),
            self.output,
            OperatorLog(pipeline, operator, colours, finder),
            OperatorFailures(pipeline, operator, colours),
            self.source,
        ]
        super().__init__(Deck(panes, _divide, "operator"))
        self.deck.labels["operator"] = fmt.clean(operator)

    def on_unmount(self) -> None:
        self._session.send(Inspect(()))

    def note_view(self, view: SessionView) -> None:
        if view.current.run != self._inspected and view.current.phase not in ("starting", ""):
            self._inspected = view.current.run
            self._session.send(Inspect((self._key,)))
        operators = (one for pipeline in view.shown.pipelines for one in pipeline.operators)
        operator = next((one for one in operators if one.key == self._key), None)
        self.facts.facts.show_operator(operator)
        self.replicas.table.show_rows(replica_rows(operator))
        self.source.show_operator(operator)
        if operator is not None:
            self.facts.set_note(_origin(operator))
            self.replicas.set_note(skew_of(operator))
            self.deck.set_badge("operator-failures", f"({fmt.count(operator.errors)})" if operator.errors else "")


def _divide(width: int, height: int) -> Groups:
    """Figures over lines, records beside both where there is room; one at a time on a small screen."""
    if width < NARROW or height < 18:
        return [((*FIGURES, *RECORDS, *LINES), Box(0, 0, width, height))]
    if width < WIDE or height < TALL:
        top = max(14, height // 2) if height >= TALL else 13
        return [(FIGURES, Box(0, 0, width, top)), ((*RECORDS, *LINES), Box(0, top, width, height - top))]
    top, left = max(18, height // 2), round(width * 0.5)
    figures: Groups = [(FIGURES, Box(0, 0, left, top))]
    if width >= 2 * NARROW:
        figures = [(("operator", "replicas"), Box(0, 0, left, top)), (("charts",), Box(left, 0, width - left, top))]
        return [
            *figures,
            (RECORDS, Box(0, top, left, height - top)),
            (LINES, Box(left, top, width - left, height - top)),
        ]
    return [*figures, (RECORDS, Box(left, 0, width - left, top)), (LINES, Box(0, top, width, height - top))]


def _origin(operator: OperatorView) -> str:
    place = f" · {PurePath(operator.file).name}:{operator.line}" if operator.file else ""
    return fmt.clean(f"{operator.kind} · {operator.class_}{place} · {operator.pipeline}")
