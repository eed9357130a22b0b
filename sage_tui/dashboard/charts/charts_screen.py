"""Charts of the whole run, and of each operator and service beside it."""

from __future__ import annotations

from dataclasses import dataclass

from textual.app import ComposeResult
from textual.widget import Widget

from sage_tui.dashboard.base.deck import Deck
from sage_tui.dashboard.base.load import state_span
from sage_tui.dashboard.base.main_layout import NARROW, Box, Groups
from sage_tui.dashboard.base.pane import Pane
from sage_tui.dashboard.base.strips import Span
from sage_tui.dashboard.base.table import Column, Table
from sage_tui.dashboard.charts.chart_series import ChartSeries
from sage_tui.dashboard.charts.charts_pane import ChartsPane
from sage_tui.dashboard.messages import OperatorOpened, ServiceOpened
from sage_tui.dashboard.screens.deck_screen import DeckScreen
from sage_tui.state import format as fmt
from sage_tui.state.views import RunView, SessionView

RUN = ""
"""The key of the row for the whole run."""


@dataclass(frozen=True, slots=True)
class Thing:
    """What may be charted: its sign, its name, its rate now and in the last minute."""

    sign: Span
    name: str
    rate: float
    history: tuple[float, ...]
    service: bool = False


def things(run: RunView) -> list[tuple[str, Thing]]:
    """The run, its operators and its services."""
    rows = [(RUN, Thing(Span("Σ", "accent"), "whole run", run.rate, run.history))]
    for pipeline in run.pipelines:
        rows += ((o.key, Thing(state_span(o.state), o.id, o.rate, o.history)) for o in pipeline.operators)
        rows += (
            (s.key, Thing(Span("◇", "accent"), s.name, s.rate, s.history, service=True)) for s in pipeline.services
        )
    return rows


COLUMNS: tuple[Column[Thing], ...] = (
    Column("of", 12, lambda t, w: [t.sign, Span(fmt.pad(" " + fmt.clean(t.name), w - 1))], align="left", grow=True),
    Column("/s", 5, lambda t, w: Span(fmt.rate(t.rate), "strong" if t.rate else "muted")),
    Column("trend", 8, lambda t, w: Span(fmt.spark(t.history, w), "good"), rank=1, grow=True, most=12),
)


class ThingsPane(Pane):
    """What is charted: moving the cursor shows another, Enter opens it."""

    pane = "things"
    label = "Charts of"
    short = "Of"

    def __init__(self) -> None:
        super().__init__()
        self.table: Table[Thing] = Table(COLUMNS)
        self._rows: list[tuple[str, Thing]] = []

    def compose(self) -> ComposeResult:
        yield self.table

    @property
    def main(self) -> Widget:
        return self.table

    def show_view(self, view: SessionView) -> None:
        rows = things(view.shown)
        if rows != self._rows:
            self._rows = rows
            self.table.show_rows(rows)


class ChartsScreen(DeckScreen):
    """What to chart at the left, the charts at the right; on a small screen the charts alone."""

    def __init__(self, past: ChartSeries) -> None:
        self.things = ThingsPane()
        self.charts = ChartsPane(past, None)
        super().__init__(Deck([self.charts, self.things], _divide, "charts"))

    def on_table_moved(self, event: Table.Moved) -> None:
        event.stop()
        self._show(event.key)

    def _show(self, key: str) -> None:
        self.charts.show_key(key or None)
        name = "whole run" if not key else key.partition("/")[2]
        self.deck.set_label("charts", f"Charts of {fmt.clean(name)}" if key else "Charts")

    def on_table_opened(self, event: Table.Opened) -> None:
        event.stop()
        row = self.things.table.current()
        if row is not None and event.key != RUN:
            self.post_message(ServiceOpened(event.key) if row.service else OperatorOpened(event.key))


def _divide(width: int, height: int) -> Groups:
    if width < NARROW:
        return [(("charts", "things"), Box(0, 0, width, height))]
    left = min(34, width // 3)
    return [(("things",), Box(0, 0, left, height)), (("charts",), Box(left, 0, width - left, height))]
