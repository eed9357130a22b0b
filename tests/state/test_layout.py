"""Properties of layouts: nothing overlaps, every line arrives, nothing moves that need not."""

from __future__ import annotations

from itertools import combinations, pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.topologies import pipeline, topology

from sage_runtime.events import EdgeInfo
from sage_tui.state.graph.picture import Cell
from sage_tui.state.layout import (
    GraphLayout,
    GraphLine,
    Style,
    Topology,
    best_layout,
    layout,
    too_large,
    topology_of,
)
from sage_tui.state.views import OperatorView, PipelineView, ServiceView

STYLES: tuple[Style, ...] = ("boxes", "snug", "tight", "compact")


@st.composite
def graphs(draw: st.DrawFn, *, loops: bool = False) -> Topology:
    """Graphs of up to twelve operators with up to three services, whose callers are any of them."""
    size = draw(st.integers(1, 12))
    ends = st.tuples(st.integers(0, size - 1), st.integers(0, size - 1))
    pairs = draw(st.lists(ends, max_size=18))
    edges = [(a, b) if loops else (min(a, b), max(a, b)) for a, b in pairs if loops or a != b]
    callers = draw(st.lists(st.sets(st.integers(0, size - 1), max_size=3), max_size=3))
    services = [f"s{i}<" + ",".join(f"N{caller}" for caller in sorted(who)) for i, who in enumerate(callers)]
    names = " ".join(f"N{i}" for i in range(size))
    return topology(names, " ".join(f"N{a}>N{b}" for a, b in edges), services)


def boxes_of(drawn: GraphLayout) -> dict[Cell, str]:
    """Which operator or service each cell belongs to; fails where two want the same one."""
    owner: dict[Cell, str] = {}
    for node in drawn.nodes:
        for x in range(node.x, node.x + node.width):
            for y in range(node.y, node.y + node.height):
                assert (x, y) not in owner, f"{node.key} lies on {owner[x, y]}"
                assert 0 <= x < drawn.width
                assert 0 <= y < drawn.height
                owner[x, y] = f"{node.kind} {node.key}"
    return owner


@given(graphs(loops=True), st.sampled_from(STYLES[:3]))
@settings(deadline=None, max_examples=60)
def test_boxes_never_overlap_and_no_stream_runs_through_one(graph: Topology, style: Style) -> None:
    drawn = layout(graph, style)
    owner = boxes_of(drawn)
    for line in drawn.lines:
        if line.kind != "call":
            assert not [cell for cell in line.cells if cell in owner], line.id


@given(graphs(loops=True), st.sampled_from(STYLES))
@settings(deadline=None, max_examples=60)
def test_every_line_is_unbroken_and_painted(graph: Topology, style: Style) -> None:
    drawn = layout(graph, style)
    assert {line.id for line in drawn.lines if line.kind != "call"} == {edge.id for edge in graph.pipelines[0].edges}
    for line in drawn.lines:
        assert all(cell in drawn.characters for cell in line.cells)
        assert all(abs(x - u) + abs(y - v) == 1 for (x, y), (u, v) in pairwise(line.cells)), line.id


@given(graphs(loops=True), st.sampled_from(STYLES[:3]))
@settings(deadline=None, max_examples=60)
def test_lines_lead_from_beside_their_source_to_an_arrow_at_their_target(graph: Topology, style: Style) -> None:
    drawn = layout(graph, style)
    for line in drawn.lines:
        if line.kind != "call":
            source, target = drawn.node(line.source), drawn.node(line.target)
            assert source is not None
            assert target is not None
            assert line.cells[0][0] == source.x + source.width
            assert line.cells[-1][0] == target.x - 1
            assert drawn.characters[line.cells[-1]] == "▶"


def misleading(graph: Topology, lines: tuple[GraphLine, ...]) -> list[tuple[str, str]]:
    """Pairs of edges that share a piece of line although one could not take the other's way."""
    targets: dict[str, set[str]] = {}
    for edge in graph.pipelines[0].edges:
        targets.setdefault(edge.source, set()).add(edge.target)
    pieces: dict[frozenset[Cell], list[GraphLine]] = {}
    for line in lines:
        if line.kind == "edge":
            for step in pairwise(line.cells):
                pieces.setdefault(frozenset(step), []).append(line)
    return [
        (one.id, other.id)
        for sharing in pieces.values()
        for one, other in combinations(sharing, 2)
        if one.source != other.source
        and one.target != other.target
        and not (other.target in targets[one.source] and one.target in targets[other.source])
    ]


