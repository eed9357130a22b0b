"""The inputs of an operator take turns: also while one is late or quiet, and in diamonds."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from support.graphs import Collected, Function, Pipeline, Recorder, run
from support.waiting import SOON

from sage_runtime.engine.threads import engine, job
from sage_runtime.engine.threads.channels import Channel, Wakeup
from sage_runtime.engine.threads.engine import ThreadEngine
from sage_runtime.engine.threads.loops import map_loop
from sage_runtime.engine.threads.turns import BATCH_TIMEOUT, NAP, STREAM_TIMEOUT, TurnInput
from sage_runtime.events import OperatorStats


class Sides:
    def map0(self, value: Any) -> tuple[int, Any]:
        return 0, value

    def map1(self, value: Any) -> tuple[int, Any]:
        return 1, value


def alternating(count: int) -> list[tuple[int, int]]:
    return [(side, number) for number in range(count) for side in (0, 1)]


def two_sides(pipeline: Pipeline, count: int, function: Any = None) -> Collected:
    sides = [pipeline.values(range(count), name) for name in ("left", "right")]
    return pipeline.sink(pipeline.add("comap", function or Sides(), sides, name="comap"))


def test_inputs_with_plenty_take_turns_record_by_record() -> None:
    pipeline = Pipeline()
    out = two_sides(pipeline, 20_000)
    run(pipeline)
    assert out.values == alternating(20_000)


def test_batches_that_are_interrupted_go_on_where_they_were(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "SAMPLE_SECONDS", 0.0001)
    monkeypatch.setattr(job, "LONG_BATCH", -1.0)
    pipeline = Pipeline()
    out = two_sides(pipeline, 3000)
    merged = pipeline.add("map", Function(lambda x: x), ["left", "right"])
    both = pipeline.sink(merged, name="merged")
    run(pipeline, Recorder())
    assert out.values == alternating(3000)
    assert both.values == [number for number in range(3000) for _ in range(2)]


def test_a_batch_that_is_late_is_waited_for_while_the_other_one_s_channel_is_full() -> None:
    recorder = Recorder()
    blocked = threading.Event()

    def late() -> Iterator[int]:
        assert blocked.wait(SOON)
        yield from range(1000)

    pipeline = Pipeline()
    sides = [pipeline.values(range(1000), "quick"), pipeline.values(late(), "late")]
    out = pipeline.sink(pipeline.add("comap", Sides(), sides))
    runtime = ThreadEngine(recorder)
    runtime.submit(pipeline.graph())
    recorder.wait_for(lambda events: any(isinstance(e, OperatorStats) and e.blocked > 0.9 for e in events))
    assert out.values == [(0, 0)]
    blocked.set()
    assert runtime.wait(SOON)
    assert out.values == alternating(1000)


@pytest.mark.parametrize("kept", [lambda x: False, lambda x: x % 1000 == 999, lambda x: x > 40_000])
def test_a_diamond_whose_one_branch_drops_much_goes_on(kept: Callable[[int], bool]) -> None:
    pipeline = Pipeline()
    source = pipeline.values(range(50_000))
    branches = [pipeline.add("map", Function(lambda x: x), source), pipeline.add("filter", Function(kept), source)]
    out = pipeline.sink(pipeline.add("comap", Sides(), branches))
    run(pipeline)
    assert [number for side, number in out.values if side == 0] == list(range(50_000))
    assert [number for side, number in out.values if side == 1] == [n for n in range(50_000) if kept(n)]


def test_operators_that_wait_for_one_another_s_inputs_go_on() -> None:
    pipeline = Pipeline()
    count = 30_000
    left, right = pipeline.values(range(count), "left"), pipeline.values(range(count), "right")
    outs = []
    for first, second in ((left, right), (right, left)):
        none = pipeline.add("filter", Function(lambda x: x == count - 1), second)
        outs.append(pipeline.sink(pipeline.add("comap", Sides(), [first, none])))
    run(pipeline)
    for out in outs:
        assert sorted(out.values) == sorted([(0, n) for n in range(count)] + [(1, count - 1)])


def test_replicas_of_a_join_whose_keys_are_all_one_side_s_go_on() -> None:
    class Join:
        def execute(self, value: int, key: int, tag: int) -> list[tuple[int, int]]:
            return [(tag, value)]

    pipeline = Pipeline()
    count = 20_000
    even = pipeline.add("keyby", Function(lambda x: 0), pipeline.values(range(count), "left"))
    odd = pipeline.add("keyby", Function(lambda x: 1), pipeline.values(range(count), "right"))
    out = pipeline.sink(pipeline.add("join", Join(), [even, odd], parallelism=2))
    run(pipeline)
    assert sorted(out.values) == [(tag, n) for tag in (0, 1) for n in range(count)]


def test_a_stream_goes_on_while_another_one_is_quiet() -> None:
    enough = threading.Event()
    numbers = iter(range(3000))

    def quiet() -> None:
        assert enough.wait(SOON)

    pipeline = Pipeline()
    busy = pipeline.add("source", Function(lambda: next(numbers, None)), name="busy", none_ends=True)
    silent = pipeline.add("source", Function(quiet), name="silent", none_ends=True)
    out: list[Any] = []

    def take(value: Any) -> None:
        out.append(value)
        if len(out) == 3000:
            enough.set()

    pipeline.add("sink", Function(take), pipeline.add("comap", Sides(), [silent, busy]))
    run(pipeline)
    assert out == [(1, number) for number in range(3000)]


def test_a_loop_goes_on_while_an_input_is_waited_for() -> None:
    rounds = threading.Event()

    def late() -> Iterator[int]:
        assert rounds.wait(SOON)
        yield 0

    def again(value: int) -> int | None:
        if value == 0:
            rounds.set()
        return value - 1 if value > 0 else None

    pipeline = Pipeline()
    body = pipeline.add("map", Function(lambda x: x), [pipeline.values([50, 60], "a"), pipeline.values(late(), "b")])
    pipeline.connect(pipeline.add("map", Function(again), body), body, feedback=True)
    out = pipeline.sink(body)
    run(pipeline)
    assert sorted(out.values) == sorted([*range(51), *range(61), 0])


def an_input(timeout: float) -> TurnInput:
    return TurnInput(Channel("e", Wakeup(), 1), map_loop(lambda x: x), None, timeout)


def test_a_quiet_stream_is_waited_for_ten_milliseconds_in_all_until_it_keeps_pace() -> None:
    stream = an_input(STREAM_TIMEOUT)
    for _ in range(9):
        stream.waited(NAP)
    assert stream.awaited
    stream.served(keeps_pace=False)
    stream.waited(100 * NAP)
    assert not stream.awaited, "however long a sleep was, it counts as one"
    stream.served(keeps_pace=False)
    assert not stream.awaited
    stream.served(keeps_pace=True)
    assert stream.awaited


def test_a_batch_is_waited_for_again_after_each_record() -> None:
    batch = an_input(BATCH_TIMEOUT)
    batch.idle = True
    batch.served(keeps_pace=False)
    assert batch.awaited
    batch.channel.producers = 0
    assert not batch.awaited
