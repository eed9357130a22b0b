"""A sheet of terminal cells on which lines meet: each cell knows the directions in which lines leave it."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

Cell = tuple[int, int]
"""Column and row."""

NORTH, EAST, SOUTH, WEST = 1, 2, 4, 8
_SOLID = " │─╰│││├─╯─┴╮┤┬┼"
_SOLID = _SOLID[:6] + "╭" + _SOLID[7:]
_UPRIGHT, _LEVEL = NORTH | SOUTH, EAST | WEST


class Canvas:
    """Solid lines, dotted lines and signs on top of them. Crossing solid lines merge; dotted ones pass."""

    def __init__(self) -> None:
        self.solid: dict[Cell, int] = {}
        self.dotted: dict[Cell, dict[str, int]] = {}
        self.signs: dict[Cell, str] = {}

    def draw(self, points: Sequence[Cell], dotted: str | None = None) -> tuple[Cell, ...]:
        """Draw a line through points, each in the row or column of the one before.

        `dotted` names whose dotted line it is: those of one owner join where they meet.

        Returns:
            The cells of the line in order.
        """
        cells = [points[0]]
        for begin, end in pairwise(points):
            if begin != end:
                way = _between(begin, end)
                self._mark(way, *_directions(begin, end), dotted)
                cells += way[1:]
        return tuple(cells)

    def _mark(self, way: Sequence[Cell], out: int, back: int, dotted: str | None) -> None:
        """Note a straight line: it leaves its first cell towards `out`, and its last one, looking `back`."""
        masks = [out, *[out | back] * (len(way) - 2), back]
        if dotted is None:
            solid = self.solid
            for cell, mask in zip(way, masks, strict=True):
                solid[cell] = solid.get(cell, 0) | mask
            return
        for cell, mask in zip(way, masks, strict=True):
            owners = self.dotted.setdefault(cell, {})
            owners[dotted] = owners.get(dotted, 0) | mask

    def box(self, x: int, y: int, width: int, height: int) -> tuple[Cell, ...]:
        """Draw a frame; returns its cells."""
        right, bottom = x + width - 1, y + height - 1
        return tuple(dict.fromkeys(self.draw([(x, y), (right, y), (right, bottom), (x, bottom), (x, y)])))

    def sign(self, cell: Cell, sign: str) -> None:
        """Put a character over whatever lines are there."""
        self.signs[cell] = sign

    def characters(self) -> dict[Cell, str]:
        """The character of every cell that something is drawn on."""
        cells = {cell: self._character(cell) for cell in self.solid.keys() | self.dotted.keys()}
        cells.update(self.signs)
        return cells

    def _character(self, cell: Cell) -> str:
        solid = self.solid.get(cell, 0)
        dotted = self.dotted.get(cell)
        if dotted is None:
            return _SOLID[solid]
        together = 0
        for mask in dotted.values():
            together |= mask
        if solid:  # dotted lines pass below a straight solid one, and join it where they begin or end
            passing = all(mask in (_UPRIGHT, _LEVEL) for mask in dotted.values())
            return _SOLID[solid if passing and solid in (_UPRIGHT, _LEVEL) else solid | together]
        straight = all(not mask & _UPRIGHT or not mask & _LEVEL for mask in dotted.values())
        if not straight:
            return _SOLID[together]
        return "┊" if together & _UPRIGHT else "┈"


def _directions(cell: Cell, following: Cell) -> tuple[int, int]:
    if following[0] != cell[0]:
        return (EAST, WEST) if following[0] > cell[0] else (WEST, EAST)
    return (SOUTH, NORTH) if following[1] > cell[1] else (NORTH, SOUTH)


def _between(begin: Cell, end: Cell) -> list[Cell]:
    """The cells from one to another in the same row or column, both included."""
    (x, y), (to_x, to_y) = begin, end
    if x != to_x:
        step = 1 if to_x > x else -1
        return [(column, y) for column in range(x, to_x + step, step)]
    step = 1 if to_y > y else -1
    return [(x, row) for row in range(y, to_y + step, step)]
