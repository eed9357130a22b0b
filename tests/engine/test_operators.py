"""Each kind of operator does with its results what SAGE's does."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from support.graphs import Collected, Function, Pipeline, Recorder, per_replica, run

from sage_runtime.events import Failure, OperatorStats, PipelineFinished, PipelineSubmitted
from sage_runtime.graph import EndOfStream


class Items:
    """A source that returns the items one after the other, then None."""

    def __init__(self, items: list[Any]) -> None:
        self.items = list(items)

    def execute(self) -> Any:
        return self.items.pop(0) if self.items else None


class Stop(EndOfStream):
    """A stop signal."""


def through(kind: str, function: Any, values: Any, **options: Any) -> list[Any]:
    pipeline = Pipeline(era=options.pop("era", 1))
    out = pipeline.sink(pipeline.add(kind, function, pipeline.values(values), **options))
    run(pipeline)
    return out.values


def test_records_arrive_in_order() -> None:
    assert through("map", Function(lambda x: x * 2), range(5000)) == [x * 2 for x in range(5000)]


def test_none_from_map_is_dropped() -> None:
    assert through("map", Function(lambda x: x if x % 2 else None), range(6)) == [1, 3, 5]


def test_filter_goes_by_truth_and_keeps_the_record() -> None:
    records = [[], [1], "", "a"]
    assert through("filter", Function(lambda x: x), records) == [[1], "a"]


@pytest.mark.parametrize("values", [[1, None, 2], (1, None, 2), iter([1, None, 2])])
def test_none_among_values_is_no_record(values: Any) -> None:
    assert through("map", Function(lambda x: x), values) == [1, 2]


@pytest.mark.parametrize("values", ["abc", range(3), {"a": 1, "b": 2}, (n for n in range(3))])
def test_any_iterable_is_a_batch(values: Any) -> None:
    expected = list(values) if not isinstance(values, Iterator) else [0, 1, 2]
    assert through("map", Function(lambda x: x), values) == expected


@pytest.mark.parametrize(
    ("returned", "expected"),
    [([1, 2], [1, 2]), ((1, None, 2), [1, 2]), ("text", ["text"]), (b"bytes", [b"bytes"]), (7, [7]), (None, [])],
)
def test_flatmap_takes_iterables_apart_but_not_strings(returned: Any, expected: list[Any]) -> None:
    assert through("flatmap", Function(lambda x: returned), [0]) == expected


def test_flatmap_of_a_dictionary_gives_its_keys_before_era_3_and_itself_since() -> None:
    function = Function(lambda x: {"a": x})
    assert through("flatmap", function, [1]) == ["a"]
    assert through("flatmap", function, [1], era=3) == [{"a": 1}]


def test_what_flatmap_collects_comes_after_what_it_returns() -> None:
    class Words:
        def __init__(self) -> None:
            self._collected: list[str] = []

        def execute(self, line: str) -> list[str]:
            self._collected.append(line.upper())
            return line.split()

    assert through("flatmap", Words(), ["a b", "c"]) == ["a", "b", "A B", "c", "C"]


def test_what_a_failed_flatmap_collected_is_dropped_with_its_record() -> None:
    class Half:
        def __init__(self) -> None:
            self._collected: list[int] = []

        def execute(self, number: int) -> None:
            self._collected.append(number)
            if number == 1:
                raise ValueError

    assert through("flatmap", Half(), range(3)) == [0, 2]


def test_a_generator_s_results_go_out_while_it_runs() -> None:
    pipeline = Pipeline()
    seen = Collected()

    def slowly(_: int) -> Iterator[int]:
        for number in range(100_000):
            yield number
            if number > 50_000:
                assert seen.values, "the first results should be at the sink long before the last is made"

    recorder = Recorder()
    pipeline.add("sink", seen, pipeline.add("flatmap", Function(slowly), pipeline.values([0])))
    run(pipeline, recorder)
    assert len(seen.values) == 100_000
    assert recorder.of(Failure) == []


def test_keyed_records_of_one_key_meet_at_one_replica_with_their_key() -> None:
    places: dict[int, set[int]] = {}

    def make(context: Any) -> Any:
        def note(value: int) -> int:
            places.setdefault(context.get_key(), set()).add(context.parallel_index)
            assert context.get_key() == value % 5
            return value

        return Function(note)

    pipeline = Pipeline()
    keyed = pipeline.add("keyby", Function(lambda x: x % 5), pipeline.values(range(500)))
    mapped = pipeline.add("map", per_replica(make), keyed, parallelism=3, partition="hash")
    again = pipeline.add("map", per_replica(make), mapped, parallelism=2)
    out = pipeline.sink(again)
    run(pipeline)
    assert Counter(out.values) == Counter(range(500))
    assert all(len(indices) <= 2 for indices in places.values())
    assert len(places) == 5


def test_unhashable_keys_are_routed_by_their_repr() -> None:
    seen: dict[int, set[int]] = {0: set(), 1: set()}

    def make(context: Any) -> Any:
        return Function(lambda value: seen[value].add(context.parallel_index))

    pipeline = Pipeline()
    keyed = pipeline.add("keyby", Function(lambda x: [x]), pipeline.values([0, 1] * 50))
    pipeline.add("sink", per_replica(make), keyed, parallelism=4, partition="hash")
    run(pipeline)
    assert [len(places) for places in seen.values()] == [1, 1]


def test_round_robin_and_broadcast_reach_every_replica() -> None:
    counts: dict[str, Counter[int]] = {"round_robin": Counter(), "broadcast": Counter()}
    pipeline = Pipeline()
    source = pipeline.values(range(30))
    for partition, counter in counts.items():

        def make(context: Any, counter: Counter[int] = counter) -> Any:
            return Function(lambda value: counter.update([context.parallel_index]))

        pipeline.add("sink", per_replica(make), source, parallelism=3, partition=partition, name=partition)  # type: ignore[arg-type]
    run(pipeline)
    assert counts["round_robin"] == {0: 10, 1: 10, 2: 10}
    assert counts["broadcast"] == {0: 30, 1: 30, 2: 30}


def test_comap_ends_when_all_inputs_have_and_loses_nothing() -> None:
    class Both:
        def map0(self, value: int) -> tuple[str, int]:
            return "left", value

        def map1(self, value: int) -> tuple[str, int]:
            return "right", value

    pipeline = Pipeline()
    both = pipeline.add("comap", Both(), [pipeline.values(range(3), "a"), pipeline.values(range(600), "b")])
    out = pipeline.sink(both)
    run(pipeline)
    assert Counter(side for side, _ in out.values) == {"left": 3, "right": 600}


def test_join_gets_payload_key_and_tag_and_keeps_the_key() -> None:
    class Pairs:
        def __init__(self) -> None:
            self.left: dict[int, str] = {}

        def execute(self, payload: str, key: int, tag: int) -> Any:
            if tag == 0:
                self.left[key] = payload
                return None
            return [(key, payload), None] if key else payload

    pipeline = Pipeline()
    left = pipeline.add("keyby", Function(len), pipeline.values(["a"], "l"))
    right = pipeline.add("keyby", Function(len), pipeline.values(["", "b"], "r"))
    keys: list[Any] = []

    def make(context: Any) -> Any:
        return Function(lambda value: keys.append((context.get_key(), value)))

    pipeline.add("sink", per_replica(make), pipeline.add("join", Pairs(), [left, right]))
    run(pipeline)
    assert keys == [(0, ""), (1, (1, "b"))]


def test_a_record_without_a_key_fails_at_a_join_and_is_not_lost_in_silence() -> None:
    recorder = Recorder()
    pipeline = Pipeline()
    plain = pipeline.values([1, 2], "plain")
    keyed = pipeline.add("keyby", Function(lambda x: x), pipeline.values([3], "k"))
    out = pipeline.sink(pipeline.add("join", Function(lambda payload, key, tag: payload), [plain, keyed]))
    run(pipeline, recorder)
    assert out.values == [3]
    assert [failure.exception for failure in recorder.of(Failure)] == ["UnkeyedRecordError"] * 2


def test_streams_with_and_without_keys_may_be_merged() -> None:
    pipeline = Pipeline()
    plain = pipeline.values([1], "plain")
    keyed = pipeline.add("keyby", Function(lambda x: "key"), pipeline.values([2], "k"))
    keys: dict[int, Any] = {}

    def make(context: Any) -> Any:
        return Function(lambda value: keys.__setitem__(value, context.get_key()))

    pipeline.add("sink", per_replica(make), [plain, keyed])
    run(pipeline)
    assert keys == {1: None, 2: "key"}


def test_a_batch_ends_at_none_or_a_stop_signal() -> None:
    pipeline = Pipeline()
    out = pipeline.sink(pipeline.add("batch", Items([1, 2, None, 3]), none_ends=True))
    other = pipeline.sink(pipeline.add("batch", Items([1, Stop(), 3]), none_ends=True))
    run(pipeline)
    assert (out.values, other.values) == ([1, 2], [1])


def test_a_source_goes_on_after_none_until_it_signals_the_end() -> None:
    pipeline = Pipeline()
    out = pipeline.sink(pipeline.add("source", Items([1, None, "two", None, 3.0, Stop(), 4]), idle_delay=0.001))
    run(pipeline)
    assert out.values == [1, "two", 3.0]


def test_stop_iteration_ends_a_source_that_says_so() -> None:
    pipeline = Pipeline()
    out = pipeline.sink(pipeline.add("batch", Function(iter([1, 2]).__next__), stop_iteration_ends=True))
    assert run(pipeline).status == "finished"
    assert out.values == [1, 2]


def test_a_stream_without_consumer_is_counted_and_ends() -> None:
    recorder = Recorder()
    pipeline = Pipeline()
    pipeline.add("map", Function(lambda x: x), pipeline.values(range(3000)), name="m")
    run(pipeline, recorder)
    last = [stats for stats in recorder.of(OperatorStats) if stats.operator == "m"][-1]
    assert (last.records_in, last.records_out, last.state) == (3000, 3000, "finished")


def test_a_graph_without_operators_ends_at_once() -> None:
    assert run(Pipeline()).status == "finished"


def test_every_replica_of_a_sink_is_closed_once() -> None:
    pipeline = Pipeline()
    out = pipeline.sink(pipeline.values(range(10)), parallelism=4)
    run(pipeline)
    assert out.closed == 4


def test_a_pipeline_tells_what_it_is_and_how_it_ended() -> None:
    recorder = Recorder()
    pipeline = Pipeline("words")
    pipeline.sink(pipeline.values([1], "numbers"), name="end", parallelism=2, partition="broadcast")
    run(pipeline, recorder)
    first, last = recorder.events[0], recorder.events[-1]
    assert isinstance(first, PipelineSubmitted)
    assert [(o.id, o.kind, o.parallelism) for o in first.operators] == [("numbers", "batch", 1), ("end", "sink", 2)]
    assert [(e.source, e.target, e.partition) for e in first.edges] == [("numbers", "end", "broadcast")]
    assert isinstance(last, PipelineFinished)
    assert (last.pipeline, last.status) == ("words", "finished")


def test_a_million_records_through_four_operators_arrive_exactly_once() -> None:
    recorder = Recorder()
    pipeline = Pipeline()
    total = Counter[str]()

    def add(value: int) -> None:
        total["sum"] += value
        total["count"] += 1

    mapped = pipeline.add("map", Function(lambda x: x + 1), pipeline.values(range(1_000_000)))
    kept = pipeline.add("filter", Function(lambda x: True), mapped)
    pipeline.add("sink", Function(add), kept, name="end")
    run(pipeline, recorder)
    assert total == {"sum": 500_000_500_000, "count": 1_000_000}
    assert [stats.records_in for stats in recorder.of(OperatorStats) if stats.operator == "end"][-1] == 1_000_000
