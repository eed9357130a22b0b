"""Where each operator goes, column by column, and in which tracks the lines run between two columns."""

from __future__ import annotations

from bisect import bisect_right, insort
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from sage_tui.state.graph.topology import Edge, PipelineTopology, ranks, without_cycles

SWEEPS = 4


@dataclass(slots=True)
class Item:
    """An operator, or the place where a long line passes a column. `row` is where lines enter and leave it."""

    key: str
    rank: int
    real: bool
    part: int
    """The connected part of the graph that it belongs to; parts lie one above the other."""
    row: int = 0
    before: list[Item] = field(default_factory=list)
    after: list[Item] = field(default_factory=list)


@dataclass(slots=True)
class Layers:
    """The items of each column from top to bottom; `paths` says which items each forward edge passes."""

    columns: list[list[Item]]
    paths: dict[str, list[Item]]
    items: dict[str, Item]
    feedback: list[Edge]


def layers(pipeline: PipelineTopology) -> Layers:
    """Columns, order and connections of a pipeline's operators; heights are not decided yet."""
    names = [key for key, _ in pipeline.operators]
    forward, feedback = without_cycles(names, pipeline.edges)
    rank = ranks(names, forward)
    parts = _parts(names, pipeline.edges)
    columns: list[list[Item]] = [[] for _ in range(max(rank.values(), default=-1) + 1)]
    items: dict[str, Item] = {}
    for name in names:
        item = items[name] = Item(name, rank[name], True, parts[name])
        columns[item.rank].append(item)
    paths = {edge.id: _path(edge, items, columns) for edge in forward}
    for path in paths.values():
        for item, following in pairwise(path):
            if following not in item.after:
                item.after.append(following)
                following.before.append(item)
    _order(columns)
    return Layers(columns, paths, {item.key: item for column in columns for item in column}, feedback)


def _path(edge: Edge, items: dict[str, Item], columns: list[list[Item]]) -> list[Item]:
    """From source to target; the long lines of one source share their way as far as they go together."""
    source, target = items[edge.source], items[edge.target]
    path = [source]
    for rank in range(source.rank + 1, target.rank):
        key = f"{edge.source}\0{rank}"
        item = items.get(key)
        if item is None:
            item = items[key] = Item(key, rank, False, source.part)
            columns[rank].append(item)
        path.append(item)
    return [*path, target]


def _parts(names: Sequence[str], edges: Sequence[Edge]) -> dict[str, int]:
    """The number of each operator's connected part, in the order of their first operators."""
    neighbours: dict[str, list[str]] = {name: [] for name in names}
    for edge in edges:
        neighbours[edge.source].append(edge.target)
        neighbours[edge.target].append(edge.source)
    parts: dict[str, int] = {}
    for number, start in enumerate(names):
        if start in parts:
            continue
        parts[start] = number
        ready = [start]
        for name in ready:
            for other in neighbours[name]:
                if other not in parts:
                    parts[other] = number
                    ready.append(other)
    return parts


# --- order -----------------------------------------------------------------------------------------------------------


def _order(columns: list[list[Item]]) -> None:
    """Order each column by the middle of its neighbours, left to right and back, keeping what crosses least."""
    for column in columns:
        column.sort(key=lambda item: item.part)
    best, fewest = [list(column) for column in columns], _crossings(columns)
    for sweep in range(SWEEPS):
        if fewest == 0:
            break
        if sweep % 2 == 0:
            for left, column in pairwise(columns):
                _sort(column, left, lambda item: item.before)
        else:
            for right, column in zip(columns[::-1], columns[-2::-1], strict=False):
                _sort(column, right, lambda item: item.after)
        crossings = _crossings(columns)
        if crossings < fewest:
            best, fewest = [list(column) for column in columns], crossings
    columns[:] = best


def _sort(column: list[Item], fixed: list[Item], neighbours: Callable[[Item], list[Item]]) -> None:
    place = {id(item): i for i, item in enumerate(fixed)}
    scale = len(fixed) / max(1, len(column))
    middle: dict[int, float] = {}
    for i, item in enumerate(column):
        around = [place[id(other)] for other in neighbours(item)]
        middle[id(item)] = sum(around) / len(around) if around else i * scale
    column.sort(key=lambda item: (item.part, middle[id(item)]))


def _crossings(columns: list[list[Item]]) -> int:
    """How many pairs of lines cross, over all neighbouring columns."""
    total = 0
    for left, right in pairwise(columns):
        place = {id(item): i for i, item in enumerate(right)}
        seen: list[int] = []
        for item in left:
            ends = sorted(place[id(other)] for other in item.after)
            total += sum(len(seen) - bisect_right(seen, end) for end in ends)
            for end in ends:
                insort(seen, end)
    return total


# --- heights ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class LayerSpacing:
    """Rows that a real item needs above and below the row of its lines, and rows left free between items and parts."""

    above: int
    below: int
    gap: int
    part_gap: int = 1


def place(columns: Sequence[Sequence[Item]], spacing: LayerSpacing) -> int:
    """Give the items of neighbouring columns their rows, so that lines are straight where they can be.

    Returns:
        The height of all in rows.
    """
    height = 0
    for part in sorted({item.part for column in columns for item in column}):
        if height:
            height += spacing.part_gap
        height += _place_part([[item for item in column if item.part == part] for column in columns], spacing, height)
    return height


