"""The ways of lines between two columns: which lines share a trunk, and in which track each trunk runs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from sage_tui.state.graph.layers import Item

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
