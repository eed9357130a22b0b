"""The lines around the panes: header, banner, the prompt for `input()`, and the keys."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import ClassVar, NamedTuple

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.message import Message
from textual.screen import Screen
from textual.strip import Strip
from textual.widgets import Input, Label

from sage_tui.dashboard.base.indicators import ENDED, PHASES, cause_of
from sage_tui.dashboard.base.strips import LineWidget, Span, crop, spans_width
from sage_tui.state import format as fmt
from sage_tui.state.bottleneck import slowest_operator, time_needed
from sage_tui.state.views import RunView, SessionView


def state_words(view: SessionView, closing: bool = False) -> Span:
    """`● RUNNING`: glyph, word and look of the run's state."""
    run = view.current
    if closing:
        return Span("○ STOPPING…", "warn")
    if view.reloading:
        return Span("○ RELOADING", "accent")
    glyph, look = PHASES.get(run.phase, ("○", "muted"))
    word = run.phase.upper()
    if run.phase == "failed" and run.signal:
        word = f"KILLED ({fmt.clean(run.signal)})"
    elif view.live and run.phase == "running" and _only_waits(run):
        glyph, word, look = "?", "WAITING FOR INPUT", "warn"
    elif run.phase == "paused" and run.in_flight:
        word = f"PAUSED, {fmt.count(run.in_flight)} in flight"
    elif not view.live and run.phase == "running":
        word = "REPLAY"
    if view.held:
        return Span(f"‖ DISPLAY FROZEN, {word.lower()}", "warn")
    return Span(f"{glyph} {word}", look)


def _only_waits(run: RunView) -> bool:
    """Whether the script waits in `input()` and no pipeline runs meanwhile."""
    return run.prompt is not None and all(pipeline.status != "running" for pipeline in run.pipelines)


def header_spans(view: SessionView, width: int, closing: bool = False) -> list[Span]:
    """The header line in `width` cells; the least important parts are left out if there is no room."""
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
    """After the run: the operator that took the most time."""
    slowest = [one for one in map(slowest_operator, run.pipelines) if one is not None]
    if not slowest:
        return []
    operator = max(slowest, key=time_needed)
    name, p95 = fmt.clean(operator.name), f" (p95 {fmt.duration(operator.latency.p95)})"
    return [(6, (Span("slowest ", "muted"), Span(name), Span(p95, "muted")))]


def _fit(parts: Sequence[tuple[int, Sequence[Span]]], width: int) -> list[Span]:
    """The parts that fit, with two or three spaces between them; the highest ranks are left out first."""
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


class BannerText(NamedTuple):
    """What needs attention, and the hint what to do, which is never cut."""

    text: str
    hint: str
    look: str


def banner(view: SessionView) -> BannerText | None:
    """The most urgent thing that needs attention; None if there is nothing."""
    run = view.current
    if view.replay is not None and view.replay.damage:
        more = f"   (and {len(view.replay.damage) - 1} more)" if len(view.replay.damage) > 1 else ""
        return BannerText(f"! {fmt.clean(view.replay.damage[0])}", more, "warn")
    if view.reload_error is not None:
        error = view.reload_error
        place = fmt.clean(PurePath(error.file).name) + (f":{error.line}" if error.line else "")
        ended = "the old run continues" if run.phase not in ENDED else "not started"
        return BannerText(f"✗ {place}  {fmt.clean(error.message)}", f"   ({ended}; save again)", "bad")
    if run.phase == "failed":
        return _failed(view, run)
    if view.watch_paused is not None:
        return BannerText(f"! watching is paused: {fmt.clean(view.watch_paused)}", "", "warn")
    return None


def _failed(view: SessionView, run: RunView) -> BannerText:
    again = "r runs it again" if view.live else "end of the recording"
    shown = f", showing run {view.shown.run}" if view.shown.run != run.run else ""
    if run.signal:
        return BannerText(f"✗ worker killed by {fmt.clean(run.signal)}{shown}", f"   ({again})", "bad")
    cause = cause_of(run)
    if cause is not None:
        place = f" at {cause.place}" if cause.place else ""
        return BannerText(f"✗ run {run.run} failed{place}: {cause.words}", f"{shown}   (6 why, {again})", "bad")
    status = f" with exit status {run.exit_code}" if run.exit_code else ""
    return BannerText(f"✗ run {run.run} failed{status}{shown}", f"   ({again})", "bad")


class Header(LineWidget):
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


class Banner(LineWidget):
    """A line that is there only while it has something to say."""

    def __init__(self) -> None:
        super().__init__(widget_id="banner")
        self._urgent: BannerText | None = None
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


class Prompt(Horizontal):
    """Shown while the script waits in `input()`."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+d", "end", "End of input", show=True, priority=True, id="prompt.end"),
    ]

    @dataclass
    class Answered(Message):
        """A line for the script, or None for the end of its input."""

        line: str | None

    @dataclass
    class Appeared(Message):
        """The script has begun to wait."""

    def __init__(self) -> None:
        super().__init__(id="prompt")
        self.display = False
        self._asked = (0, 0)
        self._answered = (0, 0)

    def compose(self) -> ComposeResult:
        yield Label("", markup=False)
        yield Input(compact=True)

    def show_view(self, view: SessionView) -> None:
        """Show the prompt if the script waits and has not been answered yet."""
        run = view.current
        asked = (run.run, run.prompts)
        asking = view.live and run.prompt is not None and asked != self._answered
        if asking and asked != self._asked:
            self._asked = asked
            text = fmt.cut(fmt.clean(run.prompt or ""), max(10, self.screen.size.width // 2))
            self.query_one(Label).update(f" ? {text.rstrip() or 'input'} ")
            self.query_one(Input).value = ""
            self.display = True
            self.post_message(self.Appeared())
        elif not asking and self.display:
            self.display = False

    def take_keys(self) -> None:
        self.query_one(Input).focus()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self._answer(event.value)

    def action_end(self) -> None:
        """Tell the script that there is no more input."""
        self._answer(None)

    def _answer(self, line: str | None) -> None:
        self._answered = self._asked
        self.display = False
        self.post_message(self.Answered(line))


_ALWAYS = ("help", "quit")
"""Actions whose keys are always shown."""


class KeyBar(LineWidget):
    """Shows the bindings with `show`; a click on one presses its key.

    Textual's footer creates a widget for each key whenever the focus moves; this draws one line.
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
            return  # its screen has been closed
        shown = [
            (binding.key, self.app.get_key_display(binding), f" {binding.description}", binding.action in _ALWAYS)
            for _, binding, enabled, _ in self.screen.active_bindings.values()
            if binding.show and enabled
        ]

        def width(gap: int) -> int:
            return 1 + sum(fmt.cell_len(display + words) + gap for _, display, words, _ in shown)

        while width(1) > self.size.width + 1 and any(not always for *_, always in shown):
            shown.remove([key for key in shown if not key[-1]][-1])  # don't cut words
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
        """Set the note at the right, which is left out if the keys need the room."""
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
