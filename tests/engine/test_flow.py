"""Records flow: full channels hold their producers, loops come to rest, and many threads are no trouble."""

from __future__ import annotations

import threading
import time
from collections import Counter
from typing import Any

from support.graphs import Function, Pipeline, Recorder, run
from support.waiting import SOON

from sage_runtime.engine.threads import feedback
from sage_runtime.engine.threads.channels import MAX_CAPACITY, MIN_CAPACITY, Channel, Wakeup
from sage_runtime.engine.threads.engine import ThreadEngine
from sage_runtime.events import Notice, OperatorStats


def test_a_slow_sink_holds_back_the_source() -> None:
    go = threading.Event()
    given = 0
    recorder = Recorder()

    def execute() -> int:
        nonlocal given
        given += 1
        return given

    pipeline = Pipeline()
    numbers = pipeline.add("source", Function(execute), name="numbers")
    mapped = pipeline.add("map", Function(lambda x: x), numbers)
    kept = pipeline.add("filter", Function(lambda x: True), mapped)
    pipeline.add("sink", Function(lambda x: go.wait(SOON)), kept, name="slow")
    job = ThreadEngine(recorder).submit(pipeline.graph())

    def blocked(events: list[Any]) -> bool:
        return any(isinstance(e, OperatorStats) and e.operator == "numbers" and e.blocked > 0.99 for e in events)

    recorder.wait_for(blocked)
    assert given <= 3 * 2 * MAX_CAPACITY
    waiting = [stats for stats in recorder.of(OperatorStats) if stats.operator == "slow"][-1]
    assert waiting.queue <= 2 * waiting.queue_capacity
    assert waiting.queue_capacity == MIN_CAPACITY, "a slow consumer has a short channel"
    go.set()
    job.stop()


def test_no_record_waits_for_a_producer_that_is_inside_user_code() -> None:
    arrived = threading.Event()

    def numbers() -> Any:
        yield 1
        assert arrived.wait(SOON), "the first record should arrive while the second is made"
        yield 2

    pipeline = Pipeline()
    mapped = pipeline.add("map", Function(lambda x: x), pipeline.values(numbers()))
    pipeline.add("sink", Function(lambda x: arrived.set()), mapped)
    run(pipeline)
    assert arrived.is_set()


def test_a_map_hands_over_each_record_though_its_batch_goes_on() -> None:
    arrived: list[int] = []
    changed = threading.Condition()

    def note(value: int) -> None:
        with changed:
            arrived.append(value)
            changed.notify_all()

    def check(value: int) -> int:
        with changed:
            assert changed.wait_for(lambda: len(arrived) >= value - 1, SOON)
        return value

    recorder = Recorder()
    pipeline = Pipeline()
    pipeline.add("sink", Function(note), pipeline.add("map", Function(check), pipeline.values(range(100)), name="m"))
    run(pipeline, recorder)
    assert arrived == list(range(100))
    assert sum(stats.errors for stats in recorder.of(OperatorStats)) == 0


def loop_of(laps: int, width: int = 1) -> tuple[Pipeline, Any]:
    pipeline = Pipeline()
    source = pipeline.values([laps])
    body = pipeline.add("map", Function(lambda x: x), source, name="body")
    again = pipeline.add("flatmap", Function(lambda x: [x - 1] * width if x else []), body, name="again")
    pipeline.connect(again, body, feedback=True)
    return pipeline, pipeline.sink(body)


def test_a_loop_ends_when_nothing_is_in_flight() -> None:
    pipeline, out = loop_of(500)
    assert run(pipeline).status == "finished"
    assert out.values == list(range(500, -1, -1))


def test_a_loop_that_multiplies_does_not_block() -> None:
    pipeline, out = loop_of(13, width=2)
    run(pipeline)
    assert Counter(out.values) == {13 - depth: 2**depth for depth in range(14)}


def test_a_loop_inside_user_code_is_not_at_rest() -> None:
    pipeline = Pipeline()
    body = pipeline.add("map", Function(lambda x: x), pipeline.values([3]), name="body")

    def slow(value: int) -> int | None:
        time.sleep(0.02)
        return value - 1 if value else None

    again = pipeline.add("map", Function(slow), body, name="again")
    pipeline.connect(again, body, feedback=True)
    out = pipeline.sink(body)
    run(pipeline)
    assert out.values == [3, 2, 1, 0]


