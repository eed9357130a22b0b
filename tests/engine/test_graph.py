"""A graph is checked when it is made, and knows which streams carry keys."""

from __future__ import annotations

from typing import Any

import pytest
from support.graphs import Function, Pipeline

from sage_runtime.graph import EdgeSpec, Graph, GraphError, OperatorSpec, ServiceSpec


def same(value: Any) -> Any:
    return value


def source(name: str = "s") -> OperatorSpec:
    return OperatorSpec(name, name, "batch", lambda context: None, values=())


def mapper(name: str = "m") -> OperatorSpec:
    return OperatorSpec(name, name, "map", lambda context: Function(same))


def test_two_operators_of_one_name_are_refused() -> None:
    with pytest.raises(GraphError, match="two operators are called 's'"):
        Graph("g", 1, (source(), source()))


def test_two_services_of_one_name_are_refused() -> None:
    service = ServiceSpec("x", lambda context: None)
    with pytest.raises(GraphError, match="two services are called 'x'"):
        Graph("g", 1, services=(service, service))


def test_an_edge_to_nowhere_is_refused_by_name() -> None:
    with pytest.raises(GraphError, match="edge 'e' names the unknown operator 'gone'"):
        Graph("g", 1, (source(),), (EdgeSpec("e", "s", "gone"),))


def test_an_edge_into_a_source_or_out_of_a_sink_is_refused() -> None:
    sink = OperatorSpec("k", "k", "sink", lambda context: None)
    with pytest.raises(GraphError, match="leads into the source 's'"):
        Graph("g", 1, (source(), mapper()), (EdgeSpec("a", "s", "m"), EdgeSpec("b", "m", "s")))
    with pytest.raises(GraphError, match="leads out of the sink 'k'"):
        Graph("g", 1, (source(), sink, mapper()), (EdgeSpec("a", "s", "k"), EdgeSpec("b", "k", "m")))


def test_an_operator_without_input_is_refused() -> None:
    with pytest.raises(GraphError, match="operator 'm' has no input"):
        Graph("g", 1, (source(), mapper()))


def test_a_join_needs_both_inputs() -> None:
    join = OperatorSpec("j", "j", "join", lambda context: None)
    with pytest.raises(GraphError, match="join 'j' needs 2 inputs"):
        Graph("g", 1, (source(), join), (EdgeSpec("e", "s", "j"),))


def test_no_replicas_and_unknown_words_are_refused() -> None:
    with pytest.raises(GraphError, match="parallelism of 0"):
        Graph("g", 1, (OperatorSpec("m", "m", "map", lambda context: None, parallelism=0),))
    with pytest.raises(GraphError, match="unknown kind 'mop'"):
        Graph("g", 1, (OperatorSpec("m", "m", "mop", lambda context: None),))
    with pytest.raises(GraphError, match="unknown partition 'sideways'"):
        Graph("g", 1, (source(), mapper()), (EdgeSpec("e", "s", "m", partition="sideways"),))  # type: ignore[arg-type]


def test_a_loop_needs_a_feedback_edge() -> None:
    operators = (source(), mapper("a"), mapper("b"))
    edges = (EdgeSpec("1", "s", "a"), EdgeSpec("2", "a", "b"), EdgeSpec("3", "b", "a"))
    with pytest.raises(GraphError, match="a, b form a loop"):
        Graph("g", 1, operators, edges)
    closed = (*edges[:2], EdgeSpec("3", "b", "a", feedback=True))
    assert Graph("g", 1, operators, closed).batch


def test_streams_after_keyby_and_join_carry_keys() -> None:
    pipeline = Pipeline()
    s = pipeline.values(())
    left = pipeline.add("keyby", Function(same), s, name="left")
    right = pipeline.add("keyby", Function(same), s, name="right")
    joined = pipeline.add("join", Function(same), [left, right], name="joined")
    mapped = pipeline.add("map", Function(same), joined, name="mapped")
    pipeline.add("map", Function(same), s, name="plain")
    pipeline.sink(mapped, name="end")
    assert pipeline.graph().keyed == {"left", "right", "joined", "mapped"}


def test_a_graph_with_a_streaming_source_is_no_batch() -> None:
    pipeline = Pipeline()
    pipeline.values((), name="a")
    assert pipeline.graph().batch
    pipeline.add("source", Function(same), name="b")
    assert not pipeline.graph().batch
