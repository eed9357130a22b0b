"""Pause holds the sources, step lets one record through, and what is in flight goes on."""

from __future__ import annotations

import threading
from typing import Any

from support.graphs import Collected, Function, Pipeline, Recorder
from support.waiting import SOON

from sage_runtime.engine.threads.engine import ThreadEngine
from sage_runtime.events import OperatorStats


class Noticed(Collected):
    """A sink that tells when it has got a number of records."""

    def __init__(self) -> None:
        super().__init__()
        self._changed = threading.Condition()

    def execute(self, value: Any) -> None:
        with self._changed:
            self.values.append(value)
            self._changed.notify_all()

    def wait_for(self, count: int) -> bool:
        with self._changed:
            return self._changed.wait_for(lambda: len(self.values) >= count, SOON)


def counting() -> Function:
    numbers = iter(range(1_000_000_000))
    return Function(lambda: next(numbers))


def test_a_run_that_starts_paused_gives_nothing_until_it_is_stepped() -> None:
    runtime = ThreadEngine()
    runtime.pause()
    pipeline = Pipeline()
    out = Noticed()
    pipeline.add("sink", out, pipeline.values(range(3)))
    job = runtime.submit(pipeline.graph())
    for count in (1, 2):
        runtime.step()
        assert out.wait_for(count)
        assert out.values == list(range(count))
    runtime.resume()
    assert job.wait(SOON)
    assert out.values == [0, 1, 2]


def test_a_value_that_a_source_returns_while_paused_is_held_and_not_lost() -> None:
    runtime = ThreadEngine()
    asked, answer = threading.Event(), threading.Event()
    values = iter([1, 2, None])

    def execute() -> int | None:
        asked.set()
        assert answer.wait(SOON)
        return next(values)

    pipeline = Pipeline()
    out = Noticed()
    pipeline.add("sink", out, pipeline.add("batch", Function(execute), none_ends=True, name="s"))
    job = runtime.submit(pipeline.graph())
    assert asked.wait(SOON)
    runtime.pause()
    answer.set()
    runtime.step("test/s")
    assert out.wait_for(1)
    assert out.values == [1]
    runtime.resume()
    assert job.wait(SOON)
    assert out.values == [1, 2]


def test_a_step_of_one_source_leaves_the_others_held() -> None:
    runtime = ThreadEngine()
    runtime.pause()
    pipeline = Pipeline()
    out = Noticed()
    pipeline.add("sink", out, [pipeline.values("ab", "letters"), pipeline.values(range(2), "digits")])
    job = runtime.submit(pipeline.graph())
    runtime.step("test/digits")
    assert out.wait_for(1)
    runtime.step("test/digits")
    assert out.wait_for(2)
    assert out.values == [0, 1]
    runtime.resume()
    assert job.wait(SOON)
    assert sorted(map(str, out.values)) == ["0", "1", "a", "b"]


def test_while_paused_a_feedback_edge_holds_its_records_and_a_step_lets_one_go() -> None:
    runtime = ThreadEngine()
    pipeline = Pipeline()
    out = Noticed()
    source = pipeline.values([3])
    down = pipeline.add("map", Function(lambda x: x), source, name="down")
    again = pipeline.add("map", Function(lambda x: x - 1 or None), down, name="again")
    pipeline.connect(again, down, feedback=True)
    pipeline.add("sink", out, down)
    runtime.pause()
    job = runtime.submit(pipeline.graph())
    for expected in ([3], [3, 2], [3, 2, 1]):
        runtime.step()
        assert out.wait_for(len(expected))
        assert out.values == expected
    runtime.resume()
    assert job.wait(SOON)


def test_paused_time_is_neither_idle_nor_blocked() -> None:
    recorder = Recorder()
    runtime = ThreadEngine(recorder)
    pipeline = Pipeline()
    pipeline.sink(pipeline.add("source", counting(), name="numbers"), name="end")
    job = runtime.submit(pipeline.graph())
    runtime.pause()

    def paused(events: list[Any]) -> bool:
        last = {event.operator: event for event in events if isinstance(event, OperatorStats)}
        return set(last) == {"numbers", "end"} and all(
            stats.state == "paused" and stats.paused > 0.99 for stats in last.values()
        )

    recorder.wait_for(paused)
    runtime.resume()
    job.stop(drain=False)


def test_closing_the_sources_while_paused_delivers_what_was_held() -> None:
    runtime = ThreadEngine()
    asked, answer = threading.Event(), threading.Event()

    def execute() -> int:
        asked.set()
        assert answer.wait(SOON)
        return 7

    pipeline = Pipeline()
    out = Noticed()
    pipeline.add("sink", out, pipeline.add("source", Function(execute), name="s"))
    job = runtime.submit(pipeline.graph())
    assert asked.wait(SOON)
    runtime.pause()
    answer.set()
    job.stop()
    assert job.ended
    assert out.values == [7]


def test_a_stop_while_paused_ends_at_once() -> None:
    runtime = ThreadEngine()
    runtime.pause()
    pipeline = Pipeline()
    out = Noticed()
    pipeline.add("sink", out, pipeline.values(range(3)))
    job = runtime.submit(pipeline.graph())
    runtime.stop()
    assert job.wait(SOON)
    assert (job.status, out.values) == ("stopped", [])
