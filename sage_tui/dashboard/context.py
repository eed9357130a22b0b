"""What the panes and screens of a dashboard share."""

from __future__ import annotations

from typing import NamedTuple

from sage_tui.dashboard.charts.chart_series import ChartSeries
from sage_tui.dashboard.compare.baselines import Baselines
from sage_tui.dashboard.log.formatters import SourceColours
from sage_tui.session.protocol import SessionWithHistory


class Context(NamedTuple):
    """The session, and what is derived from it once for all screens."""

    session: SessionWithHistory
    colours: SourceColours
    baselines: Baselines
    charts: ChartSeries
