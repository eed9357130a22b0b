"""How load, state and rates look wherever they are shown: always a glyph and a number beside the colour."""

from __future__ import annotations

from collections.abc import Mapping

from sage_tui.dashboard.base.strips import Span
from sage_tui.state import format as fmt
from sage_tui.state.views import OperatorView

HIGH, SOME = 0.8, 0.5
"""From these shares of time on, an operator counts as heavily and as noticeably loaded."""

_BARS = " ▁▂▃▄▅▆▇█"


def load(operator: OperatorView) -> float:
    """The share of time that an operator works or waits for services."""
    return min(1.0, operator.busy + operator.waiting)


def load_look(share: float) -> str:
    """The look of a load."""
    if share >= HIGH:
        return "bad"
    return "warn" if share >= SOME else "good" if share >= 0.01 else "muted"


def load_span(share: float) -> Span:
    """`▇ 93%`, five cells wide."""
    bar = _BARS[max(0, min(8, round(share * 8)))]
    return Span(f"{bar}{fmt.percent(share):>4}", load_look(share))


STATES: Mapping[str, tuple[str, str]] = {
    "starting": ("○", "muted"),
    "running": ("●", "good"),
    "paused": ("‖", "warn"),
    "finished": ("✓", "muted"),
    "failed": ("✗", "bad"),
    "stopped": ("■", "muted"),
}
"""Glyph and look of the state of an operator or a pipeline."""


def state_span(state: str) -> Span:
    """The glyph of a state, one cell wide."""
    return Span(*STATES.get(state, ("○", "muted")))
