"""The middle of the main screen: the panes, laid out by `arrangement.arrange`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from textual.geometry import NULL_OFFSET, NULL_SPACING, Region, Size
from textual.layout import ArrangeResult, Layout, WidgetPlacement
from textual.widget import Widget

from sage_tui.dashboard.base.main_layout import PANES, Arrangement, PreferredSizes, arrange
from sage_tui.dashboard.base.pane import Pane, Tab
from sage_tui.dashboard.base.strips import Frame

LOWER = ("calls", "log", "failures")
"""The panes below the others, of which mostly one is in front."""


class _BoardLayout(Layout):
    """Places the panes that are shown; the others are nowhere."""

    name = "board"

    def arrange(self, parent: Widget, children: list[Widget], size: Size, greedy: bool = True) -> ArrangeResult:
        parent.pre_layout(self)
        assert isinstance(parent, Board)
        boxes = parent.arranged(size).boxes
        return [
            WidgetPlacement(Region(*boxes[child.pane]), NULL_OFFSET, NULL_SPACING, child)
            for child in children
            if isinstance(child, Pane) and child.pane in boxes
        ]


class Board(Frame):
    """Holds all panes and knows which are shown, in front and zoomed."""

    DEFAULT_CSS = "Board { width: 1fr; height: 1fr; }"

    def __init__(self, panes: Sequence[Pane]) -> None:
        super().__init__(*panes, id="board")
        self.panes: Mapping[str, Pane] = {pane.pane: pane for pane in panes}
        self.recent: list[str] = ["output", "calls", "pipeline", "operators", "log", "failures"]
        self._touched = False
        self.wanted = PreferredSizes()
        self.zoomed = False
        self.badges: dict[str, str] = {}
        self._arrangement = arrange(80, 22, self.recent)
        self._board_layout = _BoardLayout()

    @property
    def layout(self) -> Layout:
        return self._board_layout

    def arranged(self, size: Size) -> Arrangement:
        """The arrangement at a size; names the panes as a side effect."""
        self._arrangement = arrange(size.width, size.height, self.recent, self.wanted, self.zoomed)
        self._name_panes()
        return self._arrangement

    def _name_panes(self) -> None:
        for name, members in self._arrangement.tabs.items():
            tabs = [
                Tab(member, self.panes[member].label, self.panes[member].short, self.badges.get(member, ""))
                for member in members
            ]
            if self.zoomed:
                tabs = [tab for tab in tabs if tab.pane == name]
            self.panes[name].set_tabs(tabs)

    def shown(self) -> list[Pane]:
        """The panes on the screen."""
        return [self.panes[name] for name in PANES if name in self._arrangement.boxes]

    @property
    def active(self) -> str:
        """The pane that was used last."""
        return self.recent[0]

    def choose(self, name: str) -> None:
        """Bring a pane to the front and give it the keys."""
        self._touched = self._touched or name in LOWER
        self.recent = [name, *(other for other in self.recent if other != name)]
        if name not in self._arrangement.boxes:
            self._lay_out()
        self.panes[name].focus_main()

    def prefer(self, name: str) -> None:
        """Have one of the lower panes in front of the others until somebody has used one of them."""
        order = (name, *(other for other in LOWER if other != name))
        if self._touched or [other for other in self.recent if other in LOWER] == list(order):
            return
        self.recent = [*(other for other in self.recent if other not in LOWER), *order]
        self._lay_out()

    def used(self, name: str) -> None:
        """A pane got the focus by the mouse."""
        self._touched = self._touched or name in LOWER
        self.recent = [name, *(other for other in self.recent if other != name)]

    def zoom(self) -> None:
        """Give the active pane all the room, or restore the others."""
        self.zoomed = not self.zoomed
        self._lay_out()

    def want(self, wanted: PreferredSizes) -> None:
        """The graph or the table needs another height now."""
        if wanted != self.wanted:
            if wanted.crowded and not self.wanted.crowded and self.active != "pipeline":
                self.recent.remove("operators")
                self.recent.insert(self.recent.index("pipeline"), "operators")
            self.wanted = wanted
            self._lay_out()

    def _lay_out(self) -> None:
        """Have the panes laid out anew; a child's request makes Textual forget the last arrangement."""
        self.panes[self.active].refresh(layout=True)

    def set_badge(self, name: str, badge: str) -> None:
        """A count beside a pane's name."""
        if self.badges.get(name, "") != badge:
            self.badges[name] = badge
            self._name_panes()
