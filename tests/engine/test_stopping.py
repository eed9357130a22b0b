"""Stopping: drained or at once, whatever a thread waits for, and without the threads that never listen."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from support.graphs import Collected, Function, Pipeline, Recorder, per_replica, run
from support.waiting import SOON

from sage_runtime.engine.threads import job as job_module
from sage_runtime.engine.threads.engine import ThreadEngine
from sage_runtime.engine.threads.job import Job
from sage_runtime.events import Failure, Notice, OperatorStats, PipelineFinished


class Endless:
    """A source without an end; `given` is set once it has given `enough`."""

    def __init__(self, enough: int = 1) -> None:
        self.number = 0
        self.given = threading.Event()
        self.enough = enough

    def execute(self) -> int:
        self.number += 1
        if self.number >= self.enough:
            self.given.set()
        return self.number


class Stuck:
    """User code that does not come back until the test is over."""

    def __init__(self) -> None:
        self.inside = threading.Event()
        self.release = threading.Event()

    def execute(self, *_: Any) -> None:
        self.inside.set()
        self.release.wait(SOON)


@pytest.fixture
def stuck() -> Iterator[Stuck]:
    code = Stuck()
    yield code
    code.release.set()


def started(pipeline: Pipeline, recorder: Recorder | None = None) -> Job:
    return ThreadEngine(recorder).submit(pipeline.graph())


def test_draining_delivers_everything_that_a_source_gave() -> None:
    source = Endless(enough=10_000)
    pipeline = Pipeline()
    recorder = Recorder()
    mapped = pipeline.add("map", Function(lambda x: x), pipeline.add("source", source, name="s"))
    out = pipeline.sink(mapped)
    job = started(pipeline, recorder)
    assert source.given.wait(SOON)
    job.stop()
    assert job.status == "stopped"
    given = [stats.records_out for stats in recorder.of(OperatorStats) if stats.operator == "s"][-1]
    assert out.values == list(range(1, given + 1))
    assert out.closed == 1


def test_a_job_that_ended_by_itself_stays_finished() -> None:
    pipeline = Pipeline()
    pipeline.sink(pipeline.values([1]))
    job = run(pipeline)
    job.stop()
    job.close_sources()
    job.cancel()
    assert job.status == "finished"


def test_a_stop_at_once_wakes_a_source_in_its_pause_and_its_idle_wait() -> None:
    waits: list[dict[str, Any]] = [{"delay": 1000.0}, {"idle_delay": 1000.0}]
    for options in waits:
        first = Endless()
        values = iter([first.execute, lambda: None])
        pipeline = Pipeline()
        pipeline.sink(pipeline.add("source", Function(lambda values=values: next(values)()), **options))
        job = started(pipeline)
        assert first.given.wait(SOON)
        job.stop(drain=False)
        assert job.status == "stopped"
        assert job.ended


def test_a_stop_at_once_wakes_blocked_producers_and_idle_consumers(stuck: Stuck) -> None:
    source = Endless(enough=200)
    pipeline = Pipeline()
    numbers = pipeline.add("source", source, name="fast")
    pipeline.add("sink", stuck, numbers, name="slow")
    pipeline.sink(pipeline.add("filter", Function(lambda x: False), numbers), name="idle")
    recorder = Recorder()
    job = started(pipeline, recorder)
    assert stuck.inside.wait(SOON)
    recorder.wait_for(lambda events: any(getattr(event, "blocked", 0.0) > 0.5 for event in events))
    job.cancel()
    stuck.release.set()
    assert job.wait(SOON)
    assert job.status == "stopped"


def test_a_drain_that_takes_too_long_becomes_a_stop_and_stuck_threads_are_left_behind(stuck: Stuck) -> None:
    pipeline = Pipeline()
    pipeline.add("sink", stuck, pipeline.add("source", Endless(), name="numbers"), name="hole")
    recorder = Recorder()
    job = started(pipeline, recorder)
    assert stuck.inside.wait(SOON)
    job.stop(timeout=0.05)
    assert job.ended
    assert job.status == "stopped"
    assert any("operator hole_0 does not stop" in notice.message for notice in recorder.of(Notice))


def test_a_source_that_is_inside_user_code_does_not_hold_up_a_drain(stuck: Stuck) -> None:
    values: Iterator[Any] = iter([lambda: 1, stuck.execute, lambda: 2])
    pipeline = Pipeline()
    out = pipeline.sink(pipeline.add("source", Function(lambda: next(values)()), name="socket"))
    recorder = Recorder()
    job = started(pipeline, recorder)
    assert stuck.inside.wait(SOON)
    job.close_sources()
    assert job.wait(SOON)
    assert out.values == [1]
    assert any("source socket_0 is inside user code" in notice.message for notice in recorder.of(Notice))


def test_a_sink_may_stop_its_own_job() -> None:
    jobs: list[Job] = []
    submitted = threading.Event()
    seen: list[int] = []

    def enough(value: int) -> None:
        seen.append(value)
        if len(seen) == 5:
            assert submitted.wait(SOON)
            jobs[0].stop()

    pipeline = Pipeline()
    pipeline.add("sink", Function(enough), pipeline.add("source", Endless()))
    jobs.append(started(pipeline))
    submitted.set()
    assert jobs[0].wait(SOON)
    assert len(seen) > 5


def test_stopping_the_run_wakes_every_call_and_later_submits_do_nothing() -> None:
    inside = threading.Event()
    release = threading.Event()
    errors: list[str] = []

    class Slow:
        def work(self) -> None:
            inside.set()
            release.wait(SOON)

    def make(context: Any) -> Any:
        def call(value: int) -> None:
            try:
                context.call_service["slow"].work()
            except Exception as error:
                errors.append(type(error).__name__)
                raise

        return Function(call)

    pipeline = Pipeline()
    pipeline.service("slow", lambda context: Slow())
    pipeline.add("sink", per_replica(make), pipeline.values(range(8)), parallelism=4)
    recorder = Recorder()
    runtime = ThreadEngine(recorder)
    job = runtime.submit(pipeline.graph())
    assert inside.wait(SOON)
    runtime.stop()
    release.set()
    assert runtime.wait(SOON)
    assert set(errors) == {"ServiceStopped"}
    assert recorder.of(Failure) == [], "being stopped is no failure"
    assert job.status == "stopped"

    late = runtime.submit(pipeline.graph())
    assert (late.ended, late.status, late.replicas) == (True, "stopped", [])


def test_a_service_that_never_returns_does_not_hold_up_a_stop(stuck: Stuck) -> None:
    pipeline = Pipeline()
    pipeline.service("hole", lambda context: stuck)
    pipeline.add(
        "sink", per_replica(lambda context: Function(context.call_service["hole"].execute)), pipeline.values([1])
    )
    recorder = Recorder()
    job = started(pipeline, recorder)
    assert stuck.inside.wait(SOON)
    job.stop(drain=False)
    assert job.ended
    assert any("service hole does not stop" in notice.message for notice in recorder.of(Notice))


def test_a_service_that_is_long_in_its_setup_does_not_hold_up_a_stop(stuck: Stuck) -> None:
    class Slow:
        def setup(self) -> None:
            stuck.execute()

    pipeline = Pipeline()
    pipeline.service("model", lambda context: Slow())
    pipeline.sink(pipeline.values([1]))
    runtime = ThreadEngine()
    submit = threading.Thread(target=runtime.submit, args=[pipeline.graph()])
    submit.start()
    assert stuck.inside.wait(SOON)
    runtime.stop()
    submit.join(SOON)
    assert not submit.is_alive()
    assert runtime.wait(SOON)


def test_one_job_s_stop_leaves_the_others_alone() -> None:
    runtime = ThreadEngine(recorder := Recorder())
    sources = [Endless(), Endless()]
    jobs = []
    for source in sources:
        pipeline = Pipeline("twin")
        pipeline.sink(pipeline.add("source", source))
        jobs.append(runtime.submit(pipeline.graph()))
    assert [job.id for job in jobs] == ["twin", "twin_1"]
    jobs[0].stop()
    assert [job.ended for job in jobs] == [True, False]
    runtime.close_sources()
    assert runtime.wait(SOON)
    assert [event.pipeline for event in recorder.of(PipelineFinished)] == ["twin", "twin_1"]


def test_closing_sources_of_a_batch_ends_it_early() -> None:
    pipeline = Pipeline()
    gate = threading.Event()
    out = Collected()

    def numbers() -> Iterator[int]:
        yield 1
        gate.wait(SOON)
        yield 2
        yield from iter(int, 1)

    pipeline.add("sink", out, pipeline.values(numbers()))
    job = started(pipeline)
    job.close_sources()
    gate.set()
    assert job.wait(SOON)
    assert out.values in ([1, 2], [1], [])


def test_stuck_operators_and_services_together_do_not_hold_up_a_stop(stuck: Stuck) -> None:
    other = Stuck()
    hooks: list[str] = []

    class Tidy:
        def close(self) -> None:
            hooks.append("closed")

    pipeline = Pipeline()
    pipeline.service("tidy", lambda context: Tidy())
    pipeline.service("hole", lambda context: other)
    numbers = pipeline.values([1])
    pipeline.add("sink", per_replica(lambda c: Function(lambda x: c.call_service_async["hole"].execute())), numbers)
    pipeline.add("sink", stuck, numbers, name="stuck")
    job = started(pipeline, recorder := Recorder())
    assert stuck.inside.wait(SOON)
    assert other.inside.wait(SOON)
    job.stop(drain=False)
    other.release.set()
    assert job.ended
    assert hooks == ["closed"], "a service that listens still gets its last hook"
    assert len(recorder.of(Notice)) == 2


def test_a_source_that_a_full_lane_holds_back_is_not_let_go(stuck: Stuck, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(job_module, "LET_GO_SECONDS", 0.01)
    pipeline = Pipeline()
    pipeline.add("sink", stuck, pipeline.add("source", Endless(), name="numbers"), name="slow")
    job = started(pipeline, recorder := Recorder())
    recorder.wait_for(lambda events: any(getattr(event, "blocked", 0.0) > 0.9 for event in events))
    job.close_sources()
    assert not job.wait(0.1)
    assert recorder.of(Notice) == []
    stuck.release.set()
    assert job.wait(SOON)


def test_an_interrupt_while_a_service_is_made_stops_the_job(stuck: Stuck) -> None:
    main = threading.get_ident()

    class Slow:
        def setup(self) -> None:
            signal.pthread_kill(main, signal.SIGINT)
            stuck.execute()

    pipeline = Pipeline()
    pipeline.service("model", lambda context: Slow())
    runtime = ThreadEngine()
    with pytest.raises(KeyboardInterrupt):
        runtime.submit(pipeline.graph())
    assert runtime.wait(SOON)
    assert runtime.jobs[0].status == "stopped"


@pytest.mark.parametrize("era", [1, 3])
def test_a_record_whose_results_have_no_end_does_not_hold_up_a_stop(era: int) -> None:
    closed = threading.Event()
    going = threading.Event()

    def without_end(value: int) -> Iterator[int]:
        try:
            while True:
                going.set()
                yield value
        finally:
            closed.set()

    pipeline = Pipeline(era=era)
    numbers = pipeline.add("flatmap", without_end, pipeline.values([1, 2]))
    if era == 3:
        keyed = pipeline.add("keyby", lambda value: value, pipeline.values([1, 2], name="more"))
        numbers = pipeline.add("join", lambda value, key, tag: without_end(value), [keyed, keyed])
    pipeline.sink(numbers)
    job = started(pipeline, recorder := Recorder())
    assert going.wait(SOON)
    job.stop(drain=False)
    assert job.status == "stopped"
    assert closed.wait(SOON)
    assert recorder.of(Notice) == [], "nothing had to be left behind"
    assert recorder.of(Failure) == []
