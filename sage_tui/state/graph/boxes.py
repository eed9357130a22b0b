"""The drawing with a box for each operator, left to right, and a row of services below their callers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from sage_tui.state.format import cell_len
from sage_tui.state.graph.layers import (
    BELOW,
    Item,
    Layers,
    LayerSpacing,
    Net,
    assign_tracks,
    bundle,
    layers,
    place,
    share_rows,
)
from sage_tui.state.graph.picture import Canvas, Cell, GraphLayout, GraphLine, GraphNode, Style, kinds_of
from sage_tui.state.graph.topology import Edge, PipelineTopology, ServiceNode

BOX_HEIGHT = 4


@dataclass(frozen=True, slots=True)
class Measures:
    """How much room a style gives: cells inside a box, beside its text, and between boxes."""

    narrowest: int
    widest: int
    padding: int
    gap: int
    track: int
    """Columns from one track to the next."""
    spacing: LayerSpacing


MEASURES: dict[Style, Measures] = {
    "boxes": Measures(12, 22, 1, 5, 2, LayerSpacing(1, 2, 1)),
    "snug": Measures(12, 20, 1, 3, 1, LayerSpacing(1, 2, 0)),
    "tight": Measures(12, 18, 0, 3, 1, LayerSpacing(1, 2, 0)),
}


@dataclass(slots=True)
class Gap:
    """The room right of a column (left of all, for gap -1), with the trunks that run in it."""

    x: int
    width: int
    first: int

    def column(self, net: Net, step: int) -> int:
        """The column of a net's trunk."""
        return self.x + self.first + (net.track or 0) * step


@dataclass(slots=True)
class Plan:
    """Everything that is decided before the first line is drawn. Ranks are cut in bands of `per` columns."""

    layers: Layers
    measures: Measures
    per: int
    gaps: dict[int, Gap] = field(default_factory=dict)
    lefts: list[int] = field(default_factory=list)
    widths: list[int] = field(default_factory=list)
    nets: dict[str, Net] = field(default_factory=dict)
    """The trunk of the lines out of an item; at the end of a band, its part in the right margin."""
    turns: dict[str, tuple[int, Net]] = field(default_factory=dict)
    """Of an item at the end of a band, the level row of its lines and their trunk in the left margin."""
    exits: dict[str, Net] = field(default_factory=dict)
    """The trunk of the feedback out of an operator."""
    entries: dict[str, Net] = field(default_factory=dict)
    """The trunk of the feedback into an operator."""
    height: int = 0

    def left(self, item: Item) -> int:
        """The first column of an item."""
        return self.lefts[item.rank % self.per]

    def right(self, item: Item) -> int:
        """The last column of an item."""
        return self.left(item) + self.widths[item.rank % self.per] - 1

    def gap_after(self, item: Item) -> Gap:
        """The room right of an item."""
        return self.gaps[item.rank % self.per]

    def gap_before(self, item: Item) -> Gap:
        """The room left of an item."""
        return self.gaps[item.rank % self.per - 1]


def draw_boxes(pipeline: PipelineTopology, style: Style, per: int | None = None) -> GraphLayout:
    """Draw a pipeline in boxes; `per` columns in a band, the next band below (all in one, by default).

    Feedback needs a single band.
    """
    plan = _plan(pipeline, MEASURES[style], per)
    canvas = Canvas()
    boxes = [_box(plan, canvas, key, name) for key, name in pipeline.operators]
    lines = [_edge(plan, canvas, edge) for edge in pipeline.edges if edge.id in plan.layers.paths]
    lines += _returns(plan, canvas)
    exits = {box.key: _call_exit(box, boxes) for box in boxes}
    right = max((box.x + box.width for box in boxes), default=0)
    services, calls, height = draw_services(pipeline.services, exits, canvas, plan.height, right)
    characters = canvas.characters()
    width = max([node.x + node.width for node in (*boxes, *services)] + [x + 1 for x, _ in characters], default=0)
    drawn = (*lines, *calls)
    return GraphLayout(style, width, height, (*boxes, *services), drawn, characters, kinds_of(drawn))


def columns_within(pipeline: PipelineTopology, style: Style, width: int) -> int:
    """How many columns side by side fit in `width` cells when the rest goes below, if no column needs many trunks."""
    measures = MEASURES[style]
    longest = max((cell_len(name) for _, name in pipeline.operators), default=0)
    column = min(max(measures.narrowest, longest), measures.widest) + 2 * measures.padding + 2 + measures.gap
    return (width - 4 + measures.gap) // column


