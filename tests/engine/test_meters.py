"""Meters tell what was done and how the time was spent, also while user code is at work."""

from __future__ import annotations

import math
import threading
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.graphs import Function, Pipeline, Recorder, run
from support.heard import wait_for
from support.services import calling
from support.waiting import SOON

from sage_runtime.engine.meters import (
    BLOCKED,
    BUSY,
    IDLE,
    WAITING,
    Histogram,
    Meter,
    merged,
    shares_of,
)
from sage_runtime.engine.threads.engine import ThreadEngine
from sage_runtime.events import OperatorStats, ServiceStats, latency_of

durations = st.lists(st.floats(1e-8, 1e4), min_size=1, max_size=50)


@given(durations)
def test_quantiles_are_within_two_percent_and_never_above_the_longest(values: list[float]) -> None:
    histogram = Histogram()
    for value in values:
        histogram.add(value)
    latency = histogram.latency()
    ordered = sorted(values)
    for share, found in ((0.5, latency.p50), (0.95, latency.p95), (0.99, latency.p99)):
        exact = max(1e-7, ordered[math.ceil(share * len(ordered)) - 1])
        assert found <= max(latency.max, 1e-7)
        assert found == pytest.approx(exact, rel=0.0201) or found == latency.max
    assert latency.max == ordered[-1]
    assert sum(count for _, count in latency.buckets) == len(values)


@given(durations, durations)
def test_merging_histograms_is_adding_all_to_one(first: list[float], second: list[float]) -> None:
    parts, whole = (Histogram(), Histogram()), Histogram()
    for part, values in zip(parts, (first, second), strict=True):
        for value in values:
            part.add(value)
            whole.add(value)
    assert merged(parts) == whole.latency()


def test_nothing_has_no_latency() -> None:
    assert latency_of({}, 0.0).buckets == ()
    assert latency_of({}, 0.0).max == 0.0


@given(st.lists(st.floats(0.0, 100.0), min_size=5, max_size=5), st.floats(0.0, 100.0))
def test_shares_add_up_to_one_over_the_time_that_was_not_paused(spent: list[float], gated: float) -> None:
    shares = shares_of([0.0] * 5, spent, gated)
    total = shares.busy + shares.waiting + shares.idle + shares.blocked
    assert total == pytest.approx(1.0) or (total == 0.0 and sum(spent) - shares.paused * sum(spent) < 1e-6)
    assert 0.0 <= shares.paused <= 1.0


def test_time_at_a_closed_gate_is_taken_from_idle_then_from_blocked() -> None:
    shares = shares_of([0.0] * 5, [2.0, 0.0, 3.0, 1.0, 0.0], gated=3.5)
    assert shares.idle == 0.0
    assert shares.blocked == pytest.approx(0.5 / 2.5)
    assert shares.paused == pytest.approx(3.5 / 6.0)


def test_a_meter_counts_what_goes_on_up_to_now() -> None:
    meter = Meter(10.0)
    meter.switch(BUSY, 12.0)
    meter.switch(WAITING, 13.0)
    meter.switch(BUSY, 13.5)
    times = meter.times(15.0)
    assert times[IDLE] == 2.0
    assert times[BUSY] == 2.5
    assert times[WAITING] == 0.5
    assert times[BLOCKED] == 0.0


def test_an_operator_inside_a_long_execute_is_busy_and_its_queue_is_seen() -> None:
    inside, go = threading.Event(), threading.Event()
    recorder = Recorder()

    def slow(value: int) -> None:
        inside.set()
        go.wait(SOON)

    pipeline = Pipeline()
    pipeline.add("sink", Function(slow), pipeline.values(range(9)), name="slow")
    job = ThreadEngine(recorder).submit(pipeline.graph())
    assert inside.wait(SOON)

    def seen(events: list[Any]) -> bool:
        return any(
            isinstance(event, OperatorStats) and event.operator == "slow" and event.busy > 0.9 and event.queue == 8
            for event in events
        )

    recorder.wait_for(seen)
    go.set()
    assert job.wait(SOON)


