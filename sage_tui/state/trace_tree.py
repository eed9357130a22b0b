"""The path of a traced record: its steps, each sent by another thread, put together into a tree. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from sage_runtime.events import EdgeInfo, Trace

MOST_STEPS = 400
"""Steps of one path that are put in order; further ones are counted."""


@dataclass(frozen=True, slots=True)
class TraceRow:
    """One step, with the lines that lead to it from the step it came from (`├ `, `└ `, `│ `)."""

    step: Trace
    lines: str
    arrived: bool
    """Whether this is the end of a path: no stream leads on from here."""


@dataclass(slots=True, eq=False)
class _Node:
    step: Trace
    begin: float
    children: list[_Node] = field(default_factory=list)


@dataclass(slots=True, eq=False)
class _Slot:
    """One result of a step on its way over one edge."""

    node: _Node
    value: str
    taken: bool = False


def way(steps: Sequence[Trace], edges: Sequence[EdgeInfo]) -> list[TraceRow]:
    """The steps of one traced record in the order of its path, what came out of each below it.

    A step follows the one whose result it took in: the earliest, over an edge of the graph, with the same preview and
    not yet followed up; with any preview, where the value has been changed in between. A step without one (its
    predecessor has not arrived yet) begins a line of its own.
    """
    nodes = sorted((_Node(step, step.t - step.duration) for step in steps[:MOST_STEPS]), key=lambda node: node.begin)
    targets: Mapping[str, list[str]] = _targets(edges)
    slots: dict[str, list[_Slot]] = defaultdict(list)
    for node in nodes:
        for value in node.step.after:
            for target in targets.get(node.step.operator, ()):
                slots[target].append(_Slot(node, value))
    roots = [node for node in nodes if not _adopted(node, slots[node.step.operator])]
    rows: list[tuple[Trace, str]] = []
    for root in roots:
        _write(root, "", "", rows)
    return [TraceRow(step, lines, step.operator not in targets) for step, lines in rows]


def _targets(edges: Sequence[EdgeInfo]) -> Mapping[str, list[str]]:
    targets: dict[str, list[str]] = defaultdict(list)
    for edge in edges:
        targets[edge.source].append(edge.target)
    return targets


def _adopted(node: _Node, slots: Sequence[_Slot]) -> bool:
    """Find the step that this one follows, if it is known."""
    if node.step.before is None:
        return False
    for alike in (True, False):
        for slot in slots:
            if slot.taken or (slot.value != node.step.before if alike else slot.node.begin > node.begin):
                continue
            if not _below(slot.node, node):
                slot.taken = True
                slot.node.children.append(node)
                return True
    return False


def _below(node: _Node, ancestor: _Node) -> bool:
    """Whether a node is another one or came out of it."""
    waiting = [ancestor]
    while waiting:
        one = waiting.pop()
        if one is node:
            return True
        waiting += one.children
    return False


def _write(node: _Node, lines: str, below: str, rows: list[tuple[Trace, str]]) -> None:
    """The rows of a step and of what came out of it: side ways are set in, the one that goes on is not."""
    while True:
        rows.append((node.step, lines))
        ends = [child for child in node.children if not child.children]
        goes_on = [child for child in node.children if child.children]
        if len(node.children) == 1:
            side, following = [], node.children[0]
        elif len(goes_on) == 1:
            side, following = ends, goes_on[0]
        else:
            for child in node.children[:-1]:
                _write(child, f"{below}├ ", f"{below}│ ", rows)
            if not node.children:
                return
            node, lines, below = node.children[-1], f"{below}└ ", f"{below}  "
            continue
        rows += ((child.step, f"{below}├ ") for child in side)
        node, lines = following, below