# --- decide ----------------------------------------------------------------------------------------------------------


def _plan(pipeline: PipelineTopology, measures: Measures, per: int | None) -> Plan:
    layered = layers(pipeline)
    columns = layered.columns
    plan = Plan(layered, measures, per or max(1, len(columns)))
    in_gap: dict[int, list[Net]] = {}
    for start in range(0, len(columns), plan.per):
        band = columns[start : start + plan.per]
        height = place(band, measures.spacing)
        for item in (item for column in band for item in column):
            item.row += plan.height
        plan.height += height
        plan.height += _crossing(plan, band[-1], start + plan.per < len(columns))
    for rank, column in enumerate(columns):
        ends_band = (rank + 1) % plan.per == 0
        nets, by_key = bundle(column)
        if ends_band:
            _turn(plan, column, nets, by_key, in_gap)
        else:
            plan.nets.update(by_key)
            in_gap.setdefault(rank % plan.per, []).extend(nets)
    _plan_feedback(plan, in_gap)
    _measure(plan, pipeline, in_gap)
    return plan


def _crossing(plan: Plan, column: list[Item], more: bool) -> int:
    """Rows between a band and the next: one for each bundle of lines that goes on, and one of air without any."""
    if not more:
        return 0
    return max(1, len(bundle(column)[0]))


def _turn(
    plan: Plan, column: list[Item], nets: list[Net], by_key: dict[str, Net], in_gap: dict[int, list[Net]]
) -> None:
    """The lines out of a band's last column go down the right margin, back on a level row, down the left margin."""
    band = [
        item for other in plan.layers.columns for item in other if item.rank // plan.per == column[0].rank // plan.per
    ]
    lowest = max(item.row + (plan.measures.spacing.below if item.real else 0) for item in band)
    for number, net in enumerate(nets):
        row = lowest + 1 + number
        down, on = Net(net.sources, frozenset([row])), Net(frozenset([row]), net.targets, net.fixed)
        in_gap.setdefault(plan.per - 1, []).append(down)
        in_gap.setdefault(-1, []).append(on)
        for key, own in by_key.items():
            if own is net:
                plan.nets[key], plan.turns[key] = down, (row, on)


def _plan_feedback(plan: Plan, in_gap: dict[int, list[Net]]) -> None:
    items = plan.layers.items
    for edge in plan.layers.feedback:
        source, target = items[edge.source], items[edge.target]
        if edge.source not in plan.exits:
            net = plan.exits[edge.source] = Net(frozenset([source.row]), frozenset([BELOW]))
            in_gap.setdefault(source.rank, []).append(net)
        if edge.target not in plan.entries:
            net = plan.entries[edge.target] = Net(frozenset([BELOW]), frozenset([target.row]))
            in_gap.setdefault(target.rank - 1, []).append(net)


