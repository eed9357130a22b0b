"""The main screen: everything about the run at once."""

from __future__ import annotations

from pathlib import PurePath
from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import Screen
from textual.widgets import Input

from sage_runtime.events import Input as InputLine
from sage_tui.dashboard.base.board import Board
from sage_tui.dashboard.base.main_layout import PANES, PreferredSizes
from sage_tui.dashboard.base.pane import Pane
from sage_tui.dashboard.compare.baselines import Baselines
from sage_tui.dashboard.log.output_panes import LogPane, OutputPane
from sage_tui.dashboard.log.run_lines import RunLinesFinder
from sage_tui.dashboard.log.source_colours import SourceColours
from sage_tui.dashboard.messages import OperatorSelected, PaneChosen
from sage_tui.dashboard.widgets.call_pane import CallsPane
from sage_tui.dashboard.widgets.failure_pane import FailuresPane, failures_of
from sage_tui.dashboard.widgets.graph_pane import GraphPane
from sage_tui.dashboard.widgets.header import Banner, Header
from sage_tui.dashboard.widgets.keys import KeyBar
from sage_tui.dashboard.widgets.operator_table import OperatorsPane, operator_rows
from sage_tui.dashboard.widgets.prompt import Prompt
from sage_tui.dashboard.widgets.timeline import Timeline
from sage_tui.session.protocol import SessionLike
from sage_tui.state import format as fmt
from sage_tui.state.views import SessionView


class MainScreen(Screen[None]):
    """Header, panes, a line for input, keys."""

    AUTO_FOCUS = None
    ESCAPE_TO_MINIMIZE = False

    BINDINGS: ClassVar[list[BindingType]] = [
        *(
            Binding(str(number), f"pane('{name}')", name.capitalize(), show=False, id=f"pane.{name}")
            for number, name in enumerate(PANES, start=1)
        ),
        Binding("tab", "next_pane(1)", "Next pane", show=False, id="pane.next"),
        Binding("shift+tab", "next_pane(-1)", "Previous pane", show=False, id="pane.previous"),
        Binding("z", "zoom", "Zoom", tooltip="Give this pane all the room, or restore the others", id="pane.zoom"),
    ]

    def __init__(
        self, session: SessionLike, finder: RunLinesFinder, colours: SourceColours, baselines: Baselines
    ) -> None:
        super().__init__()
        self._session = session
        self._colours = colours
        self._view: SessionView | None = None
        self.graph = GraphPane()
        self.operators = OperatorsPane(baselines)
        self.calls = CallsPane(colours, finder, baselines)
        self.board = Board(
            [
                self.graph,
                self.operators,
                OutputPane(colours, finder),
                self.calls,
                LogPane(colours, finder),
                FailuresPane(colours),
            ]
        )
        self.header = Header()
        self.banner = Banner()
        self.prompt = Prompt()
        self.timeline = Timeline()
        self.keys = KeyBar()

    def compose(self) -> ComposeResult:
        yield self.header
        yield self.banner
        yield self.board
        yield self.prompt
        yield self.timeline
        yield self.keys

    def on_mount(self) -> None:
        self.board.choose("output")

    # --- what the feed brings --------------------------------------------------------------------------------------

    def show_view(self, view: SessionView, closing: bool = False) -> None:
        """Show this session in whatever can be seen."""
        self._view = view
        self._colours.learn(view.shown)
        self.header.closing = closing
        self.header.show_view(view)
        self.banner.show_view(view)
        self.prompt.show_view(view)
        self.timeline.show_view(view)
        failures = view.shown.errors or sum(failed.group.count for failed in failures_of(view))  # as the header has it
        self.board.set_badge("failures", f"({fmt.count(failures)})" if failures else "")
        self.board.want(
            PreferredSizes(
                self.graph.graph.wanted_rows(view.shown, max(8, self.size.height // 2 - 2)) + 2,
                len(operator_rows(view.shown)) + 3,
                self.graph.graph.operators_for_a_table(view.shown) > 0,
            )
        )
        self.board.prefer(lower_pane(view))
        for pane in self.board.panes.values():
            pane.note_run(view)
        for pane in self.board.shown():
            pane.show_view(view)
        self.keys.set_note(watching(view))

    def show_again(self) -> None:
        """Other panes are on the screen now: fill them."""
        if self._view is not None:
            for pane in self.board.shown():
                pane.show_view(self._view)

    # --- keys and messages -----------------------------------------------------------------------------------------

    def action_pane(self, name: str) -> None:
        """Go to a pane; to the other half of the service calls if it is there already."""
        if name == "calls" and self.board.active == "calls" and self.calls.has_focus_within:
            self.calls.action_switch()
            return
        if self._view is not None:
            self.board.panes[name].show_view(self._view)  # the next key may be for what it shows
        self.board.choose(name)
        self.call_after_refresh(self.show_again)

    def action_next_pane(self, by: int) -> None:
        """Go to the next pane, or the one before."""
        index = PANES.index(self.board.active)
        self.action_pane(PANES[(index + by) % len(PANES)])

    def action_zoom(self) -> None:
        """Give the active pane all the room, or restore the others."""
        self.board.zoom()
        self.call_after_refresh(self.show_again)

    def on_resize(self, event: events.Resize) -> None:
        self.call_after_refresh(self.show_again)

    def on_pane_chosen(self, event: PaneChosen) -> None:
        event.stop()
        self.action_pane(event.pane)

    def on_operator_selected(self, event: OperatorSelected) -> None:
        event.stop()
        self.graph.graph.select(event.key)
        self.operators.table.select(event.key)

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        pane = next((node for node in event.widget.ancestors_with_self if isinstance(node, Pane)), None)
        if pane is not None and pane.pane != self.board.active:
            self.board.used(pane.pane)

    def on_prompt_appeared(self, event: Prompt.Appeared) -> None:
        event.stop()
        if not isinstance(self.focused, Input):
            self.prompt.take_keys()

    def on_prompt_answered(self, event: Prompt.Answered) -> None:
        event.stop()
        self._session.send(InputLine(event.line))
        self.board.choose(self.board.active)


def lower_pane(view: SessionView) -> str:
    """Which of the lower panes has something to say: service calls, else failures, else the log."""
    run = view.shown
    if not run.pipelines or any(pipeline.services for pipeline in run.pipelines):
        return "calls"
    return "failures" if failures_of(view) else "log" if run.lines.get("log") else "calls"


def watching(view: SessionView) -> str:
    """What the bottom line says at its right."""
    if not view.live:
        return f"replay of {PurePath(view.folder).name}"
    if view.watch_paused is not None:
        return "watching paused"
    return f"watching {view.watching} file{'s' if view.watching != 1 else ''}" if view.watching else ""
