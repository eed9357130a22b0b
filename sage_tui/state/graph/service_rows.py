"""Services in a row below the operators that call them, with dotted lines to their callers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sage_tui.state.format import cell_len
from sage_tui.state.graph.canvas import Canvas, Cell
from sage_tui.state.graph.picture import GraphLine, GraphNode
from sage_tui.state.graph.routing import share_rows
from sage_tui.state.graph.topology import ServiceNode

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
