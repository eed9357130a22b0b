"""Calls that fail, come too late, are taken back or wait in a circle; services that can't be made; stops meanwhile."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from concurrent.futures import CancelledError, ThreadPoolExecutor
from typing import Any

import pytest
from support.graphs import Collected, Pipeline, Recorder, run
from support.services import Echo, Waiting, calling, with_service
from support.waiting import SOON

from sage_runtime.engine.threads.engine import ThreadEngine
from sage_runtime.events import Failure, Notice, ServiceCall, ServiceStats


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


def test_a_time_out_names_service_method_and_seconds_and_drops_the_late_answer() -> None:
    service = Waiting()

    def call(context: Any, _: int) -> Any:
        with pytest.raises(TimeoutError, match=r"after 0\.5s: svc\.wait"):
            context.call_service["svc"].wait(timeout=0.5)
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


@pytest.mark.parametrize("asynchronous", [False, True])
def test_stops_and_time_outs_that_come_together_answer_each_call_once(asynchronous: bool) -> None:
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        for _ in range(20):
            _stop_by_many(asynchronous)
    finally:
        sys.setswitchinterval(interval)


def _stop_by_many(asynchronous: bool) -> None:
    """Several threads stop a job in the middle of its calls; what any of them raises is raised here."""
    enough = threading.Semaphore(0)

    class Counting:
        def process(self, value: int) -> int:
            enough.release()
            return value

    def call(context: Any, value: int) -> Any:
        if asynchronous:
            return context.call_service_async["svc"].process(value).result(0.0005)
        return context.call_service["svc"].process(value, timeout=0.0005 if value % 2 else None)

    pipeline = Pipeline()
    pipeline.service("svc", lambda context: Counting())
    pipeline.add("sink", calling(call), pipeline.values(range(1_000_000)), parallelism=4)
    job = ThreadEngine(recorder := Recorder()).submit(pipeline.graph())
    for _ in range(20):
        assert enough.acquire(timeout=SOON)
    with ThreadPoolExecutor(4) as pool:
        for done in [pool.submit(job.cancel) for _ in range(4)]:
            done.result(SOON)
    assert job.wait(SOON)
    assert [failure for failure in recorder.of(Failure) if failure.kind == "worker"] == []
