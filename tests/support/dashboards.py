"""The dashboard over a scripted session, without a clock of its own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from support.showing import FakeSession
from support.waiting import SOON
from textual.events import Key
from textual.keys import _character_to_key
from textual.pilot import Pilot

from sage_tui.dashboard.app import SageApp
from sage_tui.dashboard.log.line_list import LineList
from sage_tui.dashboard.screens.main_screen import MainScreen


@dataclass
class Dashboard:
    """A running dashboard that shows a frame when the test asks for one."""

    app: SageApp
    pilot: Pilot[None]
    session: FakeSession

    @property
    def main(self) -> MainScreen:
        """The main screen, even under other screens."""
        screen = self.app.screen_stack[0]
        assert isinstance(screen, MainScreen)
        return screen

    async def frame(self) -> None:
        """One tick of the refresh loop, painted."""
        self.app.refresh_loop.tick()
        await self.settle()

    async def settle(self) -> None:
        """Let every message be handled and painted, without waiting for a clock."""
        for _ in range(3):
            await self.pilot.pause(0)

    async def press(self, *keys: str) -> None:
        """Press keys, each after the one before is handled, then show a frame."""
        for key in keys:
            name = key if len(key) > 1 or key.isalnum() else _character_to_key(key)
            self.app.post_message(Key(name, key if len(key) == 1 else None))
            await self.settle()
        await self.frame()

    async def closed(self) -> None:
        """Wait until the session is closed and the app knows it."""
        await asyncio.to_thread(self.session.closed.wait, SOON)
        await self.settle()

    def text(self) -> str:
        """What is on the screen, without styles."""
        compositor = self.app.screen._compositor
        return "\n".join(strip.text for strip in compositor.render_strips())

    def lines(self, pane: str) -> LineList:
        """The list of lines of a pane."""
        return self.main.grid.panes[pane].query_one(LineList)

    def visible(self, pane: str) -> list[str]:
        """The visible rows of a line pane, as drawn."""
        lines = self.lines(pane)
        return [lines.render_line(y).text.strip() for y in range(lines.size.height)]


@asynccontextmanager
async def open_dashboard(session: FakeSession, size: tuple[int, int] = (120, 36)) -> AsyncIterator[Dashboard]:
    """Open a dashboard on a session at a size and show one frame."""
    app = SageApp(session, interval=0)
    async with app.run_test(size=size, notifications=True) as pilot:
        shown = Dashboard(app, pilot, session)
        await shown.settle()
        await shown.frame()
        yield shown
