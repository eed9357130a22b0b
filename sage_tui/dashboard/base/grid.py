"""Panes in a grid: a function of the size lays them out, and panes that share a box are its tabs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, TypeVar

from textual.geometry import NULL_OFFSET, NULL_SPACING, Region, Size
from textual.layout import ArrangeResult, Layout, WidgetPlacement
from textual.widget import Widget

from sage_tui.dashboard.base.pane import Pane, Tab
from sage_tui.dashboard.base.strips import CachedFrame

NARROW, WIDE = 72, 104
"""Under so many columns there is one pane at a time; from so many on, panes lie side by side."""

LOW, TALL = 18, 28
"""Under so many rows there is one pane at a time; from so many on, fewer panes share a box."""


PaneType = TypeVar("PaneType", bound=Pane)


class Box(NamedTuple):
    """A rectangle in cells."""

    x: int
    y: int
    width: int
    height: int


Groups = Sequence[tuple[tuple[str, ...], Box]]
"""Boxes, each with the panes that share it. Every pane is in exactly one group."""

Divide = Callable[[int, int], Groups]
"""Lays panes out in a width and a height."""


class Arrangement(NamedTuple):
    """The box of each pane that is shown, and the panes that share the box as tabs, the shown one included."""

    boxes: Mapping[str, Box]
    tabs: Mapping[str, tuple[str, ...]]


def arrange(groups: Groups, recent: Sequence[str]) -> Arrangement:
    """Put the most recently used pane of each group in front. `recent` holds the panes, the last used first."""
    boxes: dict[str, Box] = {}
    tabs: dict[str, tuple[str, ...]] = {}
    for members, box in groups:
        front = min(members, key=lambda name: recent.index(name) if name in recent else len(recent))
        boxes[front] = box
        tabs[front] = members
    return Arrangement(boxes, tabs)


class _GridLayout(Layout):
    """Places the panes that are shown."""

    name = "panes"

    def arrange(self, parent: Widget, children: list[Widget], size: Size, greedy: bool = True) -> ArrangeResult:
        parent.pre_layout(self)
        assert isinstance(parent, PaneGrid)
        boxes = parent.arranged(size).boxes
        return [
            WidgetPlacement(Region(*boxes[child.pane]), NULL_OFFSET, NULL_SPACING, child)
            for child in children
            if isinstance(child, Pane) and child.pane in boxes
        ]


class PaneGrid(CachedFrame):
    """Holds the panes in the order of their numbers and knows which are shown, in front and zoomed."""

    DEFAULT_CSS = "PaneGrid { width: 1fr; height: 1fr; }"

    def __init__(self, panes: Sequence[Pane], divide: Divide, first: str) -> None:
        super().__init__(*panes)
        self.panes: Mapping[str, Pane] = {pane.pane: pane for pane in panes}
        self.recent = [first, *(name for name in self.panes if name != first)]
        self.zoomed = False
        self.badges: dict[str, str] = {}
        self.labels: dict[str, str] = {}
        self._divide = divide
        self._arrangement = arrange(divide(80, 22), self.recent)
        self._grid_layout = _GridLayout()

    @property
    def layout(self) -> Layout:
        return self._grid_layout

    def arranged(self, size: Size) -> Arrangement:
        """The arrangement at a size. Sets the panes' titles as a side effect."""
        groups = self._divide(size.width, size.height)
        if self.zoomed:
            groups = [(tuple(self.panes), Box(0, 0, size.width, size.height))]
        self._arrangement = arrange(groups, self.recent)
        self._set_titles()
        return self._arrangement

    def _set_titles(self) -> None:
        numbers = {name: str(number) for number, name in enumerate(self.panes, start=1)}
        for name, members in self._arrangement.tabs.items():
            tabs = []
            for member in [name] if self.zoomed else members:
                pane = self.panes[member]
                label = self.labels.get(member, pane.label)
                tabs.append(Tab(member, label, pane.short, self.badges.get(member, ""), numbers[member]))
            self.panes[name].set_tabs(tabs)

    def find(self, kind: type[PaneType]) -> PaneType:
        return next(pane for pane in self.panes.values() if isinstance(pane, kind))

    def shown(self) -> list[Pane]:
        return [pane for name, pane in self.panes.items() if name in self._arrangement.boxes]

    @property
    def active(self) -> str:
        return self.recent[0]

    def choose(self, name: str) -> None:
        """Bring a pane to the front and give it the focus."""
        self.note_used(name)
        if name not in self._arrangement.boxes:
            self.rearrange()
        self.panes[name].focus_main()

    def note_used(self, name: str) -> None:
        """Note that a pane has got the focus."""
        self.recent = [name, *(other for other in self.recent if other != name)]

    def zoom(self) -> None:
        self.zoomed = not self.zoomed
        self.rearrange()

    def rearrange(self) -> None:
        """Arrange the panes again. Only a child's request makes Textual drop the last arrangement."""
        self.panes[self.active].refresh(layout=True)

    def set_label(self, name: str, label: str) -> None:
        """Give a pane another name, such as that of what it shows."""
        if self.labels.get(name) != label:
            self.labels[name] = label
            self._set_titles()

    def set_badge(self, name: str, badge: str) -> None:
        """Set the count beside a pane's name."""
        if self.badges.get(name, "") != badge:
            self.badges[name] = badge
            self._set_titles()
