"""The drawing with one row for each operator: lines in a gutter on the left, names and numbers beside it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import count, product

from sage_runtime.events.kinds import OPERATOR_KINDS
from sage_tui.state.format import cell_len
from sage_tui.state.graph.picture import Canvas, Cell, GraphLayout, GraphLine, GraphNode, NodeKind, kinds_of
from sage_tui.state.graph.topology import Edge, PipelineTopology, ServiceNode, without_cycles

WIDEST_NAME = 24
NUMBERS = 18
"""Cells for the numbers beside a name."""

MOST_LANES = 12
"""Lines to services side by side; were there more, nobody could follow them and none is drawn."""

SERVICE = "\0service"
"""What tells the row of a service from the row of an operator by the same name."""

_PLAIN_SIGN = "●"
"""Of the kinds of operators that have no sign of their own."""


@dataclass(slots=True)
class _Gutter:
    """Lanes two columns apart. `taken` holds the rows in which each is used, ends included."""

    taken: dict[int, list[tuple[int, int]]] = field(default_factory=dict)

    def free(self, first: int, last: int, leftmost: int) -> int:
        """The first lane from `leftmost` on that is free in these rows; takes it."""
        lane = leftmost
        while any(start <= last and first <= end for start, end in self.taken.get(lane, ())):
            lane += 1
        self.taken.setdefault(lane, []).append((first, last))
        return lane


def draw_compact(pipeline: PipelineTopology) -> GraphLayout:
    """Draw a pipeline with a row for each operator, in the order in which records pass, and for each service."""
    names = [key for key, _ in pipeline.operators]
    forward, feedback = without_cycles(names, pipeline.edges)
    order = _order(names, forward)
    rows = {key: row for row, key in enumerate(order)}
    dots, lanes = _lanes(order, forward)
    gutter = _Gutter()
    for key, lane in dots.items():
        gutter.taken.setdefault(lane, []).append((rows[key], rows[key]))
    for source, lane in lanes.items():
        ends = [rows[edge.target] for edge in forward if edge.source == source]
        gutter.taken.setdefault(lane, []).append((rows[source], max(ends)))
    canvas = Canvas()
    lines = []
    for edge in forward:
        lane, first, last = 2 * lanes[edge.source], rows[edge.source], rows[edge.target]
        points = [(2 * dots[edge.source], first), (lane, first), (lane, last), (2 * dots[edge.target], last)]
        lines.append(GraphLine(edge.id, "edge", edge.source, edge.target, canvas.draw(points)[1:-1]))
    lines += _returns(feedback, rows, dots, gutter, canvas)
    services = sorted(
        pipeline.services, key=lambda one: min((rows[key] for key in one.callers if key in rows), default=len(rows))
    )
    for row, service in enumerate(services, len(order)):
        rows[service.key + SERVICE], dots[service.key + SERVICE] = row, 0
        gutter.taken.setdefault(0, []).append((row, row))
    called = _by_callers(services, rows)
    drawn = len(called) <= MOST_LANES
    for callers, group in called.items() if drawn else ():
        lines += _calls(group, callers, rows, dots, gutter, canvas)
    picture = _finished(pipeline, order, [(one.key, one.name) for one in services], rows, dots, lines, canvas)
    return picture if drawn else replace(picture, calls_drawn=False)


def _by_callers(services: Sequence[ServiceNode], rows: Mapping[str, int]) -> dict[tuple[str, ...], list[str]]:
    """Services that somebody calls, by their callers (rows' keys): those that are called by the same share a lane."""
    found: dict[tuple[str, ...], list[str]] = {}
    for service in services:
        callers = {*service.callers, *(key + SERVICE for key in service.calling_services)} & rows.keys()
        if callers:
            found.setdefault(tuple(sorted(callers, key=lambda key: rows[key])), []).append(service.key)
    return found


def _order(names: Sequence[str], edges: Sequence[Edge]) -> list[str]:
    """Every operator after those before it, each branch in one go."""
    outgoing: dict[str, list[str]] = {}
    missing = dict.fromkeys(names, 0)
    for edge in edges:
        outgoing.setdefault(edge.source, []).append(edge.target)
        missing[edge.target] += 1
    ready = [name for name in reversed(names) if missing[name] == 0]
    order = []
    while ready:
        name = ready.pop()
        order.append(name)
        for target in reversed(outgoing.get(name, ())):
            missing[target] -= 1
            if missing[target] == 0:
                ready.append(target)
    return order


def _lanes(order: Sequence[str], edges: Sequence[Edge]) -> tuple[dict[str, int], dict[str, int]]:
    """The lane of each operator's sign, and the lane of the lines out of each operator that has some.

    Operators with the same targets share a lane, to the right of their signs, as those that feed one sink do.
    """
    targets: dict[str, set[str]] = {}
    for edge in edges:
        targets.setdefault(edge.source, set()).add(edge.target)
    sharing = Counter(frozenset(ends) for ends in targets.values())
    open_: dict[int, tuple[frozenset[str], set[str]]] = {}
    dots: dict[str, int] = {}
    lanes: dict[str, int] = {}
    for name in order:
        coming = [lane for lane, (_, missing) in open_.items() if name in missing]
        for lane in coming:
            open_[lane][1].discard(name)
            if not open_[lane][1]:
                del open_[lane]
        dot = dots[name] = _free(open_, 0)
        if name in targets:
            out = frozenset(targets[name])
            lane = next(
                (lane for lane, (same, _) in open_.items() if same == out),
                dot if sharing[out] == 1 else _free(open_, dot + 1),
            )
            if lane != dot and any((other > dot) == (lane > dot) for other in coming if other != dot):
                lane = dot  # on that side of the sign, lines come in
            open_.setdefault(lane, (out, set(out)))
            lanes[name] = lane
    return dots, lanes


def _free(taken: Mapping[int, object], leftmost: int) -> int:
    return next(lane for lane in count(leftmost) if lane not in taken)


def _returns(
    feedback: Sequence[Edge], rows: Mapping[str, int], dots: Mapping[str, int], gutter: _Gutter, canvas: Canvas
) -> list[GraphLine]:
    """Feedback runs in a lane on the right, up to an arrow at its target."""
    sources: dict[str, list[Edge]] = {}
    for edge in feedback:
        sources.setdefault(edge.target, []).append(edge)
    lines = []
    for target, edges in sources.items():
        ends = [rows[target], *(rows[edge.source] for edge in edges)]
        inside = [dots[key] for key, row in rows.items() if min(ends) <= row <= max(ends)]
        x = 2 * gutter.free(min(ends), max(ends), max(inside) + 1)
        into = 2 * dots[target], rows[target]
        for edge in edges:
            out = 2 * dots[edge.source], rows[edge.source]
            points = [out, (x, out[1])] if edge.source == target else [out, (x, out[1]), (x, into[1]), into]
            lines.append(GraphLine(edge.id, "feedback", edge.source, target, canvas.draw(points)[1:]))
        canvas.sign((into[0] + 1, into[1]), "◀")
        if all(edge.source == target for edge in edges):
            canvas.sign((x, into[1]), "╮")
    return lines


def _calls(
    services: Sequence[str],
    callers: Sequence[str],
    rows: Mapping[str, int],
    dots: Mapping[str, int],
    gutter: _Gutter,
    canvas: Canvas,
) -> list[GraphLine]:
    """Calls of services by the same callers run dotted in a lane on the right, down to them."""
    ends = [rows[key] for key in (*callers, *(service + SERVICE for service in services))]
    inside = [dots[key] for key, row in rows.items() if min(ends) <= row <= max(ends)]
    x = 2 * gutter.free(min(ends), max(ends), max(inside) + 1)
    lines = []
    for service, caller in product(services, callers):
        key = service + SERVICE
        points = [(2 * dots[caller], rows[caller]), (x, rows[caller]), (x, rows[key]), (2 * dots[key], rows[key])]
        cells = canvas.draw(points, services[0])[1:-1]
        name = caller.removesuffix(SERVICE)
        lines.append(GraphLine(f"{name} → {service}", "call", name, service, cells))
    return lines


def _finished(
    pipeline: PipelineTopology,
    order: Sequence[str],
    services: Sequence[tuple[str, str]],
    rows: Mapping[str, int],
    dots: Mapping[str, int],
    lines: Sequence[GraphLine],
    canvas: Canvas,
) -> GraphLayout:
    names = dict(pipeline.operators)
    kinds = dict(zip(names, pipeline.kinds, strict=False))
    left = max([x for x, _ in (*canvas.solid, *canvas.dotted)] + [2 * lane for lane in dots.values()], default=0) + 2
    width = min(max((cell_len(name) for _, name in (*pipeline.operators, *services)), default=0), WIDEST_NAME)
    room = width + 2 + NUMBERS
    nodes = []
    for key in order:
        mark = (2 * dots[key], rows[key])
        canvas.sign(mark, _sign_of(kinds.get(key, "")))
        nodes.append(_node(key, "operator", names[key], mark, left, room))
    for key, name in services:
        mark = (2 * dots[key + SERVICE], rows[key + SERVICE])
        canvas.sign(mark, "◇")
        nodes.append(_node(key, "service", name, mark, left, room))
    drawn = tuple(lines)
    return GraphLayout("compact", left + room, len(nodes), tuple(nodes), drawn, canvas.characters(), kinds_of(drawn))


def _node(key: str, kind: NodeKind, name: str, mark: Cell, left: int, room: int) -> GraphNode:
    y = mark[1]
    beside = left + room - NUMBERS
    return GraphNode(
        key, kind, name, mark[0], y, left + room - mark[0], 1, left, y, room - NUMBERS - 2, beside, y, NUMBERS, mark
    )


def _sign_of(kind: str) -> str:
    known = OPERATOR_KINDS.get(kind)  # a recording may have kinds that we don't know
    return known.sign or _PLAIN_SIGN if known is not None else _PLAIN_SIGN
