"""The bottom line: the keys that work now, and what is watched."""

from __future__ import annotations

from textual import events
from textual.screen import Screen
from textual.strip import Strip

from sage_tui.dashboard.base.strips import PaintedRow, Span, crop, spans_width
from sage_tui.state import format as fmt

_ALWAYS = ("help", "quit")
"""Actions whose keys are shown however little room there is."""


class KeyBar(PaintedRow):
    """Shows the bindings that are meant to be shown; a click on one presses its key.

    Textual's footer builds a widget for each key anew whenever the focus moves; this draws one line.
    """

    def __init__(self) -> None:
        super().__init__(widget_id="keys")
        self.note = ""
        self._spans: list[Span] = []
        self._places: list[tuple[int, int, str]] = []

    def on_mount(self) -> None:
        self.screen.bindings_updated_signal.subscribe(self, self._bindings_changed)
        self.call_after_refresh(self._draw)

    def _bindings_changed(self, screen: Screen[object]) -> None:
        self.call_after_refresh(self._draw)

    def _draw(self) -> None:
        if not self.is_attached:
            return  # its screen was closed meanwhile
        shown = [
            (binding.key, self.app.get_key_display(binding), f" {binding.description}", binding.action in _ALWAYS)
            for _, binding, enabled, _ in self.screen.active_bindings.values()
            if binding.show and enabled
        ]

        def width(gap: int) -> int:
            return 1 + sum(fmt.cell_len(display + words) + gap for _, display, words, _ in shown)

        while width(1) > self.size.width + 1 and any(not always for *_, always in shown):
            shown.remove([key for key in shown if not key[-1]][-1])  # whole words or none
        gap = " " * (2 if width(2) <= self.size.width else 1)
        spans: list[Span] = []
        self._places = []
        x = 1
        for key, display, words, _ in shown:
            spans += (Span(display, "key"), Span(words, "muted"), Span(gap))
            end = x + fmt.cell_len(display + words)
            self._places.append((x, end, key))
            x = end + len(gap)
        spans = spans[:-1]
        if spans != self._spans:
            self._spans = spans
            self.refresh()

    def on_resize(self) -> None:
        self._draw()

    def set_note(self, note: str) -> None:
        """The words at the right, left out where the keys need the room."""
        if note != self.note:
            self.note = note
            self.refresh()

    def render_line(self, y: int) -> Strip:
        width = self.size.width
        note = Span(f" {fmt.cut(fmt.clean(self.note), 40)} " if self.note else "", "muted")
        room = width - fmt.cell_len(note.text)
        if spans_width(self._spans) + 1 > room:
            note, room = Span(""), width
        return self.strip([*crop([Span(" "), *self._spans], 0, room, mark=False), note], width)

    def on_click(self, event: events.Click) -> None:
        for start, stop, key in self._places:
            if start <= event.x < stop:
                self.app.simulate_key(key)
