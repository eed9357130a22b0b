"""The command palette: everything that the keys do, and every operator and service by name."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from textual.command import DiscoveryHit, Hit, Hits, Provider
from textual.content import Content

from sage_tui.dashboard.base.main_layout import PANES
from sage_tui.dashboard.messages import OperatorOpened, ServiceOpened
from sage_tui.dashboard.screens.main_screen import MainScreen
from sage_tui.state import format as fmt

if TYPE_CHECKING:
    from sage_tui.dashboard.app import SageApp


class Entry(NamedTuple):
    """A command: its title, what it does in a few words, and how."""

    title: str
    words: str
    run: Callable[[], object]


def entries(app: SageApp) -> Iterator[Entry]:
    """The commands that make sense now, the most wanted first."""
    view, screen = app.view, app.screen_stack[0]
    if view is None or view.live:
        yield Entry("Reload", "r: stop, and run the script again", app.action_reload)
        if view is not None and view.current.phase == "paused":
            yield Entry("Resume", "p: let the sources go on", app.action_resume)
            yield Entry("Step", "s: release one record", app.action_step)
        elif app.check_action("pause", ()):
            yield Entry("Pause", "p: hold the sources back", app.action_pause)
    if app.can_replay("replay_seek"):
        if app.can_replay("replay_play"):
            yield Entry("Play", "space: go on from here, or from the beginning", app.action_replay_play)
        else:
            yield Entry("Hold", "space: stand still at this moment", app.action_replay_hold)
        yield Entry("To the start", "0: the beginning of the run", app.action_replay_start)
        yield Entry("To the end", "$: the end of the run", app.action_replay_end)
    if isinstance(screen, MainScreen):
        for number, name in enumerate(PANES, start=1):
            label = screen.board.panes[name].label
            yield Entry(f"Go to {label}", f"{number}", partial(screen.action_pane, name))
        yield Entry("Zoom", "z: give the pane all the room, or restore the others", screen.action_zoom)
    yield Entry("Charts", "c: rates, latency and queues over time", app.action_charts)
    yield Entry("Runs", "v: all runs, what was edited, and whether it helped", app.action_runs)
    yield Entry("Theme", "change the colours", app.action_change_theme)
    yield Entry("Help", "?: what is where and which key does what", app.action_help)
    yield Entry("Screenshot", "save the screen as an SVG file", app.deliver_screenshot)
    leave = "stop the run and leave" if view is None or view.live else "leave"
    yield Entry("Quit", f"q: {leave}", app.action_quit)
    if view is not None:
        for pipeline in view.shown.pipelines:
            for operator in pipeline.operators:
                message = OperatorOpened(operator.key)
                yield Entry(f"Operator {fmt.clean(operator.id)}", fmt.clean(pipeline.id), partial(_post, app, message))
            for service in pipeline.services:
                opened = ServiceOpened(service.key)
                yield Entry(f"Service {fmt.clean(service.name)}", fmt.clean(pipeline.id), partial(_post, app, opened))


def _post(app: SageApp, message: OperatorOpened | ServiceOpened) -> None:
    app.post_message(message)


class Commands(Provider):
    """Finds commands by what is typed."""

    def _entries(self) -> Iterator[Entry]:
        from sage_tui.dashboard.app import SageApp

        if isinstance(self.app, SageApp):
            yield from entries(self.app)

    async def discover(self) -> Hits:
        for title, words, run in self._entries():
            yield DiscoveryHit(Content(title), run, text=title, help=words)

    async def search(self, query: str) -> Hits:
        matcher = self.matcher(query)
        for title, words, run in self._entries():
            score = matcher.match(title)
            if score > 0:
                yield Hit(score, matcher.highlight(title), run, text=title, help=words)
