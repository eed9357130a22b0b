"""The keys that show what was, and what they do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from textual.binding import Binding, BindingType

from sage_tui.dashboard.screens.charts import ChartsScreen

if TYPE_CHECKING:
    from textual.screen import Screen

    from sage_tui.dashboard.past_charts import PastCharts

PAST_BINDINGS: tuple[BindingType, ...] = (
    Binding("c", "charts", "Charts", show=False, tooltip="Rates, latency and queues over time", id="charts"),
)


class PastKeys:
    """A part of the app: the actions of `PAST_BINDINGS`."""

    past: PastCharts
    screen: Any

    def _open(self, screen: Screen[None]) -> None:
        """Put a screen over the others, and fill it."""
        raise NotImplementedError

    def action_charts(self) -> None:
        """Show the run over time."""
        if not isinstance(self.screen, ChartsScreen):
            self._open(ChartsScreen(self.past))