def test_counters_are_fresh_when_a_fast_operator_turns_slow_in_the_middle_of_a_batch() -> None:
    """The batch that was taken while records were quick is given back, so each slow record is counted."""
    stuck, go = threading.Semaphore(0), threading.Semaphore(0)
    recorder = Recorder()
    fast = 20_000

    def suddenly_slow(value: int) -> None:
        if value >= fast:
            stuck.release()
            go.acquire(timeout=SOON)

    pipeline = Pipeline()
    pipeline.add("sink", Function(suddenly_slow), pipeline.values(range(fast + 20)), name="sink")
    job = ThreadEngine(recorder).submit(pipeline.graph())
    assert stuck.acquire(timeout=SOON)

    def counted(least: int) -> Any:
        return lambda events: any(
            isinstance(event, OperatorStats) and event.operator == "sink" and event.records_in >= least
            for event in events
        )

    recorder.wait_for(lambda events: job.replicas[1].in_hand == 0)
    go.release(2)
    recorder.wait_for(counted(fast + 1))
    go.release(100)
    assert job.wait(SOON)
    last = [stats for stats in recorder.of(OperatorStats) if stats.operator == "sink"][-1]
    assert last.records_in == fast + 20


def test_totals_at_the_end_are_exact_for_every_replica() -> None:
    recorder = Recorder()
    pipeline = Pipeline()
    mapped = pipeline.add("map", Function(lambda x: x), pipeline.values(range(30_000)), parallelism=3, name="m")
    pipeline.sink(mapped, name="end")
    run(pipeline, recorder)
    last = {stats.operator: stats for stats in recorder.of(OperatorStats)}
    assert (last["Values"].records_in, last["Values"].records_out) == (0, 30_000)
    assert [replica.records_in for replica in last["m"].replicas] == [10_000] * 3
    assert (last["m"].records_in, last["m"].records_out, last["m"].queue) == (30_000, 30_000, 0)
    assert (last["end"].records_in, last["end"].records_out, last["end"].state) == (30_000, 0, "finished")


def test_every_record_of_a_slow_operator_is_timed() -> None:
    recorder = Recorder()
    pipeline = Pipeline()
    pipeline.add("sink", Function(lambda x: sum(range(20_000))), pipeline.values(range(50)), name="slow")
    run(pipeline, recorder)
    latency = recorder.of(OperatorStats)[-1].latency
    assert sum(count for _, count in latency.buckets) == 50
    assert 5e-5 < latency.p50 <= latency.p95 <= latency.p99 <= latency.max


def test_stats_are_published_only_when_something_changed() -> None:
    recorder = Recorder()
    pipeline = Pipeline()
    go = threading.Event()
    pipeline.sink(pipeline.add("source", Function(lambda: None), name="quiet", idle_delay=1000.0), name="end")
    busy = threading.Event()

    def wait() -> None:
        busy.set()
        go.wait(SOON)

    pipeline.sink(pipeline.add("batch", Function(wait), none_ends=True, name="busy"), name="other")
    runtime = ThreadEngine(recorder)
    job = runtime.submit(pipeline.graph())
    assert busy.wait(SOON)
    for _ in range(5):
        job.sample()
    count = len(recorder.of(OperatorStats))
    job.sample()
    assert len(recorder.of(OperatorStats)) - count <= 1, "at most one operator has anything new to say"
    go.set()
    job.stop()


def test_stats_say_how_long_the_interval_was_that_they_speak_of(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sage_runtime.engine.threads.engine.SAMPLE_SECONDS", 1000.0)  # readings are made here alone
    now = 100.0
    recorder, step = Recorder(), threading.Semaphore(0)
    values = iter(range(3))

    def give() -> int | None:
        step.acquire(timeout=SOON)
        return next(values, None)

    pipeline = Pipeline()
    pipeline.service("store", lambda context: Function(lambda value: value))
    source = pipeline.add("batch", Function(give), none_ends=True, name="give")

    asking = calling(lambda context, value: context.call_service["store"].execute(value))
    pipeline.add("sink", asking, source, name="ask")
    job = ThreadEngine(recorder, clock=lambda: now).submit(pipeline.graph())

    def read(time: float, records: int) -> None:
        nonlocal now
        now = time
        meter = job.replicas[1].meter
        expected = meter.records_in + records
        for _ in range(records):
            step.release()
        wait_for(lambda: meter.records_in == expected)
        job.sample()

    read(102.0, 1)
    read(102.5, 0)
    read(106.5, 2)
    step.release()
    assert job.wait(SOON)
    found = [stats.interval for stats in recorder.of(OperatorStats) if stats.operator == "ask" and stats.records_in]
    assert found[0] == 2.0
    assert 4.0 in found
    assert sum(found) <= 6.5
    calls = [(stats.calls, stats.interval) for stats in recorder.of(ServiceStats)]
    assert (1, 2.0) in calls
    assert (3, 4.0) in calls
