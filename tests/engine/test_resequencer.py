"""The replicas of era 3 keep the order of what they get: also while one hangs, fails or is stopped."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest
from support.graphs import Function, Pipeline, Recorder, per_replica, run
from support.waiting import SOON

from sage_runtime.engine.threads.channels import MAX_CAPACITY
from sage_runtime.engine.threads.engine import ThreadEngine
from sage_runtime.events import OperatorStats, Trace


def in_era_3(name: str = "test") -> Pipeline:
    return Pipeline(name, 3)


@pytest.mark.parametrize("records", [1, 2, 7, 10_000])
def test_replicas_keep_the_order(records: int) -> None:
    pipeline = in_era_3()
    mapped = pipeline.add("map", Function(lambda x: x), pipeline.values(range(records)), parallelism=3)
    several = pipeline.add("flatmap", Function(lambda x: [x] * (x % 3)), mapped, parallelism=2)
    keyed = pipeline.add("keyby", Function(lambda x: x % 5), several, parallelism=2)
    counted = pipeline.add("map", Function(lambda x: x), keyed, parallelism=4)
    outs = [pipeline.sink(counted, name="one"), pipeline.sink(counted, name="another")]
    run(pipeline)
    for out in outs:
        assert out.values == [x for x in range(records) for _ in range(x % 3)]


def test_other_eras_have_nothing_in_between() -> None:
    met = threading.Event()

    def execute(value: int) -> int:
        if value == 0:
            assert met.wait(SOON), "what comes later may overtake it"
        return value

    pipeline = Pipeline("test", 2)
    mapped = pipeline.add("map", Function(execute), pipeline.values([0, 1]), parallelism=2)
    pipeline.add("sink", Function(lambda value: met.set()), mapped)
    assert run(pipeline).status == "finished"


def test_both_replicas_work_at_once() -> None:
    together = threading.Barrier(2)

    def meet(value: int) -> int:
        together.wait(SOON)
        return value

    pipeline = in_era_3()
    out = pipeline.sink(pipeline.add("map", Function(meet), pipeline.values(range(10)), parallelism=2))
    assert run(pipeline).status == "finished"
    assert out.values == list(range(10))


def test_what_is_next_does_not_wait_for_the_rest_of_its_record() -> None:
    arrived = threading.Event()

    def several(value: int) -> Iterator[int]:
        yield value
        assert arrived.wait(SOON)
        yield -value

    pipeline = in_era_3()
    spread = pipeline.add("flatmap", Function(several), pipeline.values([1, 2]), parallelism=2)
    out: list[int] = []

    def take(value: int) -> None:
        out.append(value)
        arrived.set()

    pipeline.add("sink", Function(take), spread)
    assert run(pipeline).status == "finished"
    assert out == [1, -1, 2, -2]


@pytest.mark.parametrize("partition", ["round_robin", "hash"])
def test_a_replica_that_hangs_holds_back_only_so_much(partition: Any) -> None:
    recorder = Recorder()
    go = threading.Event()
    given = 0

    def numbers() -> int | None:
        nonlocal given
        given += 1
        return given if given <= 10 * MAX_CAPACITY else None

    def first_hangs(value: int) -> int:
        assert value != 1 or go.wait(SOON)
        return value

    pipeline = in_era_3()
    source = pipeline.add("batch", Function(numbers), none_ends=True)
    keyed = pipeline.add("keyby", Function(lambda value: int(value == 1)), source, name="key")
    mapped = pipeline.add("map", Function(first_hangs), keyed, parallelism=2, partition=partition)
    out = pipeline.sink(mapped)
    runtime = ThreadEngine(recorder)
    runtime.submit(pipeline.graph())

    def blocked(events: list[Any]) -> bool:
        return any(isinstance(e, OperatorStats) and e.operator == "key" and e.blocked > 0.99 for e in events)

    recorder.wait_for(blocked, SOON)
    assert out.values == []
    assert given <= 9 * MAX_CAPACITY
    go.set()
    assert runtime.wait(SOON)
    assert out.values == list(range(1, 10 * MAX_CAPACITY + 1))


def test_a_stop_ends_replicas_that_are_held() -> None:
    recorder = Recorder()
    go = threading.Event()
    pipeline = in_era_3()
    numbers = iter(range(10**9))
    source = pipeline.add("source", Function(lambda: next(numbers)), name="source")
    keyed = pipeline.add("keyby", Function(lambda value: int(value == 0)), source)
    mapped = pipeline.add("map", Function(lambda x: x or go.wait(SOON)), keyed, parallelism=2)
    out = pipeline.sink(mapped)
    runtime = ThreadEngine(recorder)
    job = runtime.submit(pipeline.graph())

    def blocked(events: list[Any]) -> bool:
        return any(isinstance(e, OperatorStats) and e.operator == "source" and e.blocked > 0.99 for e in events)

    recorder.wait_for(blocked, SOON)
    job.cancel()
    go.set()
    assert job.wait(SOON)
    assert job.status == "stopped"
    assert out.values == []


def test_a_failure_ends_the_job_though_others_wait_for_that_record() -> None:
    def execute(value: int) -> int:
        if value == 100:
            raise ValueError(value)
        return value

    pipeline = in_era_3()
    out = pipeline.sink(pipeline.add("map", Function(execute), pipeline.values(range(10_000)), parallelism=3))
    job = run(pipeline)
    assert job.status == "failed"
    assert isinstance(job.failure, ValueError)
    assert out.values == list(range(len(out.values)))


def test_a_followed_record_and_a_look_keep_the_order() -> None:
    recorder = Recorder()
    runtime = ThreadEngine(recorder)
    runtime.pause()
    pipeline = in_era_3()
    mapped = pipeline.add("map", Function(lambda x: x), pipeline.values(range(2000)), parallelism=2, name="map")
    out = pipeline.sink(mapped)
    job = runtime.submit(pipeline.graph())
    runtime.follow(None, 5)
    runtime.inspect(["test/map"])
    for _ in range(5):
        runtime.step()
    recorder.wait_for(lambda events: sum(isinstance(e, Trace) and e.operator.startswith("sink") for e in events) == 5)
    assert out.values == list(range(5))
    runtime.resume()
    assert job.wait(SOON)
    assert runtime.wait(SOON)
    assert out.values == list(range(2000))


def test_records_go_round_the_replicas_from_the_first_one_on() -> None:
    class Who:
        def __init__(self, context: Any) -> None:
            self.index = context.parallel_index

        def execute(self, value: Any) -> tuple[Any, int]:
            return value, self.index

    pipeline = in_era_3()
    first = pipeline.add("map", per_replica(Who), pipeline.values(range(6)), parallelism=2)
    out = pipeline.sink(pipeline.add("map", per_replica(Who), first, parallelism=3))
    run(pipeline)
    assert out.values == [((number, number % 2), number % 3) for number in range(6)]
