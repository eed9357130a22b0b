"""Charts in a pane: records a second, latency and queue over a minute, five minutes or the run."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

from sage_tui.dashboard.base.pane import Pane
from sage_tui.dashboard.base.strips import Span as Text
from sage_tui.dashboard.base.strips import StripLooks
from sage_tui.dashboard.charts.chart_series import SPANS, ChartSeries
from sage_tui.dashboard.charts.plot import Stack, stack_lines
from sage_tui.state.series import Span
from sage_tui.state.views import SessionView


class ChartStack(StripLooks, can_focus=True):
    """Draws a stack of plots; only lines that changed are drawn again."""

    DEFAULT_CSS = "ChartStack { width: 1fr; height: 1fr; }"

    def __init__(self) -> None:
        super().__init__()
        self._stack: Stack | None = None
        self._lines: list[list[Text]] = []

    def show_stack(self, stack: Stack | None) -> None:
        """Show this."""
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
        """The picture as text."""
        return "\n".join("".join(text for text, _ in line).rstrip() for line in self._lines)


class ChartsPane(Pane):
    """The charts of one thing; `w` goes from a minute to five minutes to the whole run."""

    pane = "charts"
    label = "Charts"
    short = "Charts"

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("w", "span", "Window", tooltip="1 minute, 5 minutes, the whole run", id="charts.span"),
    ]

    def __init__(self, past: ChartSeries, key: str | None) -> None:
        super().__init__()
        self._past = past
        self._key = key
        self._view: SessionView | None = None
        self.span: Span = "minute"
        self.charts = ChartStack()

    def compose(self) -> ComposeResult:
        yield self.charts

    @property
    def main(self) -> Widget:
        return self.charts

    def show_view(self, view: SessionView) -> None:
        self._view = view
        self.charts.show_stack(self._past.stack(view, self._key, self.span))
        words = next(words for name, words, _ in SPANS if name == self.span)
        self.set_note(f"{words} · w widens" if self.span != "whole" else f"{words} · w narrows")

    def show_key(self, key: str | None) -> None:
        """Show the charts of an operator or a service, or of the whole run."""
        self._key = key
        if self._view is not None:
            self.show_view(self._view)

    def action_span(self) -> None:
        """Show the next span of time."""
        names = [name for name, _, _ in SPANS]
        self.span = names[(names.index(self.span) + 1) % len(names)]
        if self._view is not None:
            self.show_view(self._view)

    def copied(self) -> str | None:
        return self.charts.plain() or None
