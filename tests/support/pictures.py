"""Snapshots of screens that a message opens."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from support.showing import FakeSession, Size
from textual.message import Message
from textual.pilot import Pilot
from textual.strip import Strip

from sage_tui.dashboard.app import SageApp
from sage_tui.dashboard.log.line_list import LineList
from sage_tui.dashboard.screens.service_screen import ServiceCallsPane


def taken(
    snap_compare: Callable[..., bool],
    session: FakeSession,
    size: Size,
    keys: Sequence[str] = (),
    opening: Message | None = None,
) -> bool:
    """Whether the dashboard matches its snapshot after a message and some keys, once every search is complete."""

    async def prepare(pilot: Pilot[None]) -> None:
        app = pilot.app
        assert isinstance(app, SageApp)
        await pilot.pause()
        app.refresh_loop.tick()
        if opening is not None:
            app.post_message(opening)
        await pilot.pause()
        for key in keys:
            await pilot.press(key)
        await pilot.pause()
        while not searched(app):
            await pilot.pause()
        await app.workers.wait_for_complete()
        app.refresh_loop.tick()
        await drawn(pilot)

    app = SageApp(session, interval=0)
    app.animation_level = "none"
    return snap_compare(app, terminal_size=(size.width, size.height), run_before=prepare)


def searched(app: SageApp) -> bool:
    """Whether every search on the screen is complete."""
    scans = [lines.filter_scan for lines in app.screen.query(LineList)]
    scans += [pane.ranking for pane in app.screen.query(ServiceCallsPane)]
    return all(scan is None or scan.complete for scan in scans)


async def drawn(pilot: Pilot[None]) -> None:
    """Wait until the screen is stable: a resize may change the contents of another widget a moment later."""
    before: list[Strip] = []
    for _ in range(50):
        await pilot.pause()
        now = pilot.app.screen._compositor.render_strips()
        if now == before:
            return
        before = now
    raise AssertionError("the screen does not come to rest")
