"""The keys that move through a recording, and what they do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.binding import Binding, BindingType

from sage_tui.session.protocol import Playable
from sage_tui.state import format as fmt

if TYPE_CHECKING:
    from sage_tui.dashboard.widgets.timeline import Timeline
    from sage_tui.session.protocol import SessionLike
    from sage_tui.state.views import ReplayView, SessionView

SPEEDS = (1.0, 2.0, 5.0, 20.0)

STEPS = 40
"""How many times the seeking key is pressed from the beginning to the end of a run."""

REPLAY_BINDINGS: tuple[BindingType, ...] = (
    Binding("space", "replay_play", "Play", tooltip="Go on from here, or from the beginning", id="replay.play"),
    Binding("space", "replay_hold", "Hold", tooltip="Stand still at this moment", id="replay.hold"),
    Binding("left_square_bracket", "replay_seek(-1)", "Back", key_display="[", id="replay.back"),
    Binding("right_square_bracket", "replay_seek(1)", "Forward", key_display="]", id="replay.forward"),
    Binding("less_than_sign", "replay_speed(-1)", "Slower", key_display="<", show=False, id="replay.slower"),
    Binding("greater_than_sign", "replay_speed(1)", "Faster", key_display=">", id="replay.faster"),
    Binding("0", "replay_start", "Start", show=False, id="replay.start"),
    Binding("dollar_sign", "replay_end", "End", key_display="$", show=False, id="replay.end"),
    Binding("comma", "replay_failure(-1)", "Failure before", show=False, id="replay.failure_before"),
    Binding("full_stop", "replay_failure(1)", "Next failure", show=False, id="replay.failure_next"),
    Binding("left_curly_bracket", "replay_run(-1)", "Run before", key_display="{", show=False, id="replay.run_before"),
    Binding("right_curly_bracket", "replay_run(1)", "Next run", key_display="}", show=False, id="replay.run_next"),
)


class ReplayKeys:
    """A part of the app: the actions of `REPLAY_BINDINGS`, and what a click on the time line does."""

    session: SessionLike
    view: SessionView | None

    _skips = 0

    def tell_skipped(self, view: SessionView) -> str:
        """What to say of time that was left out since the last view; empty if none was."""
        skips = 0 if view.replay is None else view.replay.skips
        told, self._skips = self._skips, skips
        if view.replay is None or skips <= told:
            return ""
        return f"Nothing for {fmt.duration(view.replay.skipped)}: skipped"

    def _replayed(self) -> tuple[Playable, ReplayView] | None:
        """What is moved through, and where it is now, not in the last frame; None for a live session."""
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
        """Go on from here."""
        if found := self._replayed():
            found[0].play()

    def action_replay_hold(self) -> None:
        """Stand still."""
        if found := self._replayed():
            found[0].hold()

    def action_replay_seek(self, by: int) -> None:
        """Go a step back or forward."""
        if found := self._replayed():
            playable, replay = found
            playable.seek(replay.moment + by * (replay.end - replay.begin) / STEPS)

    def action_replay_speed(self, by: int) -> None:
        """Play faster or slower."""
        if found := self._replayed():
            playable, replay = found
            at = SPEEDS.index(replay.speed) if replay.speed in SPEEDS else 0
            playable.set_speed(SPEEDS[max(0, min(len(SPEEDS) - 1, at + by))])

    def action_replay_start(self) -> None:
        """Go to the beginning of the run."""
        if found := self._replayed():
            found[0].seek(found[1].begin)

    def action_replay_end(self) -> None:
        """Go to the end of the run."""
        if found := self._replayed():
            found[0].seek(found[1].end)

    def action_replay_failure(self, by: int) -> None:
        """Go to the next failure, or the one before."""
        if found := self._replayed():
            playable, replay = found
            marks = [mark for mark in replay.marks if (mark > replay.moment if by > 0 else mark < replay.moment)]
            if marks:
                playable.seek(min(marks) if by > 0 else max(marks))

    def action_replay_run(self, by: int) -> None:
        """Choose the next run of the recording, or the one before."""
        found = self._replayed()
        if found is None or self.view is None:
            return
        runs, run = found[1].runs, self.view.shown.run
        at = (runs.index(run) if run in runs else 0) + by
        if 0 <= at < len(runs):
            found[0].choose_run(runs[at])

    def on_timeline_sought(self, event: Timeline.Sought) -> None:
        """A click on the line."""
        if found := self._replayed():
            found[0].seek(event.moment)

    def on_timeline_pressed(self, event: Timeline.Pressed) -> None:
        """A click beside the line."""
        found = self._replayed()
        if found is None:
            return
        playable, replay = found
        if event.action == "toggle":
            playable.hold() if replay.playing else playable.play()
        elif event.action == "speed":
            at = SPEEDS.index(replay.speed) if replay.speed in SPEEDS else 0
            playable.set_speed(SPEEDS[(at + 1) % len(SPEEDS)])
        elif self.view is not None and replay.runs:
            at = replay.runs.index(self.view.shown.run) if self.view.shown.run in replay.runs else 0
            playable.choose_run(replay.runs[(at + 1) % len(replay.runs)])
