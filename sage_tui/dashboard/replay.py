"""Moving through a recording: the time line at the bottom of the screen, and the actions of its keys."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

from textual import events
from textual.app import App
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.strip import Strip

from sage_tui.dashboard.base.strips import LineWidget, Span, joined, spans_width
from sage_tui.session.protocol import Playable, SessionWithHistory
from sage_tui.state import format as fmt
from sage_tui.state.views import ReplayView, SessionView

LEAST_BAR = 8
"""The fewest cells that the bar gets; the words around it give way."""

SPEEDS = (1.0, 2.0, 5.0, 20.0)

STEPS = 40
"""How many presses of the seeking key lead from the beginning to the end of a run."""


class TimelinePart(NamedTuple):
    """A part of the time line; a click on it does `action` (`seek` for the bar)."""

    spans: Sequence[Span]
    action: str = ""


def timeline_parts(replay: ReplayView, run: int, width: int) -> list[TimelinePart]:
    """` ▶  00:12 ━━━━━●──✗── 01:40  2×  run 2 of 3` in `width` cells."""
    length = replay.end - replay.begin
    glyph = Span(" ‖ " if replay.playing else " ▶ ", "key")
    before = TimelinePart((glyph, Span(f"{fmt.elapsed(replay.moment - replay.begin)} ", "strong")), "toggle")
    behind = [TimelinePart((Span(f" {fmt.elapsed(length)}", "muted"),))]
    if replay.speed != 1 or width >= 72:
        speed = Span(f"  {replay.speed:g}×", "accent" if replay.speed != 1 else "muted")
        behind.append(TimelinePart((speed,), "speed"))
    if len(replay.runs) > 1:
        at = replay.runs.index(run) + 1 if run in replay.runs else 0
        words = f"  run {at} of {len(replay.runs)}" if width >= 72 else f"  {at}/{len(replay.runs)}"
        behind.append(TimelinePart((Span(words, "muted"),), "run"))
    behind.append(TimelinePart((Span(" "),)))
    room = width - sum(spans_width(part.spans) for part in (before, *behind))
    return [before, TimelinePart(bar(replay, max(LEAST_BAR, room)), "seek"), *behind]


def bar(replay: ReplayView, width: int) -> list[Span]:
    """The bar: the time before and after the current moment, and where there were failures."""
    here = cell_of(replay, replay.moment, width)
    cells = [Span("━", "good") if x < here else Span("─", "muted") for x in range(width)]
    for mark in replay.marks:
        cells[cell_of(replay, mark, width)] = Span("✗", "bad")
    cells[here] = Span("●", "key")
    return joined(cells)


def cell_of(replay: ReplayView, moment: float, width: int) -> int:
    """The cell of the bar at a moment."""
    length = replay.end - replay.begin
    share = (moment - replay.begin) / length if length > 0 else 1.0
    return max(0, min(width - 1, round(share * (width - 1))))


def moment_of(replay: ReplayView, x: int, width: int) -> float:
    """The moment at a cell of the bar."""
    share = max(0.0, min(1.0, x / max(1, width - 1)))
    return replay.begin + share * (replay.end - replay.begin)


class Timeline(LineWidget):
    """A line at the bottom while a recording is open; a click or a drag on it seeks."""

    DEFAULT_CSS: ClassVar[str] = "Timeline { height: 1; }"

    @dataclass
    class Sought(Message):
        """The bar was clicked or dragged to this moment."""

        moment: float

    @dataclass
    class Pressed(Message):
        """Another part was clicked: `toggle`, `speed` or `run`."""

        action: str

    def __init__(self) -> None:
        super().__init__(widget_id="timeline")
        self._replay: ReplayView | None = None
        self._run = 0
        self._parts: list[TimelinePart] = []
        self._dragging = False
        self.display = False

    def show_view(self, view: SessionView) -> None:
        """Show the position of the replay; hidden for a live session."""
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


REPLAY_BINDINGS: tuple[BindingType, ...] = (
    Binding("space", "replay_play", "Play", tooltip="Play on from here, or from the beginning", id="replay.play"),
    Binding("space", "replay_hold", "Hold", tooltip="Stop at this moment", id="replay.hold"),
    Binding("left_square_bracket", "replay_seek(-1)", "Back", key_display="[", id="replay.back"),
    Binding("right_square_bracket", "replay_seek(1)", "Forward", key_display="]", id="replay.forward"),
    Binding("less_than_sign", "replay_speed(-1)", "Slower", key_display="<", show=False, id="replay.slower"),
    Binding("greater_than_sign", "replay_speed(1)", "Faster", key_display=">", id="replay.faster"),
    Binding("0", "replay_start", "Start", show=False, id="replay.start"),
    Binding("dollar_sign", "replay_end", "End", key_display="$", show=False, id="replay.end"),
    Binding("comma", "replay_failure(-1)", "Previous failure", show=False, id="replay.failure_before"),
    Binding("full_stop", "replay_failure(1)", "Next failure", show=False, id="replay.failure_next"),
    Binding(
        "left_curly_bracket", "replay_run(-1)", "Previous run", key_display="{", show=False, id="replay.run_before"
    ),
    Binding("right_curly_bracket", "replay_run(1)", "Next run", key_display="}", show=False, id="replay.run_next"),
)


class ReplayActions(App[None]):
    """A part of the app: the actions of `REPLAY_BINDINGS` and of clicks on the time line."""

    session: SessionWithHistory
    view: SessionView | None

    _skips = 0

    def skipped_notice(self, view: SessionView) -> str:
        """The notice about time skipped since the last view; empty if none was."""
        skips = 0 if view.replay is None else view.replay.skips
        known, self._skips = self._skips, skips
        if view.replay is None or skips <= known:
            return ""
        return f"Nothing for {fmt.duration(view.replay.skipped)}: skipped"

    def _replayed(self) -> tuple[Playable, ReplayView] | None:
        """The recording and its position now, not that of the last frame; None for a live session."""
        if not isinstance(self.session, Playable):
            return None
        replay = self.session.snapshot().replay
        return None if replay is None else (self.session, replay)

    def can_replay(self, action: str) -> bool:
        """Whether an action of the replay makes sense now."""
        found = self._replayed()
        if found is None:
            return False
        playing = found[1].playing
        if action == "replay_play":
            return not playing
        return playing if action == "replay_hold" else True

    def action_replay_play(self) -> None:
        if found := self._replayed():
            found[0].play()

    def action_replay_hold(self) -> None:
        if found := self._replayed():
            found[0].hold()

    def action_replay_seek(self, by: int) -> None:
        if found := self._replayed():
            playable, replay = found
            playable.seek(replay.moment + by * (replay.end - replay.begin) / STEPS)

    def action_replay_speed(self, by: int) -> None:
        if found := self._replayed():
            found[0].set_speed(SPEEDS[max(0, min(len(SPEEDS) - 1, _speed_index(found[1]) + by))])

    def action_replay_start(self) -> None:
        if found := self._replayed():
            found[0].seek(found[1].begin)

    def action_replay_end(self) -> None:
        if found := self._replayed():
            found[0].seek(found[1].end)

    def action_replay_failure(self, by: int) -> None:
        if found := self._replayed():
            playable, replay = found
            marks = [mark for mark in replay.marks if (mark > replay.moment if by > 0 else mark < replay.moment)]
            if marks:
                playable.seek(min(marks) if by > 0 else max(marks))

    def action_replay_run(self, by: int) -> None:
        if (found := self._replayed()) and self.view is not None:
            runs, run = found[1].runs, self.view.shown.run
            at = (runs.index(run) if run in runs else 0) + by
            if 0 <= at < len(runs):
                found[0].choose_run(runs[at])

    def on_timeline_sought(self, event: Timeline.Sought) -> None:
        if found := self._replayed():
            found[0].seek(event.moment)

    def on_timeline_pressed(self, event: Timeline.Pressed) -> None:
        if not (found := self._replayed()):
            return
        playable, replay = found
        if event.action == "toggle":
            playable.hold() if replay.playing else playable.play()
        elif event.action == "speed":
            playable.set_speed(SPEEDS[(_speed_index(replay) + 1) % len(SPEEDS)])
        elif self.view is not None and replay.runs:
            at = replay.runs.index(self.view.shown.run) if self.view.shown.run in replay.runs else 0
            playable.choose_run(replay.runs[(at + 1) % len(replay.runs)])


def _speed_index(replay: ReplayView) -> int:
    return SPEEDS.index(replay.speed) if replay.speed in SPEEDS else 0
