"""The top of the main screen: the state of the run in one line, and a banner for what needs somebody's attention."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import PurePath
from typing import NamedTuple

from textual.strip import Strip

from sage_tui.dashboard.base.strips import PaintedRow, Span, crop, spans_width
from sage_tui.dashboard.cause import cause_of
from sage_tui.state import format as fmt
from sage_tui.state.bottleneck import slowest_operator, time_needed
from sage_tui.state.views import RunView, SessionView

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
"""The phases of a run that is over."""


def state_words(view: SessionView, closing: bool = False) -> Span:
    """`● RUNNING`: glyph, word and colour of what goes on."""
    run = view.current
    if closing:
        return Span("○ STOPPING…", "warn")
    if view.reloading:
        return Span("○ RELOADING", "accent")
    glyph, look = PHASES.get(run.phase, ("○", "muted"))
    word = run.phase.upper()
    if run.phase == "failed" and run.signal:
        word = f"KILLED ({fmt.clean(run.signal)})"
    elif run.phase == "paused" and run.in_flight:
        word = f"PAUSED, {fmt.count(run.in_flight)} in flight"
    elif not view.live and run.phase == "running":
        word = "REPLAY"
    if view.held:
        return Span(f"‖ DISPLAY HELD, {word.lower()}", "warn")
    return Span(f"{glyph} {word}", look)


def header_spans(view: SessionView, width: int, closing: bool = False) -> list[Span]:
    """The header line in `width` cells: what matters less goes first when there is no room."""
    run = view.shown
    script = Span(" " + fmt.cut(fmt.clean(PurePath(view.script).name), max(12, width // 4)), "strong")
    parts: list[tuple[int, Sequence[Span]]] = [
        (0, (script,)),
        (0, (state_words(view, closing),)),
        (4, (Span("run ", "muted"), Span(f"{view.current.run}"))),
        (1, (Span(fmt.elapsed(view.current.elapsed)),)),
        (3, (Span(f"{fmt.rate(run.rate):>4}"), Span(" rec/s", "muted"))),
    ]
    failed = run.errors + (view.current.errors if view.current.run != run.run else 0)
    if failed:
        parts.append((2, (Span(f"✗ {fmt.count(failed)} failed", "bad"),)))
    bottleneck = run.bottleneck
    if bottleneck is not None:
        name = fmt.clean(bottleneck.service or bottleneck.operator)
        why = fmt.clean(bottleneck.reason)
        parts.append((6, (Span("bottleneck ", "muted"), Span(name, "accent"), Span(f" ({why})", "muted"))))
        parts.append((5, (Span("▲ ", "accent"), Span(name, "accent"))))
    elif run.phase in ENDED:
        parts += _slowest(run)
    return _fit(parts, width)


def _slowest(run: RunView) -> list[tuple[int, Sequence[Span]]]:
    """What would be worth looking at after the run: the operator that has needed longest."""
    slowest = [one for one in map(slowest_operator, run.pipelines) if one is not None]
    if not slowest:
        return []
    operator = max(slowest, key=time_needed)
    name, p95 = fmt.clean(operator.name), f" (p95 {fmt.duration(operator.latency.p95)})"
    return [(6, (Span("slowest ", "muted"), Span(name), Span(p95, "muted")))]


def _fit(parts: Sequence[tuple[int, Sequence[Span]]], width: int) -> list[Span]:
    """The parts with two or three spaces between them, without the highest ranks until they fit."""
    shown = list(parts)
    ranks = [rank for rank, _ in shown]
    if 6 in ranks and _total(shown, exclude=5) <= width:
        shown = [part for part in shown if part[0] != 5]
    while len(shown) > 2 and _total(shown) > width:
        shown.remove(max(shown, key=lambda part: part[0]))
    gap = "   " if _total(shown) + len(shown) <= width else "  "
    spans: list[Span] = []
    for _, part in shown:
        spans += (*part, Span(gap))
    return crop(spans[:-1], 0, width)


def _total(parts: Sequence[tuple[int, Sequence[Span]]], exclude: int = -1) -> int:
    return sum(spans_width(part) + 2 for rank, part in parts if rank != exclude)


class Urgent(NamedTuple):
    """What needs attention, and what can be done about it, which is not cut off."""

    text: str
    hint: str
    look: str


def banner(view: SessionView) -> Urgent | None:
    """What needs attention, in a line: most urgent first; None if there is nothing."""
    run = view.current
    if view.replay is not None and view.replay.damage:
        more = f"   (and {len(view.replay.damage) - 1} more)" if len(view.replay.damage) > 1 else ""
        return Urgent(f"! {fmt.clean(view.replay.damage[0])}", more, "warn")
    if view.reload_error is not None:
        error = view.reload_error
        place = fmt.clean(PurePath(error.file).name) + (f":{error.line}" if error.line else "")
        ended = "the old run goes on" if run.phase not in ENDED else "not started"
        return Urgent(f"✗ {place}  {fmt.clean(error.message)}", f"   ({ended}; save again)", "bad")
    if run.phase == "failed":
        return _failed(view, run)
    if view.watch_paused is not None:
        return Urgent(f"! watching is paused: {fmt.clean(view.watch_paused)}", "", "warn")
    return None


def _failed(view: SessionView, run: RunView) -> Urgent:
    again = "r starts again" if view.live else "end of the recording"
    shown = f", showing run {view.shown.run}" if view.shown.run != run.run else ""
    if run.signal:
        return Urgent(f"✗ worker killed by {fmt.clean(run.signal)}{shown}", f"   ({again})", "bad")
    cause = cause_of(run)
    if cause is not None:
        place = f" at {cause.place}" if cause.place else ""
        return Urgent(f"✗ run {run.run} failed{place}: {cause.words}", f"{shown}   (6 why, {again})", "bad")
    status = f" with exit status {run.exit_code}" if run.exit_code else ""
    return Urgent(f"✗ run {run.run} failed{status}{shown}", f"   ({again})", "bad")


class Header(PaintedRow):
    """One line: script, state, run, elapsed time, records a second, failures, bottleneck."""

    def __init__(self) -> None:
        super().__init__(widget_id="header")
        self._view: SessionView | None = None
        self._shown: list[Span] = []
        self.closing = False

    def show_view(self, view: SessionView) -> None:
        """Show this session; redraws only if a character changed."""
        self._view = view
        spans = header_spans(view, self.size.width, self.closing)
        if spans != self._shown:
            self._shown = spans
            self.refresh()

    def on_resize(self) -> None:
        if self._view is not None:
            self.show_view(self._view)

    def render_line(self, y: int) -> Strip:
        return self.strip(self._shown, self.size.width)


class Banner(PaintedRow):
    """A line that is there only while it has something to say."""

    def __init__(self) -> None:
        super().__init__(widget_id="banner")
        self._urgent: Urgent | None = None
        self.display = False

    def show_view(self, view: SessionView) -> None:
        """Show what needs attention, if anything does."""
        urgent = banner(view)
        if urgent != self._urgent:
            self._urgent = urgent
            self.display = urgent is not None
            self.refresh()

    def render_line(self, y: int) -> Strip:
        width = self.size.width
        if self._urgent is None:
            return self.blank(width)
        text, hint, look = self._urgent
        room = max(width // 2, width - 1 - fmt.cell_len(hint))
        return self.strip(crop([Span(" "), Span(fmt.cut(text, room), look), Span(hint, look)], 0, width), width)
