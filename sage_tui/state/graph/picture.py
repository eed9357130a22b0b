"""What a drawing of a graph is made of: a canvas on which lines meet, nodes, lines, and the characters of all cells."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Literal

from sage_tui.state.format import cell_len, cut

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


Style = Literal["boxes", "snug", "tight", "compact"]
"""Boxes with air, boxes closer together, boxes as small as can be, or one row for each operator."""

NodeKind = Literal["operator", "service", "pipeline"]
LineKind = Literal["edge", "feedback", "call"]


@dataclass(frozen=True, slots=True)
class GraphNode:
    """An operator, a service or a pipeline's title: `width` × `height` cells, the first of them at `x`, `y`.

    The name goes in the `text_…` cells, a few numbers in the `numbers_…` cells: below the name, or beside it in the
    compact picture; a title has no room for numbers. `mark` is the cell of its sign (◇, ●, ▶, ■), which the picture
    draws; `frame` are the cells of its border, the joints included.
    """

    key: str
    kind: NodeKind
    name: str
    x: int
    y: int
    width: int
    height: int
    text_x: int
    text_y: int
    text_width: int
    numbers_x: int = 0
    numbers_y: int = 0
    numbers_width: int = 0
    mark: Cell | None = None
    frame: tuple[Cell, ...] = ()


@dataclass(frozen=True, slots=True)
class GraphLine:
    """An edge, a feedback edge or the calls of a service: the cells it runs through, from source to target (keys)."""

    id: str
    kind: LineKind
    source: str
    target: str
    cells: tuple[Cell, ...]


@dataclass(frozen=True, slots=True)
class GraphLayout:
    """A drawing in `width` × `height` cells: `characters` holds all lines, borders and signs, but no text.

    A cell outside of `characters` and of the nodes' text is blank. To paint a line in another colour, paint the
    characters at its cells.
    """

    style: Style
    width: int
    height: int
    nodes: tuple[GraphNode, ...]
    lines: tuple[GraphLine, ...]
    characters: Mapping[Cell, str]
    kinds: Mapping[Cell, LineKind] = field(default_factory=dict)
    """What kind of line runs through a cell; `edge` where several do."""
    calls_drawn: bool = True
    """Whether there are lines from all services to their callers."""

    def node(self, key: str, kind: NodeKind = "operator") -> GraphNode | None:
        """The node of a key, if it is in the picture."""
        return next((node for node in self.nodes if node.key == key and node.kind == kind), None)

    def node_at(self, x: int, y: int) -> GraphNode | None:
        """The operator or service at a cell, for clicks."""
        for node in self.nodes:
            if node.kind != "pipeline" and node.x <= x < node.x + node.width and node.y <= y < node.y + node.height:
                return node
        return None

    def lines_of(self, node: GraphNode) -> tuple[GraphLine, ...]:
        """The lines that begin or end at a node."""
        if node.kind == "service":
            return tuple(line for line in self.lines if line.kind == "call" and node.key in (line.target, line.source))
        return tuple(
            line for line in self.lines if line.source == node.key or (line.target == node.key and line.kind != "call")
        )

    def rows(self) -> list[dict[int, str]]:
        """The characters row by row: column and character, ascending."""
        rows: list[dict[int, str]] = [{} for _ in range(self.height)]
        for x, y in sorted(self.characters):
            rows[y][x] = self.characters[x, y]
        return rows

    def picture(self, numbers: Mapping[str, str] | None = None) -> str:
        """The drawing as plain text, with the nodes' names and `numbers` by key: for tests and plain output."""
        rows = self.rows()
        for node in self.nodes:
            _write(rows[node.text_y], node.text_x, cut(node.name, node.text_width))
            text = (numbers or {}).get(node.key, "")
            _write(rows[node.numbers_y], node.numbers_x, cut(text, node.numbers_width))
        return "\n".join("".join(row.get(x, " ") for x in range(max(row, default=-1) + 1)).rstrip() for row in rows)

    def shifted(self, down: int) -> GraphLayout:
        """The same drawing, `down` rows further down."""
        if not down:
            return self

        def move(cells: tuple[Cell, ...]) -> tuple[Cell, ...]:
            return tuple((x, y + down) for x, y in cells)

        return replace(
            self,
            height=self.height + down,
            nodes=tuple(
                replace(
                    node,
                    y=node.y + down,
                    text_y=node.text_y + down,
                    numbers_y=node.numbers_y + down,
                    mark=None if node.mark is None else (node.mark[0], node.mark[1] + down),
                    frame=move(node.frame),
                )
                for node in self.nodes
            ),
            lines=tuple(replace(line, cells=move(line.cells)) for line in self.lines),
            characters={(x, y + down): character for (x, y), character in self.characters.items()},
            kinds={(x, y + down): kind for (x, y), kind in self.kinds.items()},
        )


def _write(row: dict[int, str], x: int, text: str) -> None:
    for character in text:
        row[x] = character
        if cell_len(character) == 2:
            row[x + 1] = ""
        x += cell_len(character)


def kinds_of(lines: tuple[GraphLine, ...]) -> dict[Cell, LineKind]:
    """What kind of line runs through each cell, streams before feedback before calls."""
    kinds: dict[Cell, LineKind] = {}
    for kind in ("call", "feedback", "edge"):
        for line in lines:
            if line.kind == kind:
                kinds.update(dict.fromkeys(line.cells, line.kind))
    return kinds


def stacked(parts: list[tuple[str, str, GraphLayout]], style: Style) -> GraphLayout:
    """Pipelines (key, name, drawing) one above the other; each has a title where there are several."""
    if len(parts) == 1:
        return parts[0][2]
    nodes: list[GraphNode] = []
    lines: list[GraphLine] = []
    characters: dict[Cell, str] = {}
    kinds: dict[Cell, LineKind] = {}
    width, top = 0, 0
    for key, name, part in parts:
        moved = part.shifted(top + 1)
        title = cell_len(name)
        nodes.append(GraphNode(key, "pipeline", name, 0, top, title, 1, 0, top, title))
        nodes += moved.nodes
        lines += moved.lines
        characters.update(moved.characters)
        kinds.update(moved.kinds)
        width = max(width, part.width, title)
        top = moved.height + 1
    drawn = all(part.calls_drawn for _, _, part in parts)
    return GraphLayout(style, width, max(0, top - 1), tuple(nodes), tuple(lines), characters, kinds, drawn)