@given(graphs(), st.sampled_from(STYLES), st.sampled_from([None, 2, 3]))
@settings(deadline=None, max_examples=100)
def test_no_shared_line_says_more_than_is_true(graph: Topology, style: Style, per_band: int | None) -> None:
    assert misleading(graph, layout(graph, style, per_band).lines) == []


def with_callers(graph: Topology, *callers: str) -> Topology:
    (old,) = graph.pipelines
    edges = " ".join(f"{edge.source}>{edge.target}" for edge in old.edges)
    return topology(" ".join(key for key, _ in old.operators), edges, ["llm<" + ",".join(callers), "cache"])


@given(graphs(), st.sampled_from(STYLES[:3]), st.data())
@settings(deadline=None, max_examples=60)
def test_a_first_call_moves_no_operator(graph: Topology, style: Style, data: st.DataObject) -> None:
    names = [key for key, _ in graph.pipelines[0].operators]
    callers = data.draw(st.lists(st.sampled_from(names), unique=True))
    before, after = layout(with_callers(graph), style), layout(with_callers(graph, *callers), style)
    for name in names:
        old, new = before.node(name), after.node(name)
        assert old is not None
        assert new is not None
        assert (old.x, old.y, old.width) == (new.x, new.y, new.width)


def test_an_added_operator_keeps_the_order_of_the_others() -> None:
    before = layout(topology("S A B C", "S>A S>B S>C"), "boxes")
    after = layout(topology("S A B C D", "S>A S>B S>C S>D"), "boxes")
    for drawn in (before, after):
        placed = [drawn.node(name) for name in "ABC"]
        rows = [node.y for node in placed if node is not None]
        assert rows == sorted(rows)


@pytest.mark.parametrize("style", STYLES)
def test_the_same_topology_is_drawn_once(style: Style) -> None:
    assert layout(topology("A B", "A>B"), style) is layout(topology("A B", "A>B"), style)


@pytest.mark.parametrize("style", STYLES)
def test_nothing_at_all_can_be_drawn(style: Style) -> None:
    assert layout(Topology(()), style).height == 0
    assert layout(topology(""), style).height == 0


HUNDREDS = {
    "fan": topology(
        "S " + " ".join(f"W{i}" for i in range(98)) + " T",
        " ".join(f"S>W{i} W{i}>T" for i in range(98)),
        ["llm<" + ",".join(f"W{i}" for i in range(98))],
    ),
    "chain": topology(" ".join(f"N{i}" for i in range(100)), " ".join(f"N{i}>N{i + 1}" for i in range(99))),
    "ladder": topology(
        " ".join(f"N{i}" for i in range(100)), " ".join(f"N{i}>N{i + 1} N{i}>N{i + 3}" for i in range(96))
    ),
}


@pytest.mark.parametrize("shape", HUNDREDS)
@pytest.mark.parametrize("style", STYLES)
def test_a_hundred_operators_are_drawn_right(shape: str, style: Style) -> None:
    graph = HUNDREDS[shape]
    drawn = layout(graph, style)
    assert len([node for node in drawn.nodes if node.kind == "operator"]) == 100
    boxes_of(drawn)
    assert misleading(graph, drawn.lines) == []


def test_a_fan_of_a_hundred_has_one_trunk_each_way() -> None:
    assert layout(HUNDREDS["fan"], "tight").width == layout(topology("S A T", "S>A A>T"), "tight").width


def test_more_than_sixty_operators_are_better_shown_as_a_table() -> None:
    assert not too_large(topology(" ".join(f"N{i}" for i in range(60))))
    assert too_large(topology(" ".join(f"N{i}" for i in range(61))))


def test_a_hundred_services_of_one_operator_hang_on_one_lane() -> None:
    drawn = layout(topology("A B", "A>B", [f"s{i}<B" for i in range(100)]), "compact")
    assert drawn.width == layout(topology("A B", "A>B", ["s10<B"]), "compact").width
    assert drawn.calls_drawn
    boxes_of(drawn)


