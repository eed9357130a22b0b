"""What all screens have in common: header, panes by number, time line, keys."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import Screen
from textual.widget import Widget

from sage_tui.dashboard.base.grid import PaneGrid
from sage_tui.dashboard.base.pane import Pane
from sage_tui.dashboard.messages import PaneChosen
from sage_tui.dashboard.replay import Timeline
from sage_tui.dashboard.widgets.bars import Banner, Header, KeyBar
from sage_tui.state.views import SessionView


def pane_bindings(prefix: str) -> tuple[Binding, ...]:
    """The keys that go from pane to pane; `prefix` begins their names in the settings."""
    return (
        Binding("tab", "next_pane(1)", "Next pane", show=False, id=f"{prefix}.next"),
        Binding("shift+tab", "next_pane(-1)", "Previous pane", show=False, id=f"{prefix}.previous"),
        Binding("z", "zoom", "Zoom", tooltip="Give this pane all the room, or restore the others", id=f"{prefix}.zoom"),
    )


class PaneScreen(Screen[None]):
    """A screen of panes. Subclasses pass the panes what they need of a view in `note_view`."""

    AUTO_FOCUS = None
    ESCAPE_TO_MINIMIZE = False

    def __init__(self, grid: PaneGrid) -> None:
        super().__init__()
        self.grid = grid
        self.view: SessionView | None = None
        self.header, self.banner, self.timeline, self.keys = Header(), Banner(), Timeline(), KeyBar()

    def compose(self) -> ComposeResult:
        yield self.header
        yield self.banner
        yield self.grid
        yield from self.compose_below()
        yield self.timeline
        yield self.keys

    def compose_below(self) -> Iterable[Widget]:
        """Widgets between the panes and the time line."""
        return ()

    def on_mount(self) -> None:
        self.grid.choose(self.grid.active)

    def show_view(self, view: SessionView, closing: bool = False) -> None:
        """Show this session in everything that is on the screen."""
        self.view = view
        self.header.closing = closing
        self.header.show_view(view)
        self.banner.show_view(view)
        self.timeline.show_view(view)
        self.note_view(view)
        for pane in self.grid.panes.values():
            pane.note_run(view)
        self.show_panes()

    def note_view(self, view: SessionView) -> None:
        """Pass the panes what they need of a view; called before they show it."""

    def show_panes(self) -> None:
        """Fill the panes that are on the screen now."""
        if self.view is not None:
            for pane in self.grid.shown():
                pane.show_view(self.view)

    def choose_pane(self, name: str) -> None:
        if self.view is not None:
            self.grid.panes[name].show_view(self.view)  # the next key may be for what it shows
        self.grid.choose(name)
        self.call_after_refresh(self.show_panes)

    def action_pane(self, number: int) -> None:
        names = list(self.grid.panes)
        if number <= len(names):
            self.choose_pane(names[number - 1])

    def action_next_pane(self, by: int) -> None:
        names = list(self.grid.panes)
        self.choose_pane(names[(names.index(self.grid.active) + by) % len(names)])

    def action_zoom(self) -> None:
        self.grid.zoom()
        self.call_after_refresh(self.show_panes)

    def on_resize(self, event: events.Resize) -> None:
        self.call_after_refresh(self.show_panes)

    def on_pane_chosen(self, event: PaneChosen) -> None:
        event.stop()
        self.choose_pane(event.pane)

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        pane = next((node for node in event.widget.ancestors_with_self if isinstance(node, Pane)), None)
        if pane is not None and pane.pane in self.grid.panes and pane.pane != self.grid.active:
            self.grid.note_used(pane.pane)


class SubjectScreen(PaneScreen):
    """A screen about one subject, such as an operator, over the main one. Escape goes back."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "back", "Back", id="deck.back"),
        *(
            Binding(str(number), f"pane({number})", f"Pane {number}", show=False, id=f"deck.pane_{number}")
            for number in range(1, 10)
        ),
        *pane_bindings("deck"),
    ]

    def action_back(self) -> None:
        self.dismiss()
