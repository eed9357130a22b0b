"""How states, load, counts and the cause of a failure look wherever they are shown."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePath
from typing import NamedTuple

from sage_tui.dashboard.base.strips import Span
from sage_tui.state import format as fmt
from sage_tui.state.views import OperatorView, RunView

HIGH, SOME = 0.8, 0.5
"""The shares of time from which an operator counts as heavily or noticeably loaded."""

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


PHASES: Mapping[str, tuple[str, str]] = {
    "starting": ("○", "accent"),
    "running": ("●", "good"),
    "paused": ("‖", "warn"),
    "stopping": ("○", "warn"),
    "finished": ("✓", "good"),
    "failed": ("✗", "bad"),
    "stopped": ("■", "muted"),
}
"""Glyph and look of a run's phase."""

ENDED = ("finished", "failed", "stopped")
"""The phases of a run that has ended."""


def number_span(number: int, look: str = "") -> Span:
    """A count, exact below a million; zero is muted."""
    return Span(fmt.exact(number) if number < 1_000_000 else fmt.count(number), look if number else "muted")


def rate_span(rate: float) -> Span:
    """A rate per second; zero is muted."""
    return Span(fmt.rate(rate), "strong" if rate else "muted")


def duration_span(seconds: float, look: str = "") -> Span:
    """A duration; `–` where nothing was measured."""
    return Span(fmt.duration(seconds), look) if seconds > 0 else Span("–", "muted")


def failed_span(failures: int) -> Span:
    """A number of failures."""
    return Span(f"✗ {fmt.count(failures)}", "bad") if failures else Span("0", "muted")


def state_span(state: str) -> Span:
    """The glyph of a state, one cell wide."""
    return Span(*STATES.get(state, ("○", "muted")))


class Cause(NamedTuple):
    """The exception with its message, and `file:line` if that is known; safe to draw."""

    words: str
    place: str


def cause_of(run: RunView) -> Cause | None:
    """Why a run failed: the last failure of the script or the worker, else the last of all."""
    named = [group for group in run.failures if group.kind != "other"]
    groups = [group for group in named if group.kind in ("script", "worker")] or named
    if not groups:
        return None
    last = groups[-1]
    words = f"{last.exception}: {last.message}" if last.message else last.exception
    place = PurePath(last.file).name if last.file else ""
    return Cause(fmt.clean(words), fmt.clean(place if last.line is None else f"{place}:{last.line}") if place else "")
