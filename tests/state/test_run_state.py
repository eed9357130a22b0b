"""What a run looks like while its events come in."""

from __future__ import annotations

import pytest
from support.folded import HELLO, Run, calls, spread, stats

from sage_runtime.events import (
    Failure,
    InputRequested,
    Latency,
    LeftOut,
    Log,
    Notice,
    Output,
    PipelineFinished,
    Record,
    ReloadFailed,
    RunFinished,
    RunStarted,
    RunStateChanged,
    ServiceCall,
    ServiceStats,
    Trace,
    UnknownEvent,
    bucket_of,
    bucket_seconds,
    replace,
)
from sage_tui.journal.lines import CHANNELS, line_count
from sage_tui.state import RunState, StateError
from sage_tui.state.failure_log import MOST_GROUPS, OTHER
from sage_tui.state.run_state import MOST_ENDED, MOST_NOTICES

# --- phases and the end ----------------------------------------------------------------------------------------------


def test_a_run_starts_runs_pauses_stops_and_ends(run: Run) -> None:
    phases = [run.view().phase]
    told = ["running", "paused", "running", "stopping"]
    phases += [run.tell(1, RunStateChanged(state=state)).view().phase for state in told]
    phases.append(run.tell(2, RunFinished(status="stopped", exit_code=0)).view().phase)
    assert phases == ["starting", "running", "paused", "running", "stopping", "stopped"]


def test_nothing_changes_the_phase_after_the_end(run: Run) -> None:
    run.tell(1, RunFinished(status="failed", exit_code=1, signal="SIGSEGV"), RunStateChanged(state="running"))
    view = run.view()
    assert (view.phase, view.exit_code, view.signal) == ("failed", 1, "SIGSEGV")


def test_elapsed_time_runs_while_the_run_does_and_not_after(run: Run) -> None:
    assert [run.view(t).elapsed for t in (0.5, 3.04, 3.06)] == [0.5, 3.0, 3.0]
    run.tell(4, RunFinished(status="finished", duration=3.75))
    assert run.view(100).elapsed == 3.75


def test_a_pipeline_has_the_status_and_duration_of_its_end(run: Run) -> None:
    assert (run.pipeline().status, run.pipeline().duration) == ("running", None)
    run.tell(2, PipelineFinished(pipeline="hello", status="finished", duration=1.5))
    assert (run.pipeline().status, run.pipeline().duration) == ("finished", 1.5)


def test_a_pipeline_without_an_end_ends_with_the_run(run: Run) -> None:
    run.tell(1, stats("Map")).tell(3, RunFinished(status="failed"))
    assert (run.pipeline().status, run.pipeline().duration) == ("failed", 2.5)
    assert run.operator("Map").state == "stopped"


def test_who_started_the_run_and_why_is_known(run: Run) -> None:
    run = Run().tell(0, RunStarted(script="a.py", reason="reload", changed=("b.py",), engine="threads", python="3.12"))
    view = run.view()
    assert (view.script, view.reason, view.changed, view.engine, view.python) == (
        "a.py",
        "reload",
        ("b.py",),
        "threads",
        "3.12",
    )
    assert view.started == 1e9


# --- numbers ---------------------------------------------------------------------------------------------------------


