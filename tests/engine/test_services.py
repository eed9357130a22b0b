"""Services answer one call at a time, every call is measured, and their life has an order."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from support.graphs import Function, Pipeline, Recorder, per_replica, run
from support.services import Echo, Waiting, calling, with_service
from support.waiting import SOON

from sage_runtime.engine.call_metrics import CALL_PREVIEW
from sage_runtime.engine.threads.engine import ThreadEngine
from sage_runtime.events import Failure, LeftOut, OperatorStats, PipelineSubmitted, ServiceCall, ServiceStats


def test_both_call_styles_reach_the_method_with_its_arguments() -> None:
    calls: list[Callable[[Any], Any]] = [
        lambda c: c.call_service["svc"].echo(1, key="x"),
        lambda c: c.call_service("svc", 1, method="echo", key="x"),
        lambda c: c.call_service["svc"](1, method="echo", key="x"),
        lambda c: c.get_service("svc").echo(1, key="x", timeout=9.0),
        lambda c: c.call_service_async["svc"].echo(1, key="x").result(),
        lambda c: c.call_service_async("svc", 1, method="echo", key="x", timeout=9.0).result(9.0),
    ]
    out, _, _ = with_service(Echo(), lambda context, call: call(context), calls)
    assert out.values == [((1,), {"key": "x"})] * len(calls)


@pytest.mark.parametrize("names", [["process", "execute", "call"], ["execute", "call"], ["call"]])
def test_the_default_method_is_the_first_of_process_execute_and_call(names: list[str]) -> None:
    service = type("S", (), {name: (lambda self, value, name=name: (name, value)) for name in names})()
    out, recorder, _ = with_service(service, lambda c, v: c.call_service("svc", v))
    assert out.values == [(names[0], 1)]
    assert [call.method for call in recorder.of(ServiceCall)] == [names[0]]


def test_calls_never_overlap_and_totals_are_exact_under_eight_callers() -> None:
    class Lonely:
        def __init__(self) -> None:
            self.inside = 0
            self.overlaps = 0
            self.count = 0

        def add(self, value: int) -> int:
            self.inside += 1
            self.overlaps += self.inside != 1
            count = self.count
            threading.Event().wait(0) if value % 50 == 0 else None
            self.count = count + 1
            self.inside -= 1
            return value

    service = Lonely()
    pipeline = Pipeline()
    pipeline.service("lonely", lambda context: service)

    def call(context: Any, value: int) -> int:
        if value % 2:
            return int(context.call_service["lonely"].add(value))
        return int(context.call_service_async["lonely"].add(value).result())

    mapped = pipeline.add("map", calling(call), pipeline.values(range(8000)), parallelism=8, name="callers")
    out = pipeline.sink(mapped)
    recorder = Recorder()
    run(pipeline, recorder)
    assert (service.overlaps, service.count) == (0, 8000)
    assert Counter(out.values) == Counter(range(8000))
    last = recorder.of(ServiceStats)[-1]
    assert (last.calls, last.errors, last.in_flight, last.waiting) == (8000, 0, 0, 0)
    assert last.callers == {"callers": 8000}
    assert sum(count for _, count in last.latency.buckets) == 8000
    shown = recorder.of(ServiceCall)
    left_out = sum(event.count for event in recorder.of(LeftOut))
    assert len(shown) + left_out == 8000
    assert left_out > 0
    assert {call.replica for call in shown} == set(range(8))


def test_calls_are_answered_first_come_first_served() -> None:
    order: list[int] = []
    started, go = threading.Event(), threading.Event()

    class Slow:
        def first(self) -> None:
            started.set()
            assert go.wait(SOON)

        def note(self, number: int) -> None:
            order.append(number)

    def call(context: Any, _: int) -> None:
        first = context.call_service_async["svc"].first()
        assert started.wait(SOON)
        rest = [context.call_service_async["svc"].note(number) for number in range(20)]
        go.set()
        for future in [first, *rest]:
            future.result()

    with_service(Slow(), call)
    assert order == list(range(20))


def test_a_service_lives_on_one_thread_and_its_hooks_come_in_order() -> None:
    happened: list[str] = []
    threads: set[str] = set()

    class Service:
        def __init__(self, context: Any) -> None:
            self.note(f"init {context.name}")

        def note(self, what: str) -> None:
            threads.add(threading.current_thread().name)
            happened.append(what)

        def setup(self) -> None:
            self.note("setup")

        def start(self) -> None:
            self.note("start")

        def work(self) -> None:
            self.note("work")

        def stop(self) -> None:
            self.note("stop")

        def cleanup(self) -> None:
            self.note("cleanup")

        def close(self) -> None:
            self.note("close")

    pipeline = Pipeline()
    pipeline.service("svc", Service)

    def make(context: Any) -> Any:
        happened.append("function")
        return Function(lambda value: context.call_service["svc"].work())

    pipeline.add("sink", per_replica(make), pipeline.values([1, 2]))
    run(pipeline)
    assert happened == ["init service_svc", "setup", "start", "function", "work", "work", "stop", "cleanup"]
    assert len(threads) == 1


def test_close_stands_in_for_cleanup_and_missing_hooks_are_fine() -> None:
    happened: list[str] = []

    class Closing:
        def close(self) -> None:
            happened.append("close")

    with_service(Closing(), lambda context, value: value)
    assert happened == ["close"]


def test_a_hook_that_raises_is_recorded_and_the_next_runs() -> None:
    happened: list[str] = []

    class Bad:
        def stop(self) -> None:
            raise ValueError("no")

        def cleanup(self) -> None:
            happened.append("cleanup")

    _, recorder, job = with_service(Bad(), lambda context, value: value)
    assert happened == ["cleanup"]
    assert [(f.source, f.kind, f.message) for f in recorder.of(Failure)] == [("svc", "service", "no")]
    assert job.status == "finished"


def test_asynchronous_calls_that_nobody_waits_for_are_executed_before_the_service_ends() -> None:
    done: list[int] = []
    first = threading.Event()

    class DelayedActions:
        def note(self, number: int) -> None:
            first.wait(SOON)
            done.append(number)

        def close(self) -> None:
            done.append(-1)

    class Release:
        def execute(self, _: Any) -> None:
            first.set()

    pipeline = Pipeline()
    pipeline.service("svc", lambda context: DelayedActions())
    called = pipeline.add("map", calling(lambda c, v: c.call_service_async["svc"].note(v)), pipeline.values(range(9)))
    pipeline.add("sink", Release(), called)
    run(pipeline)
    assert done == [*range(9), -1]


# --- errors ----------------------------------------------------------------------------------------------------------


def test_each_job_has_services_of_its_own() -> None:
    made: list[Any] = []

    class Own:
        def __init__(self, context: Any) -> None:
            made.append(context.pipeline)

    runtime = ThreadEngine()
    for _ in range(2):
        pipeline = Pipeline("env")
        pipeline.service("own", Own)
        pipeline.sink(pipeline.values([1]))
        runtime.submit(pipeline.graph()).wait(SOON)
    assert made == ["env", "env_1"]


def test_a_thread_that_an_operator_started_may_call_too() -> None:
    def call(context: Any, value: int) -> Any:
        results: list[Any] = []
        thread = threading.Thread(target=lambda: results.append(context.call_service["svc"].process(value)))
        thread.start()
        thread.join(SOON)
        return results[0]

    out, recorder, _ = with_service(Echo(), call)
    assert out.values == [("processed", 1)]
    assert recorder.of(ServiceCall)[0].caller == "caller"


def test_time_inside_calls_is_waiting_not_busy() -> None:
    service = Waiting()
    recorder = Recorder()
    pipeline = Pipeline()
    pipeline.service("svc", lambda context: service)
    call = calling(lambda context, value: context.call_service["svc"].wait())
    pipeline.add("sink", call, pipeline.values([1]), name="caller")
    runtime = ThreadEngine(recorder)
    job = runtime.submit(pipeline.graph())

    def waits(events: list[Any]) -> bool:
        return any(isinstance(e, OperatorStats) and e.operator == "caller" and e.waiting > 0.9 for e in events)

    recorder.wait_for(waits)
    in_flight = [stats.in_flight for stats in recorder.of(ServiceStats)]
    service.go.set()
    assert job.wait(SOON)
    assert in_flight[-1] == 1


def test_the_services_are_part_of_what_a_pipeline_tells() -> None:
    _, recorder, _ = with_service(Echo(), lambda context, value: value)
    assert [service.name for service in recorder.of(PipelineSubmitted)[0].services] == ["svc"]


def test_arguments_and_results_are_shown_as_previews() -> None:
    _, recorder, _ = with_service(Echo(), lambda c, v: c.call_service["svc"].echo("x" * 10_000, key=v))
    call = recorder.of(ServiceCall)[0]
    assert call.arguments.startswith("'xxx")
    assert len(call.arguments) <= CALL_PREVIEW
    assert call.result is not None
    assert len(call.result) <= CALL_PREVIEW