@pytest.mark.parametrize(("count", "drawn"), [(12, True), (13, False)])
def test_lines_to_services_are_left_out_where_nobody_could_follow_them(count: int, drawn: bool) -> None:
    names = [f"N{i}" for i in range(count)]
    edges = " ".join(f"{a}>{b}" for a, b in pairwise(names))
    graph = topology(" ".join(names), edges, [f"s{i}<{name}" for i, name in enumerate(names)])
    picture = layout(graph, "compact")
    assert picture.calls_drawn is drawn
    assert bool([line for line in picture.lines if line.kind == "call"]) is drawn
    assert {node.name for node in picture.nodes} == {*names, *(f"s{i}" for i in range(count))}


CHAIN = topology("A B C", "A>B B>C")


@pytest.mark.parametrize(
    ("width", "height", "style"),
    [
        (80, 20, "boxes"),
        (56, 10, "snug"),
        (50, 10, "tight"),
        (40, 10, "snug"),
        (36, 10, "tight"),
        (40, 8, "compact"),
        (20, 2, "compact"),
    ],
)
def test_the_most_generous_picture_that_fits_is_chosen(width: int, height: int, style: Style) -> None:
    assert best_layout(CHAIN, width, height).style == style


@given(graphs(loops=True), st.integers(10, 120), st.integers(2, 40))
@settings(deadline=None, max_examples=40)
def test_boxes_are_chosen_only_where_they_fit(graph: Topology, width: int, height: int) -> None:
    drawn = best_layout(graph, width, height)
    assert drawn.style == "compact" or (drawn.width <= width and drawn.height <= height)


def test_the_lines_of_a_node_are_those_that_touch_it() -> None:
    drawn = layout(topology("A B C", "A>B B>C", ["llm<B"]), "boxes")
    operator, service = drawn.node("B"), drawn.node("llm", "service")
    assert operator is not None
    assert service is not None
    assert {line.id for line in drawn.lines_of(operator)} == {"A>B#0", "B>C#1", "B → llm"}
    assert [line.source for line in drawn.lines_of(service)] == ["B"]
    assert drawn.node_at(operator.x, operator.y) is operator
    assert drawn.node_at(drawn.width + 5, 0) is None


def test_a_service_and_an_operator_of_the_same_name_are_two_nodes() -> None:
    for style in STYLES:
        drawn = layout(topology("llm B", "llm>B", ["llm<B"]), style)
        operator, service = drawn.node("llm"), drawn.node("llm", "service")
        assert operator is not None
        assert service is not None
        assert operator.y != service.y


def operator_view(name: str, *, services: tuple[str, ...] = ()) -> OperatorView:
    return OperatorView(f"p/{name}", "p", name, name, "map", name, 1, None, None, services=services)


def test_the_topology_of_a_view_holds_what_is_drawn_and_no_numbers() -> None:
    operators = (operator_view("A"), operator_view("B\x1b[2J", services=("llm",)))
    view = PipelineView(
        id="p",
        name="p",
        era=1,
        status="running",
        started=0.0,
        duration=None,
        operators=operators,
        edges=(EdgeInfo("e", "A", "B\x1b[2J"), EdgeInfo("lost", "A", "nobody")),
        services=(ServiceView("p/llm", "p", "llm", "LLM", None, None, calls=5),),
    )
    (drawn,) = topology_of([view]).pipelines
    assert drawn.operators == (("p/A", "A"), ("p/B\x1b[2J", "B␛[2J"))
    assert [(edge.id, edge.source, edge.target) for edge in drawn.edges] == [("p/e", "p/A", "p/B\x1b[2J")]
    assert drawn.services[0].callers == ("p/B\x1b[2J",)


def test_pipelines_below_one_another_keep_their_own_lines() -> None:
    drawn = layout(Topology((pipeline("A B", "A>B", name="one"), pipeline("A B", "A>B", name="two"))), "tight")
    assert [node.name for node in drawn.nodes if node.kind == "pipeline"] == ["one", "two"]
    assert {line.cells[0][1] for line in drawn.lines} == {2, 8}
