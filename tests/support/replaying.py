"""A session that replays a test's script."""

from __future__ import annotations

from typing import Any

from support.showing import NOON, FakeSession, misbehaving_session

from sage_runtime.events import replace
from sage_tui.state.views import ReplayView


class FakeReplay(FakeSession):
    """Notes its commands, and seeks where it is told."""

    def play(self) -> None:
        self.done.append("play")
        self.replaying(playing=True)

    def hold(self) -> None:
        self.done.append("hold")
        self.replaying(playing=False)

    def set_speed(self, speed: float) -> None:
        self.done.append(("speed", speed))
        self.replaying(speed=speed)

    def seek(self, moment: float) -> None:
        self.done.append(("seek", round(moment - NOON, 3)))
        self.replaying(moment=moment)

    def choose_run(self, run: int) -> None:
        self.done.append(("run", run))

    def replaying(self, **changes: Any) -> None:
        """Move the replay."""
        assert self.view.replay is not None
        self.view = replace(self.view, replay=replace(self.view.replay, **changes))


def replay_session(**fields: Any) -> FakeReplay:
    """The misbehaving run in the middle of its replay."""
    shown = misbehaving_session()
    replay = ReplayView(
        begin=NOON, end=NOON + 100, moment=NOON + 40, runs=(2, 3, 4), marks=(NOON + 10, NOON + 70, NOON + 71)
    )
    session = FakeReplay(replace(shown.view, live=False, watching=0, replay=replace(replay, **fields)))
    session.channels = shown.channels
    return session
