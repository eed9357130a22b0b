"""Charts of the whole run, and of each operator and service."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, NamedTuple

from textual.binding import Binding, BindingType
from textual.geometry import Region
from textual.message import Message
from textual.strip import Strip

from sage_tui.dashboard.base.grid import NARROW, Box, Groups, PaneGrid
from sage_tui.dashboard.base.indicators import rate_span, state_span
from sage_tui.dashboard.base.pane import Pane, TablePane
from sage_tui.dashboard.base.strips import LineWidget, Span
from sage_tui.dashboard.base.table import Column
from sage_tui.dashboard.charts.chart_series import SPANS, ChartSeries
from sage_tui.dashboard.charts.plot import PlotStack, stack_lines
from sage_tui.dashboard.messages import OperatorOpened, ServiceOpened
from sage_tui.dashboard.screens.pane_screen import SubjectScreen
from sage_tui.state import format as fmt
from sage_tui.state.series import Span as TimeSpan
from sage_tui.state.views import RunView, SessionView


class ChartStack(LineWidget, can_focus=True):
    """Draws a stack of plots; redraws only the lines that changed."""

    DEFAULT_CSS = "ChartStack { width: 1fr; height: 1fr; }"

    def __init__(self) -> None:
        super().__init__()
        self._stack: PlotStack | None = None
        self._lines: list[list[Span]] = []

    def show_stack(self, stack: PlotStack | None) -> None:
        """Show this stack; None: nothing is known yet."""
        if stack is not self._stack:
            self._stack = stack
            self._draw()

    def _draw(self) -> None:
        width, height = self.size
        old = self._lines
        self._lines = [] if self._stack is None or not width else stack_lines(self._stack, width, height)
        if len(old) != len(self._lines):
            self.refresh()
            return
        changed = [y for y, (a, b) in enumerate(zip(old, self._lines, strict=True)) if a != b]
        if changed:
            self.refresh(*(Region(0, y, width, 1) for y in changed))

    def on_resize(self) -> None:
        self._lines = []
        self._draw()

    def render_line(self, y: int) -> Strip:
        width = self.size.width
        if not self._lines:
            return (
                self.centred("Nothing has been measured yet", width)
                if y == self.size.height // 3
                else self.blank(width)
            )
        return self.strip(self._lines[y], width) if y < len(self._lines) else self.blank(width)

    def plain(self) -> str:
        return "\n".join("".join(text for text, _ in line).rstrip() for line in self._lines)


class ChartsPane(Pane):
    """The charts of one subject; `w` goes from a minute to five minutes to the whole run."""

    pane = "charts"
    label = "Charts"
    short = "Charts"

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("w", "span", "Window", tooltip="1 minute, 5 minutes, the whole run", id="charts.span"),
    ]

    def __init__(self, series: ChartSeries, key: str | None) -> None:
        self._series = series
        self._key = key
        self._view: SessionView | None = None
        self.span: TimeSpan = "minute"
        self.charts = ChartStack()
        super().__init__(self.charts)

    def show_view(self, view: SessionView) -> None:
        self._view = view
        self.charts.show_stack(self._series.stack(view, self._key, self.span))
        words = next(words for name, words, _ in SPANS if name == self.span)
        self.set_note(f"{words} · w widens" if self.span != "whole" else f"{words} · w narrows")

    def show_key(self, key: str | None) -> None:
        """Show the charts of an operator or a service, or of the whole run."""
        self._key = key
        if self._view is not None:
            self.show_view(self._view)

    def action_span(self) -> None:
        names = [name for name, _, _ in SPANS]
        self.span = names[(names.index(self.span) + 1) % len(names)]
        if self._view is not None:
            self.show_view(self._view)

    def copied(self) -> str | None:
        return self.charts.plain() or None


RUN = ""
"""The key of the row for the whole run."""


class ChartSubject(NamedTuple):
    """What can be charted: its sign, its name, its rate now and in the last minute."""

    sign: Span
    name: str
    rate: float
    history: tuple[float, ...]
    service: bool = False


def chart_subjects(run: RunView) -> list[tuple[str, ChartSubject]]:
    """The run, its operators and its services."""
    rows = [(RUN, ChartSubject(Span("Σ", "accent"), "whole run", run.rate, run.history))]
    for pipeline in run.pipelines:
        rows += ((o.key, ChartSubject(state_span(o.state), o.id, o.rate, o.history)) for o in pipeline.operators)
        rows += (
            (s.key, ChartSubject(Span("◇", "accent"), s.name, s.rate, s.history, service=True))
            for s in pipeline.services
        )
    return rows


COLUMNS: tuple[Column[ChartSubject], ...] = (
    Column("of", 12, lambda t, w: [t.sign, Span(fmt.pad(" " + fmt.clean(t.name), w - 1))], align="left", grow=True),
    Column("/s", 5, lambda t, w: rate_span(t.rate)),
    Column("trend", 8, lambda t, w: Span(fmt.spark(t.history, w), "good"), rank=1, grow=True, most=12),
)


class ChartSubjectsPane(TablePane[ChartSubject]):
    """What can be charted: moving the cursor charts another subject, Enter opens it."""

    pane = "series"
    label = "Series"
    short = "Series"

    @dataclass
    class Chosen(Message):
        """The cursor is on another subject."""

        key: str

    def __init__(self) -> None:
        super().__init__(COLUMNS)
        self._rows: list[tuple[str, ChartSubject]] = []

    def show_view(self, view: SessionView) -> None:
        rows = chart_subjects(view.shown)
        if rows != self._rows:
            self._rows = rows
            self.table.show_rows(rows)

    def row_moved(self, key: str) -> None:
        self.post_message(self.Chosen(key))

    def row_opened(self, key: str) -> None:
        row = self.table.current()
        if row is not None and key != RUN:
            self.post_message(ServiceOpened(key) if row.service else OperatorOpened(key))


class ChartsScreen(SubjectScreen):
    """What to chart at the left, the charts at the right; on a small screen the charts alone."""

    def __init__(self, series: ChartSeries) -> None:
        self.charts = ChartsPane(series, None)
        super().__init__(PaneGrid([self.charts, ChartSubjectsPane()], _divide, "charts"))

    def on_chart_subjects_pane_chosen(self, event: ChartSubjectsPane.Chosen) -> None:
        event.stop()
        self.charts.show_key(event.key or None)
        name = fmt.clean(event.key.partition("/")[2])
        self.grid.set_label("charts", f"Charts of {name}" if event.key else "Charts")


def _divide(width: int, height: int) -> Groups:
    if width < NARROW:
        return [(("charts", "series"), Box(0, 0, width, height))]
    left = min(34, width // 3)
    return [(("series",), Box(0, 0, left, height)), (("charts",), Box(left, 0, width - left, height))]