def _measure(plan: Plan, pipeline: PipelineTopology, in_gap: dict[int, list[Net]]) -> None:
    """Widths and places of columns and gaps."""
    measures, last = plan.measures, min(plan.per, max(1, len(plan.layers.columns))) - 1
    inner = [measures.narrowest] * (last + 1)
    for key, name in pipeline.operators:
        column = plan.layers.items[key].rank % plan.per
        inner[column] = min(max(inner[column], cell_len(name)), measures.widest)
    if plan.per < len(plan.layers.columns):
        inner = [max(inner)] * len(inner)
    x = 0
    for i in range(-1, last + 1):
        if i >= 0:
            plan.lefts.append(x)
            plan.widths.append(inner[i] + 2 * measures.padding + 2)
            x += plan.widths[-1]
        tracks = assign_tracks(in_gap.get(i, ()))
        span = max(0, (tracks - 1) * measures.track + 1) if tracks else 0
        if i == -1:
            gap = Gap(x, span + 1 if tracks else 0, 0)
        elif i == last:
            gap = Gap(x, span + 1 if tracks else 0, 1)
        else:
            width = max(measures.gap, span + 2)
            gap = Gap(x, width, max(1, (width - span) // 2))
        plan.gaps[i] = gap
        x += gap.width


# --- draw ------------------------------------------------------------------------------------------------------------


def _box(plan: Plan, canvas: Canvas, key: str, name: str) -> GraphNode:
    item, padding = plan.layers.items[key], plan.measures.padding
    x, y, width = plan.left(item), item.row - plan.measures.spacing.above, plan.widths[item.rank % plan.per]
    frame = canvas.box(x, y, width, BOX_HEIGHT)
    return GraphNode(
        key=key,
        kind="operator",
        name=name,
        x=x,
        y=y,
        width=width,
        height=BOX_HEIGHT,
        text_x=x + 1 + padding,
        text_y=y + 1,
        text_width=width - 2 - 2 * padding,
        numbers_x=x + 1 + padding,
        numbers_y=y + 2,
        numbers_width=width - 2 - 2 * padding,
        frame=frame,
    )


def _edge(plan: Plan, canvas: Canvas, edge: Edge) -> GraphLine:
    path, step = plan.layers.paths[edge.id], plan.measures.track
    points: list[Cell] = []
    row = path[0].row
    for item, following in pairwise(path):
        net = plan.nets[item.key]
        points.append((plan.right(item), item.row))
        row = following.row
        if item.key in plan.turns:
            level, on = plan.turns[item.key]
            row += row in on.lowered
            right, left = plan.gap_after(item).column(net, step), plan.gaps[-1].column(on, step)
            points += [(right, item.row), (right, level), (left, level), (left, row)]
        elif net.track is not None:
            row += row in net.lowered
            column = plan.gap_after(item).column(net, step)
            points += [(column, item.row), (column, row)]
        points.append((plan.left(following), row))
    points[-1] = arrow = (plan.left(path[-1]) - 1, row)
    cells = canvas.draw(points)
    canvas.sign(arrow, "▶")
    return GraphLine(edge.id, "edge", edge.source, edge.target, cells[1:])


def _returns(plan: Plan, canvas: Canvas) -> list[GraphLine]:
    """Feedback: out to the right, down, back below everything, up, and in from the left."""
    items, step = plan.layers.items, plan.measures.track
    ways: dict[str, tuple[int, int]] = {}
    for edge in plan.layers.feedback:
        out = plan.gap_after(items[edge.source]).column(plan.exits[edge.source], step)
        into = plan.gap_before(items[edge.target]).column(plan.entries[edge.target], step)
        first, last = ways.get(edge.target, (into, into))
        ways[edge.target] = min(first, out), max(last, out)
    rows, count = share_rows(list(ways.values()))
    row_of = {target: plan.height + row for target, row in zip(ways, rows, strict=True)}
    lines = []
    for edge in plan.layers.feedback:
        source, target, row = items[edge.source], items[edge.target], row_of[edge.target]
        out = plan.gap_after(source).column(plan.exits[edge.source], step)
        into = plan.gap_before(target).column(plan.entries[edge.target], step)
        arrow = (plan.left(target) - 1, target.row)
        points = [
            (plan.right(source), source.row),
            (out, source.row),
            (out, row),
            (into, row),
            (into, target.row),
            arrow,
        ]
        cells = canvas.draw(points)
        canvas.sign(arrow, "▶")
        canvas.sign(((out + into) // 2, row), "◀")
        lines.append(GraphLine(edge.id, "feedback", edge.source, edge.target, cells[1:]))
    plan.height += count
    return lines


def _call_exit(box: GraphNode, boxes: list[GraphNode]) -> tuple[Cell, ...]:
    """Where the line to services leaves a box: at the bottom, or on the right if there are boxes below."""
    if any(other.y > box.y and other.x < box.x + box.width and box.x < other.x + other.width for other in boxes):
        right, row = box.x + box.width - 1, box.numbers_y
        return (right, row), (right + 1, row)
    return ((box.x + box.width // 2, box.y + box.height - 1),)


NARROWEST, WIDEST = 20, 26
"""Cells that a service's name and numbers may take, its sign included."""

APART = 1


def draw_services(
    services: Sequence[ServiceNode], exits: Mapping[str, tuple[Cell, ...]], canvas: Canvas, top: int, width: int
) -> tuple[list[GraphNode], list[GraphLine], int]:
    """Draw services below row `top`, within `width` columns if they fit.

    `exits` says where lines leave each operator: they go straight down from there.

    The operators don't depend on who calls what, so nothing above moves when a first call is seen.

    Returns:
        The services' nodes, the lines to their callers, and the height of the whole picture.
    """
    if not services:
        return [], [], top
    columns = {service.key: _columns(service, exits) for service in services}
    places = _places(services, columns, width)
    called = [service for service in services if columns[service.key]]
    spans = [_span(columns[service.key], places[service.key][0]) for service in called]
    level, count = share_rows(spans)
    top_of_services = top + max(1, count)
    nodes = [
        GraphNode(
            key=service.key,
            kind="service",
            name=service.name,
            x=x,
            y=top_of_services,
            width=room,
            height=2,
            text_x=x + 2,
            text_y=top_of_services,
            text_width=room - 2,
            numbers_x=x + 2,
            numbers_y=top_of_services + 1,
            numbers_width=room - 2,
            mark=(x, top_of_services),
        )
        for service in services
        for x, room in [places[service.key]]
    ]
    lines: list[GraphLine] = []
    for service, row in zip(called, level, strict=True):
        x = places[service.key][0]
        for caller in service.callers:
            if caller in exits:
                column = exits[caller][-1][0]
                points = [*exits[caller], (column, top + row), (x, top + row), (x, top_of_services)]
                cells = canvas.draw(points, service.key)
                lines.append(GraphLine(f"{caller} → {service.key}", "call", caller, service.key, cells[1:-1]))
    for node in nodes:
        canvas.sign((node.x, node.y), "◇")
    below, rows = _calls_between(services, places, canvas, top_of_services)
    return nodes, lines + below, top_of_services + 2 + rows


def _span(columns: Sequence[int], x: int) -> tuple[int, int]:
    return min(*columns, x), max(*columns, x)


def _columns(service: ServiceNode, exits: Mapping[str, tuple[Cell, ...]]) -> list[int]:
    """Where the lines to a service come down, the one to hang it below first: one straight from a box if there is."""
    ends = sorted((len(exits[caller]) > 1, exits[caller][-1][0]) for caller in service.callers if caller in exits)
    straight = [column for bent, column in ends if not bent] or [column for _, column in ends]
    middle = straight[(len(straight) - 1) // 2 :]
    return middle + [column for _, column in ends if column not in middle]


def _places(
    services: Sequence[ServiceNode], columns: Mapping[str, Sequence[int]], width: int
) -> dict[str, tuple[int, int]]:
    """Column and room of each service: below its callers; those without any where there is room."""
    rooms = {service.key: min(max(NARROWEST, cell_len(service.name) + 2), WIDEST) for service in services}
    hanging = sorted((key for key in rooms if columns[key]), key=lambda key: columns[key][0])
    places: dict[str, tuple[int, int]] = {}
    x = 0
    for key in hanging:
        x = max(x, columns[key][0])
        places[key] = x, rooms[key]
        x += rooms[key] + APART
    limit = max(width, sum(rooms[key] + APART for key in hanging) - APART)
    for key in reversed(hanging):
        x = min(places[key][0], limit - rooms[key])
        places[key] = x, rooms[key]
        limit = x - APART
    for key in rooms:
        if key not in places:
            places[key] = _first_room(places, rooms[key]), rooms[key]
    return places


def _first_room(places: Mapping[str, tuple[int, int]], room: int) -> int:
    """The first column from which `room` columns are free."""
    x = 0
    for taken, width in sorted(places.values()):
        if x + room + APART <= taken:
            break
        x = max(x, taken + width + APART)
    return x


def _calls_between(
    services: Sequence[ServiceNode], places: Mapping[str, tuple[int, int]], canvas: Canvas, top: int
) -> tuple[list[GraphLine], int]:
    """Lines below the services from those that call others; an arrow points up at the one that is called."""
    called = [(service, [key for key in service.calling_services if key in places]) for service in services]
    called = [(service, callers) for service, callers in called if callers]
    spans = [_span([places[caller][0] for caller in callers], places[service.key][0]) for service, callers in called]
    level, count = share_rows(spans)
    lines = []
    for (service, callers), row in zip(called, level, strict=True):
        x = places[service.key][0]
        for caller in callers:
            column, bottom = places[caller][0], top + 2 + row
            cells = canvas.draw([(column, top), (column, bottom), (x, bottom), (x, top)], service.key)
            lines.append(GraphLine(f"{caller} → {service.key}", "call", caller, service.key, cells[1:-1]))
        canvas.sign((x, top + 1), "▲")
    return lines, count