def _place_part(columns: list[list[Item]], spacing: LayerSpacing, top: int) -> int:
    inside = {id(item) for column in columns for item in column}
    for column in columns:
        _stack(column, [0.0] * len(column), spacing)
    for leftward in (False, True, False):
        for column in columns[::-1] if leftward else columns:
            wanted = [_middle(item, item.after if leftward else item.before, inside) for item in column]
            _stack(column, wanted, spacing)
    items = [item for column in columns for item in column]
    shift = top - min(item.row - (spacing.above if item.real else 0) for item in items)
    for item in items:
        item.row += shift
    return max(item.row + (spacing.below if item.real else 0) + 1 for item in items) - top


def _middle(item: Item, neighbours: list[Item], inside: set[int]) -> float:
    rows = sorted(other.row for other in neighbours if id(other) in inside)
    if not rows:
        return item.row
    return (rows[(len(rows) - 1) // 2] + rows[len(rows) // 2]) / 2


def _stack(column: list[Item], wanted: Sequence[float], spacing: LayerSpacing) -> None:
    """Rows as near as possible to those wanted, in order and apart: isotonic regression by pooling neighbours."""
    offsets, offset = [], 0
    for i, item in enumerate(column):
        if i:
            offset += _apart(column[i - 1], item, spacing)
        offsets.append(offset)
    pools: list[list[float]] = []
    for want, shift in zip(wanted, offsets, strict=True):
        pools.append([want - shift, 1])
        while len(pools) > 1 and pools[-2][0] > pools[-1][0]:
            mean, size = pools.pop()
            other, other_size = pools[-1]
            pools[-1] = [(mean * size + other * other_size) / (size + other_size), size + other_size]
    index = 0
    for mean, size in pools:
        for _ in range(int(size)):
            column[index].row = int(mean // 1) + offsets[index]
            index += 1


def _apart(upper: Item, lower: Item, spacing: LayerSpacing) -> int:
    rows = 1 + (spacing.below if upper.real else 0) + (spacing.above if lower.real else 0)
    if upper.real and lower.real:
        rows += spacing.gap
    return rows


BELOW = 1 << 30
"""The row of lines that leave a gap at its lower end: feedback, and whatever goes on in the next band."""


@dataclass(eq=False, slots=True)
class Net:
    """Lines that share one trunk: from each of the `sources` rows to each of the `targets` rows.

    `track` is the trunk's place among the tracks of its gap, None where the line is straight. In the rows of
    `lowered` it enters its target one row further down, which is not possible in those of `fixed`.
    """

    sources: frozenset[int]
    targets: frozenset[int]
    fixed: frozenset[int] = frozenset()
    lowered: frozenset[int] = frozenset()
    track: int | None = None
    first: int = field(init=False)
    last: int = field(init=False)

    def __post_init__(self) -> None:
        rows = self.sources | self.targets
        self.first, self.last = min(rows), max(rows)


def bundle(column: Sequence[Item]) -> tuple[list[Net], dict[str, Net]]:
    """The nets out of a column: items with the same targets share one, so that no line says more than is true.

    Returns:
        The nets, and the net of each item's key.
    """
    groups: dict[frozenset[int], list[Item]] = {}
    for item in column:
        if item.after:
            groups.setdefault(frozenset(map(id, item.after)), []).append(item)
    nets, by_key = [], {}
    for items in groups.values():
        ends = items[0].after
        net = Net(
            frozenset(item.row for item in items),
            frozenset(item.row for item in ends),
            frozenset(item.row for item in ends if not item.real),
        )
        nets.append(net)
        by_key.update({item.key: net for item in items})
    return nets, by_key


def assign_tracks(nets: Iterable[Net]) -> int:
    """Give each net that bends a track; returns how many there are.

    A net that ends in the row where another begins runs right of that one's trunk, so that the two don't cover one
    another; where each would have to run right of the other, one of them enters its target a row lower. Nets that
    don't overlap share a track.
    """
    bent = sorted((net for net in nets if net.first != net.last), key=lambda net: (net.first, net.last))
    after = {net: [other for other in bent if net is not other and _shared_rows(net, other)] for net in bent}
    tracks: list[list[Net]] = []
    waiting = list(bent)
    while waiting:
        net = next((net for net in waiting if all(other.track is not None for other in after[net])), waiting[0])
        waiting.remove(net)
        for other in after[net]:
            if other.track is None:
                net.lowered |= _shared_rows(net, other) - net.fixed
        net.last = max([net.last, *(row + 1 for row in net.lowered)])
        earliest = max((other.track + 1 for other in after[net] if other.track is not None), default=0)
        net.track = next((i for i in range(earliest, len(tracks)) if _fits(net, tracks[i])), max(earliest, len(tracks)))
        while len(tracks) <= net.track:
            tracks.append([])
        tracks[net.track].append(net)
    return len(tracks)


def _shared_rows(net: Net, other: Net) -> frozenset[int]:
    """The rows where a net ends and another begins, unless that one ends nowhere but there."""
    rows = (net.targets & other.sources) - {BELOW}
    return rows - other.targets if len(other.targets) == 1 else rows


def _fits(net: Net, track: list[Net]) -> bool:
    return all(net.last < other.first or other.last < net.first for other in track)


def share_rows(spans: Sequence[tuple[int, int]]) -> tuple[list[int], int]:
    """Rows for level lines that each span columns: those that don't touch share a row.

    Returns:
        The row of each, from 0, and how many rows there are.
    """
    rows: list[list[tuple[int, int]]] = []
    chosen = []
    for span in spans:
        free = (i for i, row in enumerate(rows) if all(span[1] < start or end < span[0] for start, end in row))
        chosen.append(next(free, len(rows)))
        if chosen[-1] == len(rows):
            rows.append([])
        rows[chosen[-1]].append(span)
    return chosen, len(rows)
