"""What a record costs, counted and not timed: calls, locks, memory and events."""

from __future__ import annotations

import sys
from collections import Counter, deque
from types import FrameType
from typing import Any

import pytest
from support.graphs import Pipeline, Recorder, run
from support.waiting import SOON

from sage_runtime.engine.call_metrics import CALL_EVENTS
from sage_runtime.engine.threads import engine as runtime_module
from sage_runtime.engine.threads.channels import Channel, Wakeup
from sage_runtime.engine.threads.engine import ThreadEngine
from sage_runtime.engine.threads.loops import Loop, filter_loop, map_loop, sink_loop
from sage_runtime.engine.threads.routes import Send
from sage_runtime.events import LeftOut, OperatorStats, PipelineFinished, PipelineSubmitted, ServiceCall

RECORDS = 1000


class Calls:
    """Counts the calls of functions by name while it is installed on this thread: also those of a clock or a lock."""

    def __init__(self) -> None:
        self.names: Counter[str] = Counter()

    def __enter__(self) -> Calls:
        sys.setprofile(self._note)
        return self

    def __exit__(self, *_: object) -> None:
        sys.setprofile(None)
        del self.names["__exit__"]

    def _note(self, frame: FrameType, event: str, argument: Any) -> None:
        if event == "call":
            self.names[frame.f_code.co_name] += 1
        elif event == "c_call" and argument is not sys.setprofile:
            self.names[argument.__name__] += 1


def execute(value: int) -> int:
    return value


def nobody(record: Any, error: BaseException) -> None:
    raise error


LOOPS = pytest.mark.parametrize(
    "loop", [map_loop(execute), filter_loop(execute), sink_loop(execute)], ids=["map", "filter", "sink"]
)


@LOOPS
def test_a_record_costs_the_user_s_call_and_at_most_one_append(loop: Loop) -> None:
    send = Send(deque[Any](maxlen=0), lambda: None)
    with Calls() as calls:
        loop(iter([7] * RECORDS), send, nobody)
    assert calls.names["execute"] == RECORDS
    assert calls.names["append"] <= RECORDS
    del calls.names["execute"], calls.names["append"]
    assert calls.names.total() <= 3


@LOOPS
def test_a_record_leaves_nothing_in_memory(loop: Loop) -> None:
    send = Send(deque[Any](maxlen=0), lambda: None)
    records = [7] * (10 * RECORDS)
    loop(iter(records), send, nobody)  # what is made once has been made
    before = sys.getallocatedblocks()
    loop(iter(records), send, nobody)
    assert sys.getallocatedblocks() - before < RECORDS / 10


def test_a_batch_changes_hands_without_a_lock_while_nobody_sleeps() -> None:
    channel = Channel("edge", Wakeup(), 1)
    with Calls() as calls:
        channel.records.extend([7] * RECORDS)
        taken = channel.take(RECORDS)
    assert len(taken) == RECORDS
    assert not {"acquire", "release", "__enter__", "ring"} & calls.names.keys()
    assert calls.names.total() <= 6


def test_without_samples_there_are_as_many_events_for_many_records_as_for_few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runtime_module, "SAMPLE_SECONDS", 1e6)

    def events_of(records: int) -> Counter[str]:
        pipeline, recorder = Pipeline(), Recorder()
        doubled = pipeline.add("map", execute, pipeline.values(range(1, records + 1)))
        pipeline.sink(doubled)
        run(pipeline, recorder)
        return Counter(type(event).__name__ for event in recorder.events)

    once = {PipelineSubmitted.__name__: 1, OperatorStats.__name__: 3, PipelineFinished.__name__: 1}
    assert events_of(10) == events_of(20 * RECORDS) == once


def test_calls_above_the_rate_are_counted_and_not_told() -> None:
    """The clock stands still, so the budget of a second has to do."""
    calls = 4 * CALL_EVENTS
    pipeline, recorder = Pipeline(), Recorder()

    class Caller:
        context: Any

        def execute(self, value: int) -> None:
            self.context.call_service["echo"].echo(value)

    def make(context: Any) -> Caller:
        caller = Caller()
        caller.context = context
        return caller

    make.makes = True  # type: ignore[attr-defined]
    pipeline.service("echo", lambda context: Echo())
    pipeline.add("sink", make, pipeline.values(range(calls)))
    runtime = ThreadEngine(recorder, clock=lambda: 0.0)
    job = runtime.submit(pipeline.graph())
    assert job.wait(SOON)
    assert runtime.wait(SOON)
    told = len(recorder.of(ServiceCall))
    assert 0 < told <= CALL_EVENTS
    assert told + sum(event.count for event in recorder.of(LeftOut)) == calls


class Echo:
    def echo(self, value: int) -> int:
        return value
