"""What calling operators on streams builds, and what is refused while building."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from sage_runtime.api.environment import (
    BaseEnvironment,
    KernelLocalEnvironment,
    LocalEnvironment,
    RuntimeLocalEnvironment,
)
from sage_runtime.api.functions import (
    BaseCoMapFunction,
    BaseFunction,
    BaseJoinFunction,
    BatchFunction,
    KeyByFunction,
    MapFunction,
    SinkFunction,
    SourceFunction,
)
from sage_runtime.api.pipeline import build_graph
from sage_runtime.graph import Graph, GraphError, OperatorSpec


class Numbers(BatchFunction):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__()
        self.args, self.kwargs = args, kwargs

    def execute(self) -> Any:
        return None


class Ticks(SourceFunction):
    def execute(self, data: Any = None) -> Any:
        return None


class Double(MapFunction):
    def execute(self, data: Any) -> Any:
        return data * 2


class Parity(KeyByFunction):
    def execute(self, data: Any) -> Any:
        return data % 2


class Keep(SinkFunction):
    def execute(self, data: Any) -> None:
        pass


class Both(BaseCoMapFunction):
    def map0(self, data: Any) -> Any:
        return data

    def map1(self, data: Any) -> Any:
        return data


class Pairs(BaseJoinFunction):
    def execute(self, payload: Any, key: Any, tag: int) -> Any:
        return [payload]


@pytest.fixture
def env() -> LocalEnvironment:
    return LocalEnvironment("test")


def operators(env: BaseEnvironment) -> dict[str, OperatorSpec]:
    return {operator.id: operator for operator in build_graph(env).operators}


def edges(graph: Graph) -> list[tuple[str, str, int, str, bool]]:
    return [(edge.source, edge.target, edge.input, edge.partition, edge.feedback) for edge in graph.edges]


def test_a_chain_becomes_operators_and_edges(env: LocalEnvironment) -> None:
    env.from_batch(Numbers).map(Double, parallelism=3).sink(Keep)
    graph = build_graph(env)
    assert [(o.id, o.kind, o.parallelism, o.class_name) for o in graph.operators] == [
        ("Numbers", "batch", 1, "Numbers"),
        ("Double", "map", 3, "Double"),
        ("Keep", "sink", 1, "Keep"),
    ]
    assert edges(graph) == [
        ("Numbers", "Double", 0, "forward", False),
        ("Double", "Keep", 0, "forward", False),
    ]
    assert graph.batch


def test_two_of_a_class_get_names_of_their_own(env: LocalEnvironment) -> None:
    env.from_batch(Numbers).map(Double).map(Double).map(Double, name="Twice").sink(Keep)
    assert list(operators(env)) == ["Numbers", "Double", "Double_1", "Twice", "Keep"]


def test_lambdas_are_called_by_what_they_do(env: LocalEnvironment) -> None:
    stream = env.from_source(lambda: 1).map(lambda x: x).map(str).filter(bool).flatmap(lambda x: [x])
    stream.keyby(lambda x: x).sink(print)
    assert list(operators(env)) == ["source", "map", "map_1", "filter", "flatmap", "keyby", "sink"]


def test_a_sink_returns_the_stream_it_reads_from(env: LocalEnvironment) -> None:
    stream = env.from_batch([1])
    assert stream.sink(Keep) is stream
    stream.map(Double).sink(Keep)
    assert edges(build_graph(env)) == [
        ("list", "Keep", 0, "forward", False),
        ("list", "Double", 0, "forward", False),
        ("Double", "Keep_1", 0, "forward", False),
    ]


def test_a_class_says_in_which_file_and_line_it_is(env: LocalEnvironment) -> None:
    env.from_batch(Numbers).map(Double).sink(lambda x: None)
    specs = operators(env)
    lines = open(__file__, encoding="utf-8").read().splitlines()  # noqa: SIM115, PTH123
    for operator, text in {
        "Numbers": "class Numbers(",
        "Double": "class Double(",
        "sink": "sink(lambda x: None)",
    }.items():
        assert specs[operator].file == __file__
        line = specs[operator].line
        assert line is not None
        assert text in lines[line - 1]


def test_the_librarys_own_classes_and_builtins_have_no_place(env: LocalEnvironment) -> None:
    env.from_batch([1]).map(str).print()
    assert {(operator.file, operator.line) for operator in operators(env).values()} == {(None, None)}


def test_callable_objects_and_methods_have_a_place(env: LocalEnvironment) -> None:
    class Adder:
        def __call__(self, x: int) -> int:
            return x + 1

        def add(self, x: int) -> int:
            return x + 1

    env.from_batch([1]).map(Adder()).map(Adder().add).map(partial(lambda y, x: x + y, 1))
    placed = [operator for operator in operators(env).values() if operator.file == __file__]
    assert [operator.class_name for operator in placed] == ["Adder", "add", "partial"]


@pytest.mark.parametrize("values", [[1, 2], (1, 2), "ab", range(2), {1, 2}, iter([1, 2]), {"a": 1}, b"ab"])
def test_anything_that_can_be_iterated_is_a_batch(env: LocalEnvironment, values: Any) -> None:
    env.from_batch(values, total_count=2, progress_log_interval=1).sink(Keep)
    batch = build_graph(env).operators[0]
    assert (batch.kind, batch.values, batch.class_name) == ("batch", values, type(values).__name__)


def test_what_is_neither_is_refused(env: LocalEnvironment) -> None:
    with pytest.raises(TypeError, match="not 42"):
        env.from_batch(42)
    with pytest.raises(TypeError, match="the class Double, not an instance"):
        env.from_batch([1]).map(Double())
    with pytest.raises(TypeError, match="a function class or a callable, not 3"):
        env.from_batch([1]).map(3)


def test_arguments_reach_the_constructor_and_ours_do_not(env: LocalEnvironment) -> None:
    env.from_batch(Numbers, 1, "two", three=3, delay=0.5, progress_log_interval=7, parallelism=2)
    step = env.pipeline[0]
    assert (step.function_args, step.function_kwargs, step.parallelism) == ((1, "two"), {"three": 3}, 2)


def test_a_keyword_that_the_constructor_needs_is_its_own(env: LocalEnvironment) -> None:
    class Named(MapFunction):
        def __init__(self, name: str) -> None:
            super().__init__()

        def execute(self, data: Any) -> Any:
            return data

    class Writer(SinkFunction):
        def __init__(self, batch_size: int) -> None:
            super().__init__()

        def execute(self, data: Any) -> None: ...

    env.from_batch([1]).map(Named, name="x").sink(Writer, batch_size=3).sink(Keep, batch_size=3)
    assert [step.function_kwargs for step in env.pipeline[1:]] == [{"name": "x"}, {"batch_size": 3}, {}]
    assert [step.basename for step in env.pipeline] == ["list", "Named", "Writer", "Keep"]


@pytest.mark.parametrize(
    ("make", "delay", "idle"),
    [(LocalEnvironment, 0.01, 0.01), (KernelLocalEnvironment, 0.01, 0.01), (RuntimeLocalEnvironment, 0.0, 0.5)],
)
def test_a_delay_is_one_tick_of_the_engine_in_eras_1_and_2_and_the_idle_wait_in_era_3(
    make: Callable[[], BaseEnvironment], delay: float, idle: float
) -> None:
    env = make()
    env.from_source(Ticks, delay=0.5)
    source = build_graph(env).operators[0]
    assert (source.delay, source.idle_delay, source.none_ends) == (delay, idle, False)


def test_without_a_delay_a_source_runs_at_full_speed(env: LocalEnvironment) -> None:
    env.from_source(Ticks)
    assert build_graph(env).operators[0].delay == 0.0


def test_keyby_routes_by_its_strategy(env: LocalEnvironment) -> None:
    env.from_batch([1]).keyby(Parity).sink(Keep)
    env.from_batch([1]).keyby(Parity, strategy="broadcast").sink(Keep)
    partitions = {edge.target: edge.partition for edge in build_graph(env).edges}
    assert (partitions["Keep"], partitions["Keep_1"], partitions["Parity"]) == ("hash", "broadcast", "forward")


@pytest.mark.parametrize("strategy", ["round_robin", "nearest", "HASH", None, 7])
def test_keyby_takes_any_strategy_and_routes_in_turn(env: LocalEnvironment, strategy: Any) -> None:
    env.from_batch([1]).keyby(Parity, strategy=strategy).sink(Keep)
    assert {edge.target: edge.partition for edge in build_graph(env).edges}["Keep"] == "round_robin"


@pytest.mark.parametrize("strategy", ["hash", "broadcast", "nearest"])
def test_in_era_3_keyby_routes_by_the_key_whatever_the_strategy(strategy: str) -> None:
    env = RuntimeLocalEnvironment()
    env.from_batch([1]).keyby(Parity, strategy=strategy).sink(Keep)
    assert {edge.target: edge.partition for edge in build_graph(env).edges}["Keep"] == "hash"


def test_connected_streams_keep_their_order(env: LocalEnvironment) -> None:
    one, two, three = (env.from_batch([n], name=f"b{n}") for n in (1, 2, 3))

    class Three(Both):
        def map2(self, data: Any) -> Any:
            return data

    one.connect(two).connect(three).comap(Three)
    one.connect(two.connect(three)).map(Double)
    assert [edge[:3] for edge in edges(build_graph(env))] == [
        ("b1", "Three", 0),
        ("b2", "Three", 1),
        ("b3", "Three", 2),
        ("b1", "Double", 0),
        ("b2", "Double", 1),
        ("b3", "Double", 2),
    ]


def test_a_comap_takes_a_class_with_a_method_for_each_stream(env: LocalEnvironment) -> None:
    class One(BaseCoMapFunction):
        def map0(self, data: Any) -> Any:
            return data

    pair = env.from_batch([1]).connect(env.from_batch([2]))
    with pytest.raises(NotImplementedError, match="lambdas are not supported"):
        pair.comap(lambda x: x)
    with pytest.raises(TypeError, match="not \\[\\]"):
        pair.comap([])
    with pytest.raises(TypeError, match="Double does not derive from BaseCoMapFunction"):
        pair.comap(Double)
    with pytest.raises(TypeError, match="One is missing map1: 2 streams need map0, map1"):
        pair.comap(One)


def test_the_third_method_of_a_comap_is_optional_before_era_3() -> None:
    def three(env: BaseEnvironment) -> Any:
        return env.from_batch([1]).connect(env.from_batch([2])).connect(env.from_batch([3]))

    three(KernelLocalEnvironment()).comap(Both)
    with pytest.raises(TypeError, match="missing map2"):
        three(RuntimeLocalEnvironment()).comap(Both)


def test_a_join_takes_two_streams_and_a_join_class(env: LocalEnvironment) -> None:
    one, two = env.from_batch([1]).keyby(Parity), env.from_batch([2]).keyby(Parity)
    with pytest.raises(ValueError, match="exactly 2 streams, not 3"):
        one.connect(two).connect(env.from_batch([3])).join(Pairs)
    with pytest.raises(TypeError, match="derived from BaseJoinFunction, not Double"):
        one.connect(two).join(Double)
    with pytest.raises(TypeError, match="derived from BaseJoinFunction"):
        one.connect(two).join(lambda payload, key, tag: payload)
    one.connect(two).join(Pairs).sink(Keep)
    assert build_graph(env).keyed >= {"Pairs"}


def test_connected_streams_are_keyed_together_or_one_by_one(env: LocalEnvironment) -> None:
    class Other(Parity):
        pass

    pair = env.from_batch([1]).connect(env.from_batch([2]))
    assert [step.function_class for step in pair.keyby(Parity).transformations] == [Parity, Parity]
    assert [step.function_class for step in pair.keyby([Parity, Other]).transformations] == [Parity, Other]
    with pytest.raises(ValueError, match="2 streams need 2 key functions, not 1"):
        pair.keyby([Parity])
    with pytest.raises(NotImplementedError, match="lambdas are not supported"):
        pair.keyby(lambda x: x)


def test_streams_of_two_environments_are_not_connected(env: LocalEnvironment) -> None:
    with pytest.raises(ValueError, match="different environments"):
        env.from_batch([1]).connect(LocalEnvironment("other").from_batch([2]))


def test_a_filled_future_closes_a_loop(env: LocalEnvironment) -> None:
    future = env.from_future("again")
    merged = env.from_batch([1]).connect(future).comap(Both)
    merged.map(Double).fill_future(future)
    assert edges(build_graph(env)) == [
        ("list", "Both", 0, "forward", False),
        ("Double", "Both", 1, "forward", True),
        ("Both", "Double", 0, "forward", False),
    ]


def test_a_future_that_closes_no_loop_is_an_ordinary_edge(env: LocalEnvironment) -> None:
    future = env.from_future("later")
    env.from_batch([1]).connect(future).comap(Both).sink(Keep)
    env.from_batch([2]).map(Double).fill_future(future)
    assert not any(edge.feedback for edge in build_graph(env).edges)


def test_futures_are_filled_once_and_before_they_are_read(env: LocalEnvironment) -> None:
    stream, future = env.from_batch([1]), env.from_future("again")
    with pytest.raises(ValueError, match="list is no future stream"):
        future.fill_future(stream)
    future.map(Double)
    with pytest.raises(GraphError, match="Double reads the future stream 'again', which was never filled"):
        build_graph(env)
    stream.fill_future(future)
    with pytest.raises(RuntimeError, match="'again' has been filled already"):
        stream.fill_future(future)


def test_a_future_that_nobody_reads_does_no_harm(env: LocalEnvironment) -> None:
    env.from_future("unused")
    env.from_batch([1]).sink(Keep)
    assert [operator.id for operator in build_graph(env).operators] == ["list", "Keep"]


def test_a_batch_class_may_only_give_an_iterator(env: LocalEnvironment) -> None:
    class Squares(BaseFunction):
        def __init__(self, count: int) -> None:
            self.count = count

        def get_data_iterator(self) -> Any:
            return (n * n for n in range(self.count))

    env.from_batch(Squares, 3)
    step = env.pipeline[0]
    function = step.function_class(*step.function_args)
    assert [function.execute() for _ in range(4)] == [0, 1, 4, None]
    assert step.basename == "Squares"


def test_steps_can_be_looked_at_before_they_run(env: LocalEnvironment) -> None:
    env.from_batch(Numbers).map(Double, parallelism=4).sink(Keep)
    source, double, keep = env.pipeline
    assert (double.parallelism, double.upstreams, source.downstreams) == (4, [source], {"Double": 0})
    assert (source.is_spout, keep.is_sink) == (True, True)


def test_a_stream_may_set_the_parallelism_of_what_follows(env: LocalEnvironment) -> None:
    env.from_batch([1]).set_parallelism(4).map(Double).set_parallelism(2).map(Double, parallelism=3).sink(Keep)
    assert [operator.parallelism for operator in build_graph(env).operators] == [1, 4, 3, 1]
    with pytest.raises(ValueError, match="1 or more, not 0"):
        env.from_batch([1]).set_parallelism(0)


def test_streams_may_be_subscripted_by_a_type() -> None:
    from sage_runtime.api.streams import DataStream

    stream: Any = DataStream
    assert stream[int].__origin__ is DataStream


def test_kafka_sources_take_the_arguments_of_every_era(env: LocalEnvironment) -> None:
    class Own(SourceFunction):
        def execute(self) -> Any: ...

    env.from_kafka_source("host:9092", "topic", "group", buffer_size=5, security_protocol="SSL")
    env.from_kafka_source(Own, "host:9092", "topic", group_id="group")
    first, second = env.pipeline
    assert first.function_class.__name__ == "KafkaSourceFunction"
    assert first.function_kwargs == {
        "bootstrap_servers": "host:9092",
        "topic": "topic",
        "group_id": "group",
        "auto_offset_reset": "latest",
        "value_deserializer": "json",
        "buffer_size": 5,
        "max_poll_records": 500,
        "security_protocol": "SSL",
    }
    assert (second.function_class, second.function_kwargs["topic"]) == (Own, "topic")
