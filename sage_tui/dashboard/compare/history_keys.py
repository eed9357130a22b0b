"""The keys that show what was, and what they do."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from textual.binding import Binding, BindingType

from sage_tui.dashboard.charts.charts_screen import ChartsScreen
from sage_tui.dashboard.compare.runs_screen import RunsScreen

if TYPE_CHECKING:
    from textual.screen import Screen

    from sage_tui.dashboard.charts.chart_series import ChartSeries

PAST_BINDINGS: tuple[BindingType, ...] = (
    Binding("c", "charts", "Charts", show=False, tooltip="Rates, latency and queues over time", id="charts"),
    Binding("v", "runs", "Runs", show=False, tooltip="All runs, what was edited, and whether it helped", id="runs"),
)


class HistoryKeys:
    """A part of the app: the actions of `PAST_BINDINGS`."""

    session: Any
    past: ChartSeries
    screen: Any

    def _open(self, screen: Screen[None]) -> None:
        """Put a screen over the others, and fill it."""
        raise NotImplementedError

    def _aside(self, task: Callable[[], None]) -> None:
        """Do something that takes a moment on another thread."""
        raise NotImplementedError

    def action_charts(self) -> None:
        """Show the run over time."""
        if not isinstance(self.screen, ChartsScreen):
            self._open(ChartsScreen(self.past))

    def action_runs(self) -> None:
        """Show all runs."""
        if not isinstance(self.screen, RunsScreen):
            self._open(RunsScreen(self.session, self._aside))
