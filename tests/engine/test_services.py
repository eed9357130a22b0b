"""Services answer one call at a time, every call is measured, and their life has an order."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import CancelledError
from typing import Any

import pytest
from support.graphs import Collected, Function, Pipeline, Recorder, per_replica, run

from sage_runtime.engine.callmeters import CALL_PREVIEW
from sage_runtime.engine.job import Job
from sage_runtime.engine.runtime import Runtime
from sage_runtime.events import Failure, LeftOut, Notice, OperatorStats, PipelineSubmitted, ServiceCall, ServiceStats

SOON = 5.0


def calling(call: Callable[[Any, Any], Any]) -> Callable[[Any], Any]:
    """A function that calls with its context and the record, for `Pipeline.add`."""
    return per_replica(lambda context: Function(lambda value: call(context, value)))


def with_service(
    service: Any, call: Callable[[Any, Any], Any], values: Any = (1,), *, era: int = 1, name: str = "svc"
) -> tuple[Collected, Recorder, Job]:
    """Run a map that calls one service for each value."""
    pipeline = Pipeline(era=era)
    pipeline.service(name, lambda context: service)
    out = pipeline.sink(pipeline.add("map", calling(call), pipeline.values(values), name="caller"))
    recorder = Recorder()
    return out, recorder, run(pipeline, recorder)


class Echo:
    def echo(self, *args: Any, **kwargs: Any) -> Any:
        return args, kwargs

    def process(self, value: Any) -> Any:
        return "processed", value


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
    run(pipeline, recorder, seconds=60.0)
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

    class Later:
        def note(self, number: int) -> None:
            first.wait(SOON)
            done.append(number)

        def close(self) -> None:
            done.append(-1)

    class Release:
        def execute(self, _: Any) -> None:
            first.set()

    pipeline = Pipeline()
    pipeline.service("svc", lambda context: Later())
    called = pipeline.add("map", calling(lambda c, v: c.call_service_async["svc"].note(v)), pipeline.values(range(9)))
    pipeline.add("sink", Release(), called)
    run(pipeline)
    assert done == [*range(9), -1]


# --- errors ----------------------------------------------------------------------------------------------------------


class Boom:
    def boom(self, value: int) -> None:
        raise KeyError(value)


@pytest.mark.parametrize("era", [1, 2])
def test_before_era_3_a_failed_call_is_a_runtime_error_with_its_cause(era: int) -> None:
    def call(context: Any, value: int) -> Any:
        caught = []
        for attempt in (context.call_service["svc"].boom, lambda v: context.call_service_async["svc"].boom(v).result()):
            with pytest.raises(RuntimeError, match=r"^Service call failed: 1$") as raised:
                attempt(value)
            caught.append(type(raised.value.__cause__))
        return caught

    out, recorder, _ = with_service(Boom(), call, era=era)
    assert out.values == [[KeyError, KeyError]]
    assert {(f.source, f.kind, f.exception, f.record) for f in recorder.of(Failure)} == {
        ("svc", "service", "KeyError", "1")
    }
    assert [call.error for call in recorder.of(ServiceCall)] == ["KeyError: 1"] * 2
    assert [(s.calls, s.errors) for s in recorder.of(ServiceStats)][-1] == (2, 2)


def test_in_era_3_a_failed_call_raises_the_original() -> None:
    def call(context: Any, value: int) -> Any:
        with pytest.raises(KeyError):
            context.call_service("svc", value, method="boom")
        future = context.call_service_async("svc", value, method="boom")
        assert isinstance(future.exception(), KeyError)
        return bool(future.done), future.done()

    out, _, _ = with_service(Boom(), call, era=3)
    assert out.values == [(True, True)]


def test_an_operator_that_fails_because_of_a_call_is_a_failure_of_its_own() -> None:
    _, recorder, _ = with_service(Boom(), lambda context, value: context.call_service["svc"].boom(value))
    assert [(f.source, f.kind, f.exception) for f in recorder.of(Failure)] == [
        ("svc", "service", "KeyError"),
        ("caller", "operator", "RuntimeError"),
    ]
    text = recorder.of(Failure)[1].traceback
    assert "KeyError: 1" in text
    assert "direct cause" in text
    assert "sage_runtime" not in text


def test_unknown_services_and_methods_are_named() -> None:
    def call(context: Any, era: int) -> Any:
        with pytest.raises(RuntimeError, match="nope"):
            context.call_service["nope"].echo()
        with pytest.raises(AttributeError if era == 3 else RuntimeError, match="zzz") as raised:
            context.call_service["svc"].zzz()
        return str(raised.value)

    out, recorder, _ = with_service(Echo(), call, [1])
    assert out.values == ["Service call failed: Service 'svc' does not have method 'zzz'"]
    assert recorder.of(Failure) == []
    out, _, _ = with_service(Echo(), call, [3], era=3)
    assert out.values == ["Service 'svc' does not expose a callable method for ['zzz']."]


@pytest.mark.parametrize("era", [1, 3])
def test_a_service_that_can_t_be_made_fails_and_so_do_its_calls(era: int) -> None:
    def create(context: Any) -> Any:
        raise OSError("no model")

    def call(context: Any, _: int) -> Any:
        with pytest.raises(OSError if era == 3 else RuntimeError, match="no model") as raised:
            context.call_service["svc"].work()
        return type(raised.value.__cause__)

    pipeline = Pipeline(era=era)
    pipeline.service("svc", create)
    out = pipeline.sink(pipeline.add("map", calling(call), pipeline.values([1, 2])))
    recorder = Recorder()
    run(pipeline, recorder)
    assert out.values == [type(None) if era == 3 else OSError] * 2
    assert [(f.source, f.kind) for f in recorder.of(Failure)] == [("svc", "service")]


def test_sys_exit_in_a_method_fails_the_call_and_the_service_goes_on() -> None:
    class Exits:
        def leave(self) -> None:
            raise SystemExit(3)

        def stay(self) -> str:
            return "here"

    def call(context: Any, _: int) -> Any:
        with pytest.raises(RuntimeError, match="Service call failed"):
            context.call_service["svc"].leave()
        return context.call_service["svc"].stay()

    out, recorder, _ = with_service(Exits(), call)
    assert out.values == ["here"]
    assert [f.exception for f in recorder.of(Failure)] == ["SystemExit"]


# --- time-outs -------------------------------------------------------------------------------------------------------


class Waiting:
    """A service whose `wait` waits until it is let go; `count` counts what it executed."""

    def __init__(self) -> None:
        self.inside = threading.Event()
        self.go = threading.Event()
        self.count = 0

    def wait(self) -> str:
        self.inside.set()
        self.go.wait(SOON)
        self.count += 1
        return "late"

    def quick(self) -> str:
        self.count += 1
        return "quick"


def test_a_time_out_names_service_method_and_seconds_and_drops_the_late_answer() -> None:
    service = Waiting()

    def call(context: Any, _: int) -> Any:
        with pytest.raises(TimeoutError, match=r"after 0\.01s: svc\.wait"):
            context.call_service["svc"].wait(timeout=0.01)
        service.go.set()
        return context.call_service["svc"].quick()

    out, recorder, _ = with_service(service, call)
    assert out.values == ["quick"]
    assert service.count == 2
    assert [(c.method, c.error is None) for c in recorder.of(ServiceCall)] == [("wait", False), ("quick", True)]
    totals = {stats.method: (stats.calls, stats.errors) for stats in recorder.of(ServiceStats)}
    assert totals == {"wait": (1, 1), "quick": (1, 0)}


def test_a_call_that_times_out_in_the_queue_is_withdrawn() -> None:
    service = Waiting()

    def call(context: Any, _: int) -> Any:
        running = context.call_service_async["svc"].wait()
        assert service.inside.wait(SOON)
        with pytest.raises(TimeoutError, match=r"after 0\.01s: svc\.quick"):
            context.call_service["svc"].quick(timeout=0.01)
        with pytest.raises(TimeoutError, match=r"after 0\.01s: svc\.quick"):
            context.call_service_async["svc"].quick(timeout=0.01).result()
        service.go.set()
        return running.result()

    out, recorder, _ = with_service(service, call)
    assert out.values == ["late"]
    assert service.count == 1
    totals = {stats.method: (stats.calls, stats.errors) for stats in recorder.of(ServiceStats)}
    assert totals == {"wait": (1, 0), "quick": (2, 2)}


def test_the_time_out_of_result_alone_leaves_the_call_going() -> None:
    service = Waiting()

    def call(context: Any, _: int) -> Any:
        future = context.call_service_async["svc"].wait()
        with pytest.raises(TimeoutError, match=r"No answer after 0\.01s: svc\.wait"):
            future.result(timeout=0.01)
        service.go.set()
        return future.result()

    assert with_service(service, call)[0].values == ["late"]


def test_a_queued_future_can_be_cancelled() -> None:
    service = Waiting()

    def call(context: Any, _: int) -> Any:
        running = context.call_service_async["svc"].wait()
        assert service.inside.wait(SOON)
        queued = context.call_service_async["svc"].quick()
        assert (queued.cancel(), running.cancel()) == (True, False)
        with pytest.raises(CancelledError):
            queued.result()
        service.go.set()
        return running.result()

    assert with_service(service, call)[0].values == ["late"]
    assert service.count == 1


# --- services that call services ---------------------------------------------------------------------------------


class Relay:
    """A service that calls others; each method does it another way."""

    def __init__(self, context: Any) -> None:
        self.context = context

    def call(self, path: list[str]) -> Any:
        if not path:
            return "end"
        return self.context.call_service[path[0]].call(path[1:])

    def later(self, path: list[str]) -> Any:
        if not path:
            return "end"
        return self.context.call_service_async[path[0]].later(path[1:]).result()


def relays(names: str, call: Callable[[Any, Any], Any], values: Any) -> tuple[Collected, Recorder]:
    pipeline = Pipeline()
    for name in names:
        pipeline.service(name, Relay)
    out = pipeline.sink(pipeline.add("map", calling(call), pipeline.values(values), name="caller"))
    recorder = Recorder()
    run(pipeline, recorder)
    return out, recorder


def test_calls_within_calls_know_their_parents_and_callers() -> None:
    out, recorder = relays("abc", lambda c, path: c.call_service["a"].call(path), [["b", "c"]])
    assert out.values == ["end"]
    calls = {call.service: call for call in recorder.of(ServiceCall)}
    assert [calls[name].caller for name in "abc"] == ["caller", "a", "b"]
    assert [calls[name].parent for name in "abc"] == [None, calls["a"].id, calls["b"].id]
    assert [calls[name].replica for name in "abc"] == [0, None, None]


@pytest.mark.parametrize("method", ["call", "later"])
@pytest.mark.parametrize(
    ("path", "cycle"), [("a", "a → a"), ("ba", "b → a → b"), ("bca", "c → a → b → c"), ("bcb", "c → b → c")]
)
def test_a_cycle_is_raised_where_the_wait_begins_and_named(method: str, path: str, cycle: str) -> None:
    def call(context: Any, path: str) -> str:
        with pytest.raises(RuntimeError) as raised:
            context.call_service("a", list(path), method=method)
        return str(raised.value)

    out, recorder = relays("abc", call, [path])
    assert out.values == [f"service cycle: {cycle}"]
    assert [notice.message for notice in recorder.of(Notice)] == [f"service cycle: {cycle}"]
    assert {failure.exception for failure in recorder.of(Failure)} == {"ServiceCycleError"}


def test_two_services_that_wait_for_one_another_from_two_callers_are_found() -> None:
    both = threading.Barrier(2)

    class Meet(Relay):
        def meet(self, other: str) -> Any:
            both.wait(SOON)
            return self.context.call_service[other].call([])

    def call(context: Any, name: str) -> str:
        try:
            return str(context.call_service[name].meet("b" if name == "a" else "a"))
        except RuntimeError as error:
            return str(error)

    pipeline = Pipeline()
    pipeline.service("a", Meet)
    pipeline.service("b", Meet)
    out = pipeline.sink(pipeline.add("map", calling(call), pipeline.values("ab"), parallelism=2))
    run(pipeline)
    answered, refused = sorted(out.values, key=len)
    assert answered == "end"
    assert "service cycle" in refused


def test_a_service_may_call_a_later_one_while_it_is_set_up() -> None:
    class Early(Relay):
        def setup(self) -> None:
            self.greeting = self.context.call_service["late"].call([])

        def greet(self) -> Any:
            return self.greeting

    pipeline = Pipeline()
    pipeline.service("early", Early)
    pipeline.service("late", Relay)
    out = pipeline.sink(
        pipeline.add("map", calling(lambda c, v: c.call_service["early"].greet()), pipeline.values([1]))
    )
    run(pipeline)
    assert out.values == ["end"]


@pytest.mark.parametrize("hook", ["setup", "start"])
def test_a_service_that_cannot_be_set_up_answers_no_call_and_is_still_cleaned_up(hook: str) -> None:
    happened: list[str] = []

    class Service:
        def __init__(self, context: Any) -> None:
            pass

        def work(self) -> str:
            return "worked"

        def cleanup(self) -> None:
            happened.append("cleanup")

    def fail(self: Any) -> None:
        raise ValueError(f"no {hook}")

    setattr(Service, hook, fail)
    pipeline = Pipeline()
    pipeline.service("svc", Service)
    pipeline.sink(pipeline.add("map", calling(lambda c, v: c.call_service["svc"].work()), pipeline.values([1, 2])))
    recorder = Recorder()
    run(pipeline, recorder)
    failures = [(failure.source, failure.message) for failure in recorder.of(Failure)]
    assert failures.count(("svc", f"no {hook}")) == 1
    assert sum(f"no {hook}" in message for source, message in failures if source != "svc") == 2
    assert happened == ["cleanup"]


def test_each_job_has_services_of_its_own() -> None:
    made: list[Any] = []

    class Own:
        def __init__(self, context: Any) -> None:
            made.append(context.pipeline)

    runtime = Runtime()
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
    runtime = Runtime(recorder)
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
