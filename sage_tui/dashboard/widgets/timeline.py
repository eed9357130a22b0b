"""The time line of a replay: where in the run the screen is, and a place to click."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

from textual import events
from textual.message import Message
from textual.strip import Strip

from sage_tui.dashboard.base.strips import PaintedRow, Span, spans_width
from sage_tui.state import format as fmt
from sage_tui.state.views import ReplayView, SessionView

LEAST_BAR = 8
"""Cells that the bar has at least; the words around it give way."""


class Part(NamedTuple):
    """A piece of the time line; a click on it does `action` (`seek` for the bar)."""

    spans: Sequence[Span]
    action: str = ""


def timeline_parts(replay: ReplayView, run: int, width: int) -> list[Part]:
    """` ▶  00:12 ━━━━━●──✗── 01:40  2×  run 2 of 3` in `width` cells."""
    length = replay.end - replay.begin
    glyph = Span(" ‖ " if replay.playing else " ▶ ", "key")
    before = Part((glyph, Span(f"{fmt.elapsed(replay.moment - replay.begin)} ", "strong")), "toggle")
    behind = [Part((Span(f" {fmt.elapsed(length)}", "muted"),))]
    if replay.speed != 1 or width >= 72:
        behind.append(Part((Span(f"  {replay.speed:g}×", "accent" if replay.speed != 1 else "muted"),), "speed"))
    if len(replay.runs) > 1:
        at = replay.runs.index(run) + 1 if run in replay.runs else 0
        words = f"  run {at} of {len(replay.runs)}" if width >= 72 else f"  {at}/{len(replay.runs)}"
        behind.append(Part((Span(words, "muted"),), "run"))
    behind.append(Part((Span(" "),)))
    room = width - sum(spans_width(part.spans) for part in (before, *behind))
    return [before, Part(bar(replay, max(LEAST_BAR, room)), "seek"), *behind]


def bar(replay: ReplayView, width: int) -> list[Span]:
    """The line itself: what is past, the moment, what is to come, and where something failed."""
    here = cell_of(replay, replay.moment, width)
    cells = [("━", "good") if x < here else ("─", "muted") for x in range(width)]
    for mark in replay.marks:
        cells[cell_of(replay, mark, width)] = ("✗", "bad")
    cells[here] = ("●", "key")
    spans: list[Span] = []
    for text, look in cells:
        if spans and spans[-1].look == look:
            spans[-1] = Span(spans[-1].text + text, look)
        else:
            spans.append(Span(text, look))
    return spans


def cell_of(replay: ReplayView, moment: float, width: int) -> int:
    """The cell of a bar in which a moment lies."""
    length = replay.end - replay.begin
    share = (moment - replay.begin) / length if length > 0 else 1.0
    return max(0, min(width - 1, round(share * (width - 1))))


def moment_of(replay: ReplayView, x: int, width: int) -> float:
    """The moment that a cell of the bar stands for."""
    share = max(0.0, min(1.0, x / max(1, width - 1)))
    return replay.begin + share * (replay.end - replay.begin)


class Timeline(PaintedRow):
    """A line at the bottom while a recording is replayed; a click or a drag on it seeks."""

    DEFAULT_CSS: ClassVar[str] = "Timeline { height: 1; }"

    @dataclass
    class Sought(Message):
        """Somebody clicked the line at this moment."""

        moment: float

    @dataclass
    class Pressed(Message):
        """Somebody clicked beside the line: `toggle`, `speed` or `run`."""

        action: str

    def __init__(self) -> None:
        super().__init__(widget_id="timeline")
        self._replay: ReplayView | None = None
        self._run = 0
        self._parts: list[Part] = []
        self._dragging = False
        self.display = False

    def show_view(self, view: SessionView) -> None:
        """Show where the replay is; nothing for a live session."""
        self._replay, self._run = view.replay, view.shown.run
        if self.display != (view.replay is not None):
            self.display = view.replay is not None
        self._draw()

    def on_resize(self) -> None:
        self._draw()

    def _draw(self) -> None:
        if self._replay is not None:
            parts = timeline_parts(self._replay, self._run, self.size.width or self.screen.size.width)
            if parts != self._parts:
                self._parts = parts
                self.refresh()

    def render_line(self, y: int) -> Strip:
        return self.strip([one for part in self._parts for one in part.spans], self.size.width)

    def on_mouse_down(self, event: events.MouseDown) -> None:
        x = 0
        for part in self._parts:
            width = spans_width(part.spans)
            if x <= event.x < x + width:
                if part.action == "seek":
                    self._dragging = True
                    self.capture_mouse()
                    self._seek(event.x)
                elif part.action:
                    self.post_message(self.Pressed(part.action))
            x += width

    def on_mouse_move(self, event: events.MouseMove) -> None:
        if self._dragging:
            self._seek(event.x)

    def on_mouse_up(self, event: events.MouseUp) -> None:
        if self._dragging:
            self._dragging = False
            self.release_mouse()

    def _seek(self, x: int) -> None:
        if self._replay is None or len(self._parts) < 2:
            return
        start, width = spans_width(self._parts[0].spans), spans_width(self._parts[1].spans)
        self.post_message(self.Sought(moment_of(self._replay, x - start, width)))
