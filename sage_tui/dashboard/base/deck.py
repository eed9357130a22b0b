"""The panes of a screen that shows one thing: laid out by a function of the size, those that share a box as tabs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from textual.geometry import NULL_OFFSET, NULL_SPACING, Region, Size
from textual.layout import ArrangeResult, Layout, WidgetPlacement
from textual.widget import Widget

from sage_tui.dashboard.base.main_layout import Arrangement, Box, Groups, build
from sage_tui.dashboard.base.pane import Pane, Tab

Divide = Callable[[int, int], Groups]
"""Lays panes out in a width and a height; every pane is in exactly one group."""


@dataclass(frozen=True, slots=True)
class NumberedTab(Tab):
    """A tab that says which number goes there."""

    number: int = 0

    @property
    def key(self) -> str:
        """The number."""
        return str(self.number)


class _DeckLayout(Layout):
    """Places the panes that are shown; the others are nowhere."""

    name = "deck"

    def arrange(self, parent: Widget, children: list[Widget], size: Size, greedy: bool = True) -> ArrangeResult:
        parent.pre_layout(self)
        assert isinstance(parent, Deck)
        boxes = parent.arranged(size).boxes
        return [
            WidgetPlacement(Region(*boxes[child.pane]), NULL_OFFSET, NULL_SPACING, child)
            for child in children
            if isinstance(child, Pane) and child.pane in boxes
        ]


class Deck(Widget):
    """Holds the panes, in the order of their numbers, and knows which are shown, in front and zoomed."""

    DEFAULT_CSS = "Deck { width: 1fr; height: 1fr; }"

    def __init__(self, panes: Sequence[Pane], divide: Divide, first: str) -> None:
        super().__init__(*panes)
        self.panes: Mapping[str, Pane] = {pane.pane: pane for pane in panes}
        self.recent = [first, *(pane.pane for pane in panes if pane.pane != first)]
        self.zoomed = False
        self.badges: dict[str, str] = {}
        self.labels: dict[str, str] = {}
        self._divide = divide
        self._arrangement = build(divide(80, 22), self.recent)
        self._deck_layout = _DeckLayout()

    @property
    def layout(self) -> Layout:
        return self._deck_layout

    def arranged(self, size: Size) -> Arrangement:
        """The arrangement at a size; names the panes as a side effect."""
        groups = self._divide(size.width, size.height)
        if self.zoomed:
            groups = [(tuple(self.panes), Box(0, 0, size.width, size.height))]
        self._arrangement = build(groups, self.recent)
        self._name_panes()
        return self._arrangement

    def _name_panes(self) -> None:
        order = list(self.panes)
        for name, members in self._arrangement.tabs.items():
            tabs = [self._tab(member, order.index(member) + 1) for member in members]
            self.panes[name].set_tabs([tab for tab in tabs if tab.pane == name] if self.zoomed else tabs)

    def _tab(self, name: str, number: int) -> Tab:
        pane = self.panes[name]
        label = self.labels.get(name, pane.label)
        return NumberedTab(name, label, pane.short, self.badges.get(name, ""), number=number)

    def shown(self) -> list[Pane]:
        """The panes on the screen."""
        return [pane for name, pane in self.panes.items() if name in self._arrangement.boxes]

    @property
    def active(self) -> str:
        """The pane that was used last."""
        return self.recent[0]

    def choose(self, name: str) -> None:
        """Bring a pane to the front and give it the keys."""
        self.used(name)
        if name not in self._arrangement.boxes:
            self.lay_out()
        self.panes[name].focus_main()

    def used(self, name: str) -> None:
        """A pane got the focus."""
        self.recent = [name, *(other for other in self.recent if other != name)]

    def zoom(self) -> None:
        """Give the active pane all the room, or restore the others."""
        self.zoomed = not self.zoomed
        self.lay_out()

    def lay_out(self) -> None:
        """Have the panes laid out anew; a child's request makes Textual forget the last arrangement."""
        self.panes[self.active].refresh(layout=True)

    def set_label(self, name: str, label: str) -> None:
        """Another name for a pane, such as that of the thing it shows."""
        if self.labels.get(name) != label:
            self.labels[name] = label
            self._name_panes()

    def set_badge(self, name: str, badge: str) -> None:
        """A count beside a pane's name."""
        if self.badges.get(name, "") != badge:
            self.badges[name] = badge
            self._name_panes()
