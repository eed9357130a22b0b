"""What the screens that show one thing have in common: header, panes by number, keys, and the way back."""

from __future__ import annotations

from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import Screen

from sage_tui.dashboard.base.deck import Deck
from sage_tui.dashboard.base.pane import Pane
from sage_tui.dashboard.messages import PaneChosen
from sage_tui.dashboard.widgets.header import Banner, Header
from sage_tui.dashboard.widgets.keys import KeyBar
from sage_tui.dashboard.widgets.timeline import Timeline
from sage_tui.state.views import SessionView


class DeckScreen(Screen[None]):
    """Escape goes back. Subclasses give the deck and fill in what they know of a view in `note_view`."""

    AUTO_FOCUS = None
    ESCAPE_TO_MINIMIZE = False
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "back", "Back", id="deck.back"),
        *(
            Binding(str(number), f"pane({number})", f"Pane {number}", show=False, id=f"deck.pane_{number}")
            for number in range(1, 10)
        ),
        Binding("tab", "next_pane(1)", "Next pane", show=False, id="deck.next"),
        Binding("shift+tab", "next_pane(-1)", "Previous pane", show=False, id="deck.previous"),
        Binding("z", "zoom", "Zoom", tooltip="Give this pane all the room, or restore the others", id="deck.zoom"),
    ]

    def __init__(self, deck: Deck) -> None:
        super().__init__()
        self.deck = deck
        self.view: SessionView | None = None
        self.header, self.banner, self.timeline = Header(), Banner(), Timeline()

    def compose(self) -> ComposeResult:
        yield self.header
        yield self.banner
        yield self.deck
        yield self.timeline
        yield KeyBar()

    def on_mount(self) -> None:
        self.deck.choose(self.deck.active)

    # --- what the feed brings --------------------------------------------------------------------------------------

    def show_view(self, view: SessionView, closing: bool = False) -> None:
        """Show this session in whatever can be seen."""
        self.view = view
        self.header.closing = closing
        self.header.show_view(view)
        self.banner.show_view(view)
        self.timeline.show_view(view)
        self.note_view(view)
        for pane in self.deck.panes.values():
            pane.note_run(view)
        self.show_again()

    def note_view(self, view: SessionView) -> None:
        """Take from the view what the panes need; called before they are shown."""

    def show_again(self) -> None:
        """Fill the panes that are on the screen now."""
        if self.view is not None:
            for pane in self.deck.shown():
                pane.show_view(self.view)

    # --- keys and messages -----------------------------------------------------------------------------------------

    def action_pane(self, number: int) -> None:
        """Go to a pane by its number."""
        names = list(self.deck.panes)
        if number <= len(names):
            self._choose(names[number - 1])

    def action_next_pane(self, by: int) -> None:
        """Go to the next pane, or the one before."""
        names = list(self.deck.panes)
        self._choose(names[(names.index(self.deck.active) + by) % len(names)])

    def _choose(self, name: str) -> None:
        if self.view is not None:
            self.deck.panes[name].show_view(self.view)  # the next key may be for what it shows
        self.deck.choose(name)
        self.call_after_refresh(self.show_again)

    def action_zoom(self) -> None:
        """Give the active pane all the room, or restore the others."""
        self.deck.zoom()
        self.call_after_refresh(self.show_again)

    def action_back(self) -> None:
        """Go back to where one came from."""
        self.dismiss()

    def on_resize(self, event: events.Resize) -> None:
        self.call_after_refresh(self.show_again)

    def on_pane_chosen(self, event: PaneChosen) -> None:
        event.stop()
        self._choose(event.pane)

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        pane = next((node for node in event.widget.ancestors_with_self if isinstance(node, Pane)), None)
        if pane is not None and pane.pane in self.deck.panes:
            self.deck.used(pane.pane)
