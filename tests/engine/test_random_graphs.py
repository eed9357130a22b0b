"""Random pipelines deliver and count exactly what a model in one thread says, whatever is done to them meanwhile."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable

from hypothesis import given, settings
from hypothesis import strategies as st
from support.graphs import Recorder
from support.random_graphs import (
    MANY,
    Built,
    Operator,
    Origin,
    Outcome,
    Plan,
    build,
    emitted,
    in_order,
    model,
    operator_id,
    plans,
    trees,
)
from support.random_rules import Item
from support.waiting import SOON

from sage_runtime.engine.threads.engine import ThreadEngine
from sage_runtime.engine.threads.job import Job
from sage_runtime.events import Failure, LeftOut, Notice, OperatorStats, PipelineFinished, ServiceCall, ServiceStats

TOLD = frozenset({"operator", "service"})


def nonzero(counts: Counter[str]) -> dict[str, int]:
    return {name: count for name, count in counts.items() if count}


def received(built: Built) -> list[Counter[Item]]:
    return [Counter(sink.values) for sink in built.sinks]


def counted(recorder: Recorder, pipeline: str) -> list[dict[str, int]]:
    """Records in and out and errors by operator, calls and failed calls by service: the last that was said of each."""
    operators = {stats.operator: stats for stats in recorder.of(OperatorStats) if stats.pipeline == pipeline}
    methods = {
        (stats.service, stats.method): stats for stats in recorder.of(ServiceStats) if stats.pipeline == pipeline
    }
    calls: Counter[str] = Counter()
    failed: Counter[str] = Counter()
    for (service, _), stats in methods.items():
        calls[service] += stats.calls
        failed[service] += stats.errors
        assert sum(stats.callers.values()) == stats.calls
    return [
        nonzero(Counter({name: stats.records_in for name, stats in operators.items()})),
        nonzero(Counter({name: stats.records_out for name, stats in operators.items()})),
        nonzero(Counter({name: stats.errors for name, stats in operators.items()})),
        nonzero(calls),
        nonzero(failed),
    ]


def expected(outcome: Outcome) -> list[dict[str, int]]:
    counts = (outcome.records_in, outcome.records_out, outcome.errors, outcome.calls, outcome.failed_calls)
    return [nonzero(count) for count in counts]


def told(recorder: Recorder, pipeline: str) -> tuple[dict[str, int], dict[str, int]]:
    """Failures of operators by id and calls by service, told or left out: as many as were counted."""
    failures: Counter[str] = Counter()
    calls: Counter[str] = Counter()
    for failure in recorder.of(Failure):
        failures[failure.source or ""] += failure.pipeline == pipeline and failure.kind == "operator"
    for call in recorder.of(ServiceCall):
        calls[call.service] += call.pipeline == pipeline
    for left in recorder.of(LeftOut):
        if left.pipeline == pipeline and left.what == "service_call":
            calls[left.source or ""] += left.count
        elif left.pipeline == pipeline and (left.source or "").startswith(("op_", "again_")):
            failures[left.source or ""] += left.count
    return nonzero(failures), nonzero(calls)


def assert_as_the_model(job: Job, built: Built, outcome: Outcome, recorder: Recorder) -> None:
    assert received(built) == outcome.sinks
    assert counted(recorder, job.id) == expected(outcome)
    assert told(recorder, job.id) == (nonzero(outcome.errors), nonzero(outcome.calls))
    assert [failure for failure in recorder.of(Failure) if failure.kind not in TOLD] == []


def assert_ended_well(job: Job, plan: Plan, built: Built, recorder: Recorder, status: str) -> None:
    assert job.status == status
    ends = [event.status for event in recorder.of(PipelineFinished) if event.pipeline == job.id]
    assert ends == [status]
    replicas = [plan.operators[number - len(plan.sources)].parallelism for number in plan.sinks]
    assert [sink.closed for sink in built.sinks] == replicas
    assert recorder.of(Notice) == [], "no thread had to be left behind"


@settings(deadline=None, max_examples=60)
@given(plan=plans())
def test_every_sink_gets_and_every_meter_counts_what_the_model_says(plan: Plan) -> None:
    recorder = Recorder()
    built = build(plan)
    runtime = ThreadEngine(recorder)
    job = runtime.submit(built.graph)
    assert runtime.wait(SOON)
    assert_ended_well(job, plan, built, recorder, "finished")
    assert_as_the_model(job, built, model(plan, built.graph, emitted(plan)), recorder)


@settings(deadline=None, max_examples=20)
@given(many=st.lists(plans(), min_size=2, max_size=4))
def test_pipelines_side_by_side_have_nothing_to_do_with_one_another(many: list[Plan]) -> None:
    recorder = Recorder()
    all_built = [build(plan) for plan in many]
    runtime = ThreadEngine(recorder)
    jobs = [runtime.submit(built.graph) for built in all_built]
    assert runtime.wait(SOON)
    assert len({job.id for job in jobs}) == len(many)
    for job, plan, built in zip(jobs, many, all_built, strict=True):
        assert_ended_well(job, plan, built, recorder, "finished")
        assert_as_the_model(job, built, model(plan, built.graph, emitted(plan)), recorder)


@settings(deadline=None, max_examples=25)
@given(plan=plans(eras=[3]))
def test_in_the_third_era_the_first_failure_ends_the_job(plan: Plan) -> None:
    recorder = Recorder()
    built = build(plan)
    runtime = ThreadEngine(recorder)
    job = runtime.submit(built.graph)
    assert runtime.wait(SOON)
    outcome = model(plan, built.graph, emitted(plan))
    operators = {operator_id(number): 0 for number in range(len(plan.sources), 99)}
    if any(count for name, count in outcome.errors.items() if name in operators or name.startswith("again")):
        assert_ended_well(job, plan, built, recorder, "failed")
        assert job.failure is not None
        assert all(some <= every for some, every in zip(received(built), outcome.sinks, strict=True))
        assert told(recorder, job.id)[0].keys() <= nonzero(outcome.errors).keys()
    else:
        assert_ended_well(job, plan, built, recorder, "finished")
        assert_as_the_model(job, built, outcome, recorder)


@settings(deadline=None, max_examples=80)
@given(plan=trees())
def test_streams_that_flow_together_take_turns_and_replicas_keep_the_order(plan: Plan) -> None:
    recorder = Recorder()
    built = build(plan)
    runtime = ThreadEngine(recorder)
    runtime.submit(built.graph)
    assert runtime.wait(SOON)
    (sink,) = built.sinks
    expected = in_order(plan, built.graph)
    if plan.era == 3 and recorder.of(Failure):
        assert sink.values == expected[: len(sink.values)]
    else:
        assert sink.values == expected


def test_an_operator_that_waits_for_an_input_without_records_is_at_work_for_those_below_it() -> None:
    """Seen to go wrong in one run of seven: the merge of the first and the empty source was taken for idle."""
    plan = Plan(
        sources=[
            Origin("list", [25, 15, 11, 59, 47, 25, 35]),
            Origin("function", [20, 54, 6, 26, 35, 11, 35, 56]),
            Origin("function", [12, 46, 16, 19]),
            Origin("list", []),
        ],
        operators=[
            Operator("collect", 1, [[0, 3]], "forward"),
            Operator("flatmap", 1, [[2]], "round_robin"),
            Operator("comap", 1, [[1], [5]], "round_robin"),
            Operator("keyby", 1, [[6, 4]], "round_robin"),
            Operator("sink", 1, [[7]], "forward"),
        ],
        loops=[],
        era=2,
        name="test",
        sinks=[8],
    )
    for _ in range(60):
        built = build(plan)
        runtime = ThreadEngine(Recorder())
        runtime.submit(built.graph)
        assert runtime.wait(SOON)
        assert built.sinks[0].values == in_order(plan, built.graph)


STEERING: dict[str, Callable[[ThreadEngine, int], None]] = {
    "pause": lambda runtime, _: runtime.pause(),
    "resume": lambda runtime, _: runtime.resume(),
    "step": lambda runtime, _: runtime.step(),
    "step one": lambda runtime, number: runtime.step(f"test/{operator_id(number)}"),
    "follow": lambda runtime, number: runtime.follow(None, number + 1),
    "follow one": lambda runtime, number: runtime.follow(f"test/{operator_id(number)}", 2),
    "inspect": lambda runtime, number: runtime.inspect(
        [f"test/{operator_id(number)}", f"test/{operator_id(number + 1)}"]
    ),
    "inspect none": lambda runtime, _: runtime.inspect([]),
}


@settings(deadline=None, max_examples=40)
@given(
    plan=plans(),
    steering=st.lists(st.tuples(st.sampled_from(sorted(STEERING)), st.integers(0, 3), st.booleans()), max_size=20),
)
def test_pausing_stepping_following_and_looking_change_nothing(
    plan: Plan, steering: list[tuple[str, int, bool]]
) -> None:
    recorder = Recorder()
    built = build(plan)
    runtime = ThreadEngine(recorder)
    if steering and steering[0][2]:
        runtime.pause()
    job = runtime.submit(built.graph)
    for action, number, rest in steering:
        STEERING[action](runtime, number)
        if rest:
            job.wait(0.001)
    runtime.resume()
    assert runtime.wait(SOON)
    assert_ended_well(job, plan, built, recorder, "finished")
    assert_as_the_model(job, built, model(plan, built.graph, emitted(plan)), recorder)


def wait_until_given(job: Job, built: Built, count: int) -> None:
    while sum(map(len, built.given)) < count:
        assert not job.wait(0.001)


@settings(deadline=None, max_examples=25)
@given(plan=plans(endless=True), moment=st.integers(0, MANY), paused=st.booleans())
def test_a_drained_stop_delivers_all_that_the_sources_gave(plan: Plan, moment: int, paused: bool) -> None:
    recorder = Recorder()
    built = build(plan)
    runtime = ThreadEngine(recorder)
    job = runtime.submit(built.graph)
    wait_until_given(job, built, moment)
    if paused:
        runtime.pause()
    job.close_sources()
    runtime.resume()
    assert job.wait(SOON)
    assert runtime.wait(SOON)
    assert_ended_well(job, plan, built, recorder, "stopped")
    assert_as_the_model(job, built, model(plan, built.graph, built.given), recorder)


@settings(deadline=None, max_examples=25)
@given(plan=plans(endless=True), moment=st.integers(0, MANY), paused=st.booleans())
def test_a_stop_at_any_moment_ends_every_thread_and_invents_nothing(plan: Plan, moment: int, paused: bool) -> None:
    recorder = Recorder()
    built = build(plan)
    runtime = ThreadEngine(recorder)
    job = runtime.submit(built.graph)
    wait_until_given(job, built, moment)
    if paused:
        runtime.pause()
    threading.Thread(target=runtime.stop).start()
    job.stop(drain=False)
    assert runtime.wait(SOON)
    assert job.ended
    assert_ended_well(job, plan, built, recorder, "stopped")
    outcome = model(plan, built.graph, built.given)
    assert all(some <= every for some, every in zip(received(built), outcome.sinks, strict=True))
    assert [failure for failure in recorder.of(Failure) if failure.kind == "worker"] == []
    for name, count in counted(recorder, job.id)[0].items():
        assert count <= outcome.records_in[name]
