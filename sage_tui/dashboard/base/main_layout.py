"""Where the panes of the main screen lie at a given size: a pure function, so that every size can be tested."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

PANES = ("pipeline", "operators", "output", "calls", "log", "failures")
"""The panes in the order of their keys, 1 to 6."""

NARROW = 72
"""Under so many columns, or `LOW` rows, there is one pane at a time."""
LOW = 18
WIDE = 104
"""From so many columns on, output lies beside the graph."""
TALL = 28
"""From so many rows on, panes needn't share as much."""
VERY_WIDE = 168
"""From so many columns on, service calls and log lie side by side."""

SHORT = 18
"""Under so many rows, graph and operators are shown at once only if both are shown whole."""

LEAST_BOTTOM = 7
LEAST_OPERATORS = 5
LEAST_GRAPH = 8


class Box(NamedTuple):
    """A rectangle in cells."""

    x: int
    y: int
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class PreferredSizes:
    """The rows, borders included, in which the graph and the operators table would show everything."""

    graph: int = 11
    operators: int = 6
    crowded: bool = False
    """More operators than a picture helps with: graph and table share one box, as each needs all the rows."""


@dataclass(frozen=True, slots=True)
class Arrangement:
    """The boxes of the shown panes, and for each of them the panes that share its box as tabs, itself included."""

    boxes: Mapping[str, Box]
    tabs: Mapping[str, tuple[str, ...]]


def arrange(
    width: int, height: int, recent: Sequence[str], wanted: PreferredSizes = PreferredSizes(), zoomed: bool = False
) -> Arrangement:
    """Lay the panes out in `width` × `height` cells.

    `recent` holds the panes, the last used first: it decides which of several tabs is in front, and its first is the
    one that is zoomed or shown alone. Every pane is in exactly one group of tabs.
    """
    if zoomed or width < NARROW or height < LOW:
        return build([(PANES, Box(0, 0, width, height))], recent)
    if width >= WIDE:
        return build(_side_by_side(width, height, wanted), recent)
    return build(_stacked(width, height, wanted), recent)


Groups = list[tuple[tuple[str, ...], Box]]
"""Boxes, and the panes that share each of them."""


def build(groups: Groups, recent: Sequence[str]) -> Arrangement:
    """Put the pane that was used last in front in each box."""
    boxes: dict[str, Box] = {}
    tabs: dict[str, tuple[str, ...]] = {}
    for members, box in groups:
        front = min(members, key=lambda name: recent.index(name) if name in recent else len(recent))
        boxes[front] = box
        tabs[front] = members
    return Arrangement(boxes, tabs)


def _side_by_side(width: int, height: int, wanted: PreferredSizes) -> Groups:
    """Graph over operators, output to the right of both, the rest below."""
    bottom = max(LEAST_BOTTOM, min(18, round(height * 0.34)))
    top = height - bottom
    left = round(width * 0.6)
    groups = _graph_and_operators(left, top, wanted)
    groups.append((("output",), Box(left, 0, width - left, top)))
    if width >= VERY_WIDE:
        groups.append((("calls",), Box(0, top, left, bottom)))
        groups.append((("log", "failures"), Box(left, top, width - left, bottom)))
    else:
        groups.append((("calls", "log", "failures"), Box(0, top, width, bottom)))
    return groups


def _stacked(width: int, height: int, wanted: PreferredSizes) -> Groups:
    """Everything below one another: graph, operators, and tabs with the lines."""
    if height < TALL:
        both, most = wanted.graph + wanted.operators, height - LEAST_BOTTOM + 1  # a banner takes a row, nothing jumps
        top = both if both <= most else min(most, max(wanted.graph, LEAST_GRAPH))
        groups = _graph_and_operators(width, top, wanted)
        groups.append((("output", "calls", "log", "failures"), Box(0, top, width, height - top)))
        return groups
    bottom = max(LEAST_BOTTOM, height // 4)
    top = min(round(height * 0.5), wanted.graph + wanted.operators)
    groups = _graph_and_operators(width, top, wanted)
    groups.append((("output",), Box(0, top, width, height - top - bottom)))
    groups.append((("calls", "log", "failures"), Box(0, height - bottom, width, bottom)))
    return groups


def _graph_and_operators(width: int, height: int, wanted: PreferredSizes) -> Groups:
    """The two over one another where both have room, else as tabs of one box."""
    least_graph = min(LEAST_GRAPH, wanted.graph)
    least_operators = min(LEAST_OPERATORS, wanted.operators)
    short = height < SHORT and height < wanted.graph + wanted.operators
    if wanted.crowded or short or height < least_graph + least_operators:
        return [(("pipeline", "operators"), Box(0, 0, width, height))]
    operators = max(least_operators, min(wanted.operators, height - wanted.graph, height // 2))
    graph = height - operators
    return [
        (("pipeline",), Box(0, 0, width, graph)),
        (("operators",), Box(0, graph, width, operators)),
    ]