def test_a_loop_that_grows_is_told(monkeypatch: Any) -> None:
    monkeypatch.setattr(feedback, "LONG_LOOP", 100)
    go = threading.Event()
    recorder = Recorder()
    pipeline = Pipeline()
    body = pipeline.add(
        "map", Function(lambda x: go.wait(SOON) and None if x else x), pipeline.values([0]), name="body"
    )
    again = pipeline.add("flatmap", Function(lambda x: [1] * 500), body, name="again")
    pipeline.connect(again, body, feedback=True)
    job = ThreadEngine(recorder).submit(pipeline.graph())
    recorder.wait_for(lambda events: any(isinstance(event, Notice) for event in events))
    go.set()
    assert job.wait(SOON)
    (notice,) = recorder.of(Notice)
    assert "holds 4" in notice.message
    assert "may be growing" in notice.message


def test_five_hundred_replicas_share_the_work() -> None:
    pipeline = Pipeline()
    mapped = pipeline.add("map", Function(lambda x: x), pipeline.values(range(5000)), parallelism=500)
    out = pipeline.sink(mapped, parallelism=3)
    run(pipeline)
    assert Counter(out.values) == Counter(range(5000))
    assert out.closed == 3


def test_a_thousand_operators_run_and_end() -> None:
    pipeline = Pipeline()
    last = pipeline.values(range(20))
    for number in range(1000):
        last = pipeline.add("map", Function(lambda x: x + 1), last, name=f"m{number}")
    out = pipeline.sink(last)
    run(pipeline, Recorder())
    assert out.values == list(range(1000, 1020))


def test_threads_are_daemons_named_after_operator_and_replica() -> None:
    names: list[tuple[str, bool]] = []

    def note(value: Any) -> None:
        thread = threading.current_thread()
        names.append((thread.name, thread.daemon))

    pipeline = Pipeline()
    pipeline.add("sink", Function(note), pipeline.values([1, 2]), name="Print", parallelism=2)
    run(pipeline)
    assert sorted(names) == [("Print_0_worker", True), ("Print_1_worker", True)]


# --- channels --------------------------------------------------------------------------------------------------------


def test_a_lane_blocks_its_producer_until_there_is_room() -> None:
    channel = Channel("e", Wakeup(), 1)
    channel.records.extend(range(MIN_CAPACITY))
    entered = threading.Event()

    def produce() -> None:
        channel.wait_for_room(lambda: False)
        entered.set()

    thread = threading.Thread(target=produce)
    thread.start()
    assert channel.take(MIN_CAPACITY) == list(range(MIN_CAPACITY))
    assert entered.wait(SOON)
    thread.join()


def test_a_lane_that_is_abandoned_never_blocks() -> None:
    channel = Channel("e", Wakeup(), 1)
    channel.records.extend(range(1000))
    channel.abandon()
    assert channel.records == []
    channel.records.extend(range(1000))
    channel.wait_for_room(lambda: False)


def test_a_lane_grows_with_its_consumer_s_batches_at_once_and_shrinks_late() -> None:
    channel = Channel("e", Wakeup(), 1)
    channel.fit(1000)
    assert channel.capacity == 2048
    channel.fit(400)
    assert channel.capacity == 2048
    channel.fit(200)
    assert channel.capacity == 512
    channel.fit(1)
    assert channel.capacity == MIN_CAPACITY
    channel.fit(10**9)
    assert channel.capacity == MAX_CAPACITY


def test_a_bell_that_rings_before_the_sleep_is_not_lost() -> None:
    wakeup = Wakeup()
    ready = threading.Event()
    wakeup.wait(lambda: True)

    def notify() -> None:
        ready.set()
        wakeup.notify()

    threading.Timer(0.01, notify).start()
    wakeup.wait(ready.is_set)
    assert ready.is_set()
    wakeup.wait(lambda: False, timeout=0.01)


def test_many_rings_and_sleeps_lose_nothing() -> None:
    wakeup = Wakeup()
    channel = Channel("e", wakeup, 1, feedback=True)
    count = 20_000

    def produce() -> None:
        for number in range(count):
            channel.records.append(number)
            if wakeup.waiters:
                wakeup.notify()

    thread = threading.Thread(target=produce)
    thread.start()
    taken: list[int] = []
    while len(taken) < count:
        wakeup.wait(lambda: bool(channel.records))
        taken += channel.take(7)
    thread.join()
    assert taken == list(range(count))