def test_rates_come_from_totals_and_event_times(run: Run) -> None:
    for tenth in range(1, 31):
        total = tenth * 100
        run.tell(
            0.5 + tenth / 10,
            stats("Batch", total),
            stats("Map", total // 2, into=total),
            stats("Sink", into=total // 2),
        )
    assert run.operator("Batch").rate == pytest.approx(1_000)
    assert run.operator("Map").rate == pytest.approx(500)
    assert run.operator("Map").rate_in == pytest.approx(1_000)
    assert run.operator("Sink").rate == pytest.approx(500)
    assert run.view().rate == pytest.approx(1_000)
    assert run.operator("Batch").history == pytest.approx((500, 1_000, 1_000))
    assert run.view().history == pytest.approx((500, 1_000, 1_000))


def test_rates_fall_to_zero_when_nothing_is_heard_and_at_the_end(run: Run) -> None:
    run.tell(1, stats("Batch", 100)).tell(1.1, stats("Batch", 200))
    assert run.view().rate > 0
    assert run.view(5).rate == 0
    run.tell(1.2, RunFinished(status="finished"))
    assert run.view().rate == 0
    assert run.operator("Batch").records_out == 200


def test_a_run_too_short_for_a_second_has_a_bar_at_its_end(run: Run) -> None:
    run.tell(0.7, stats("Batch", 10), PipelineFinished(pipeline="hello", status="finished", duration=0.2))
    assert run.operator("Batch").history == (10,)


def test_in_flight_is_what_queues_hold_while_their_pipeline_runs(run: Run) -> None:
    run.tell(1, stats("Map", queue=7, queue_capacity=10), stats("Sink", queue=5, queue_capacity=10))
    assert run.view().in_flight == 12
    run.tell(2, PipelineFinished(pipeline="hello", status="stopped"))
    assert run.view().in_flight == 0


def test_records_failed_and_faults_are_errors_and_caught_service_errors_are_not(run: Run) -> None:
    run.tell(1, stats("Map", errors=3), calls(10, errors=2))
    run.tell(1, Failure(kind="script", exception="ValueError"))
    view = run.view()
    assert (view.records_failed, view.service_errors, view.errors) == (3, 2, 4)


def test_a_failure_counts_before_the_stats_that_hold_it(run: Run) -> None:
    run.tell(1, Failure(pipeline="hello", source="Map", kind="operator", group="g"))
    assert run.operator("Map").errors == 1
    run.tell(1.1, stats("Map", errors=1))
    assert run.operator("Map").errors == 1
    assert run.view().errors == 1


def test_last_stats_of_a_dead_worker_are_marked(run: Run) -> None:
    run.tell(1, stats("Map", 5, incomplete=True), RunFinished(status="failed", signal="SIGKILL"))
    assert run.operator("Map").incomplete


# --- services --------------------------------------------------------------------------------------------------------


def test_a_service_is_the_sum_of_its_methods(run: Run) -> None:
    run.tell(
        1,
        calls(3, "ask", errors=1, in_flight=1, waiting=2, latency=spread(0.1, 0.1, 0.1), callers={"Map": 3}),
        calls(1, "tell", latency=spread(0.4), callers={"Map": 1}),
    )
    service = run.service()
    assert (service.calls, service.errors, service.in_flight, service.waiting) == (4, 1, 1, 2)
    assert service.callers == {"Map": 4}
    assert service.latency.p50 == pytest.approx(0.1, rel=0.03)
    assert service.latency.max == 0.4
    assert [(method.method, method.calls) for method in service.methods] == [("ask", 3), ("tell", 1)]


def test_calls_have_a_rate_for_the_service_and_each_method(run: Run) -> None:
    for tenth in range(1, 21):
        run.tell(0.5 + tenth / 10, calls(tenth * 30, "ask"), calls(tenth * 10, "tell"))
    service = run.service()
    assert service.rate == pytest.approx(400)
    assert [method.rate for method in service.methods] == pytest.approx([300, 100])
    assert run.service(10).rate == 0


def test_callers_are_known_from_the_first_call(run: Run) -> None:
    run.tell(0.6, ServiceCall(id=1, pipeline="hello", service="hello_service", method="hello", caller="Map"))
    assert run.operator("Map").services == ("hello_service",)
    assert run.operator("Sink").services == ()
    run.tell(0.7, calls(2, callers={"Sink": 1, "nobody": 1}))
    assert run.operator("Sink").services == ("hello_service",)


def test_services_that_call_services_are_known(run: Run) -> None:
    run.tell(0.6, ServiceStats(pipeline="hello", service="log", method="write", calls=1))
    run.tell(0.7, ServiceCall(id=1, pipeline="hello", service="log", method="write", caller="hello_service"))
    assert run.service().services == ("log",)


# --- positions -------------------------------------------------------------------------------------------------------


def test_lines_are_counted_as_the_journal_counts_them(run: Run) -> None:
    events = [
        Output(text="one"),
        Output(text="two\nthree\n", end=""),
        Output(text="", end="\n"),
        Log(message="a\nb"),
        Record(pipeline="hello", operator="Map", port="in", preview="1"),
        Trace(trace=1, pipeline="hello", operator="Map"),
        ServiceCall(id=1, pipeline="hello", service="hello_service", method="hello"),
        Failure(group="g"),
        Notice(message="n"),
        LeftOut(what="record", count=9),
        ReloadFailed(file="f"),
    ]
    expected = dict.fromkeys(CHANNELS, 0)
    for event in events:
        run.tell(1, event)
        if event.type in expected:
            expected[event.type] += line_count(event)
    assert run.view().lines == expected
    assert run.view().left_out == {"record": 9}


def test_failures_are_grouped_and_point_into_the_journal(run: Run) -> None:
    for number in range(20):
        failure = Failure(source="Map", group="a" if number % 2 else "b", exception="ValueError", message=str(number))
        run.tell(1 + number, failure)
    run.tell(30, LeftOut(what="failure", source="Map", group="a", count=1_000))
    b, a = run.view().failures
    assert (a.group, a.count, a.sent, a.message) == ("a", 1_010, 10, "19")
    assert (a.first_t, a.last_t) == (1e9 + 2, 1e9 + 30)
    assert a.positions == (1, 3, 5, 7, 9, 11, 13, 15, 17, 19)
    assert b.count == 10
    assert run.view().failures_total == 1_020


def test_the_first_and_the_last_positions_of_a_group_are_kept(run: Run) -> None:
    for _ in range(1_000):
        run.tell(1, Failure(group="g"))
    (group,) = run.view().failures
    assert group.positions == (0, 1, 2, 993, 994, 995, 996, 997, 998, 999)


def test_groups_beyond_the_limit_are_counted_together(run: Run) -> None:
    for number in range(MOST_GROUPS + 50):
        run.tell(1, Failure(group=str(number)))
    run.tell(2, LeftOut(what="failure", count=5))
    groups = run.view().failures
    assert len(groups) == MOST_GROUPS + 1
    assert (groups[-1].group, groups[-1].kind, groups[-1].count, groups[-1].sent) == (OTHER, "other", 55, 50)
    assert run.view().failures_total == sum(group.count for group in groups)


def test_failures_that_were_left_out_count_as_records_that_failed(run: Run) -> None:
    run.tell(1, Failure(pipeline="hello", source="Map", kind="operator", group="g"))
    run.tell(2, LeftOut(what="failure", source="Map", group="g", count=999))
    assert run.view().errors == 1_000


def test_the_latest_notices_are_kept(run: Run) -> None:
    for number in range(MOST_NOTICES + 5):
        run.tell(1, Notice(message=str(number)))
    messages = [notice.message for notice in run.view().notices]
    assert messages == [str(number) for number in range(5, MOST_NOTICES + 5)]


def test_a_prompt_stays_until_the_end_and_says_how_many_there_were(run: Run) -> None:
    run.tell(1, InputRequested(prompt="name? "))
    assert (run.view().prompt, run.view().prompts) == ("name? ", 1)
    run.tell(2, InputRequested(prompt="age? "))
    assert (run.view().prompt, run.view().prompts) == ("age? ", 2)
    run.tell(3, RunFinished(status="finished"))
    assert run.view().prompt is None


# --- anything in any order -------------------------------------------------------------------------------------------


def test_stats_of_what_nobody_submitted_are_shown() -> None:
    run = Run().tell(0, stats("Ghost", 5, pipeline="later"))
    assert (run.pipeline().id, run.operator("Ghost").records_out) == ("later", 5)
    run.tell(1, replace(HELLO, pipeline="later"))
    assert [operator.id for operator in run.pipeline().operators] == ["Ghost", "Batch", "Map", "Sink"]


def test_a_second_submit_of_a_pipeline_keeps_its_totals(run: Run) -> None:
    run.tell(1, stats("Map", 5), HELLO)
    assert run.operator("Map").records_out == 5
    assert len(run.view().pipelines) == 1


def test_events_of_later_versions_are_counted_and_otherwise_ignored(run: Run) -> None:
    run.tell(1, UnknownEvent(name="weather", fields={"sun": True}))
    assert run.view().unknown_events == 1


def test_the_oldest_pipelines_that_ended_are_only_counted() -> None:
    run = Run()
    for number in range(MOST_ENDED + 10):
        name = f"p{number}"
        run.tell(number, replace(HELLO, pipeline=name), stats("Map", errors=1, pipeline=name))
        run.tell(number, PipelineFinished(pipeline=name, status="finished", duration=1))
    view = run.view()
    assert len(view.pipelines) + view.pipelines_before == MOST_ENDED + 10
    assert len(view.pipelines) <= MOST_ENDED + 1
    assert view.pipelines[-1].id == f"p{MOST_ENDED + 9}"
    assert view.errors == MOST_ENDED + 10
    run.tell(1_000, stats("Map", errors=1, pipeline="p0"))
    assert run.view().errors == MOST_ENDED + 10


def test_a_snapshot_of_another_kind_is_refused() -> None:
    good = RunState(1).to_json()
    for bad in ({}, {"version": 1}, {**good, "version": 99}, {**good, "pipelines": [{"id": 1}]}, {**good, "clock": 5}):
        with pytest.raises(StateError):
            RunState.from_json(bad)


# --- charts ----------------------------------------------------------------------------------------------------------


def test_charts_show_rate_queue_and_the_percentile_of_each_second(run: Run) -> None:
    counts: dict[int, int] = {}
    for tenth in range(1, 41):
        bucket = bucket_of(0.01 if tenth <= 20 else 0.1)
        counts[bucket] = counts.get(bucket, 0) + 1
        latency = Latency(buckets=tuple(sorted(counts.items())))
        run.tell(0.5 + tenth / 10, stats("Map", tenth * 10, queue=tenth, queue_capacity=100, latency=latency))
    charts = run.state.charts("hello/Map", "minute", 1e9 + 4.5)
    assert charts is not None
    assert charts.rate.points == pytest.approx((50, 100, 100, 100))
    assert charts.queue.points[-1] == 34
    assert charts.p95.points[1] == pytest.approx(0.01, rel=0.03)
    assert charts.p95.points[-1] == pytest.approx(bucket_seconds(bucket_of(0.1)))
    assert run.state.charts("hello/nobody", "minute", 0) is None
    assert run.state.charts(None, "whole", 1e9 + 4.5) is not None
