"""The charts of a whole run: what all operators did together, and where it failed, however long ago."""

from __future__ import annotations

import json

import pytest

from sage_runtime.events import (
    Event,
    Failure,
    Latency,
    LeftOut,
    OperatorInfo,
    OperatorStats,
    PipelineFinished,
    PipelineSubmitted,
    RunStarted,
    bucket_of,
    latency_of,
    replace,
)
from sage_tui.state.run_state import RunState
from sage_tui.state.series import Span

BEGIN = 1_000_000.0
HOURS = 3
FAILED = (0, 59, 3600, 5400, 3 * 3600 - 290, 3 * 3600 - 30)
"""Seconds in which a record fails."""

OPERATORS = (
    OperatorInfo("Numbers", kind="source"),
    OperatorInfo("Quick", kind="map"),
    OperatorInfo("Lookup", kind="map"),
)


def timed(seconds: float, count: int) -> Latency:
    return latency_of({bucket_of(seconds): count}, seconds) if count else Latency()


def a_long_run(seconds: int) -> RunState:
    """A run with stats once a second; its source waits a second for a record, and Quick is slow in the first 10 s."""
    state = RunState(1)

    def apply(event: Event, t: float) -> None:
        state.apply(replace(event, run=1, t=BEGIN + t, seq=state.seq + 1))

    apply(RunStarted(script="s.py"), 0)
    apply(PipelineSubmitted(pipeline="p", operators=OPERATORS), 0)
    slow = Latency()
    for second in range(seconds):
        t = second + 0.5
        if second in FAILED:
            apply(Failure(pipeline="p", source="Lookup", group="g", exception="ValueError"), t)
        slow = timed(0.5, second + 1) if second < 10 else slow
        apply(OperatorStats(pipeline="p", operator="Numbers", records_out=10 * second, latency=timed(1.0, second)), t)
        apply(OperatorStats(pipeline="p", operator="Quick", queue=3, latency=slow), t)
        apply(OperatorStats(pipeline="p", operator="Lookup", queue=4, latency=timed(0.02, second)), t)
    return state


@pytest.fixture(scope="module")
def run() -> RunState:
    return a_long_run(HOURS * 3600)


@pytest.mark.parametrize("span", ["minute", "five_minutes", "whole"])
def test_the_run_has_the_records_of_its_sources_the_slowest_p95_and_all_queues(run: RunState, span: Span) -> None:
    charts = run.charts(None, span, BEGIN + HOURS * 3600)
    assert charts is not None
    assert charts.rate.points[-2] == pytest.approx(10, abs=0.1)
    assert charts.queue.points[-1] == 7
    assert charts.p95.points[-1] == pytest.approx(0.02, rel=0.05)
    assert charts.slowest == "Lookup"


def test_another_operator_may_have_been_the_slowest_before() -> None:
    charts = a_long_run(9).charts(None, "whole", BEGIN + 9)
    assert charts is not None
    assert charts.slowest == "Quick"
    assert charts.p95.points[-1] == pytest.approx(0.5, rel=0.05)


@pytest.mark.parametrize("key", [None, "p/Lookup"])
@pytest.mark.parametrize(
    ("span", "seen"), [("minute", FAILED[-1:]), ("five_minutes", FAILED[-2:]), ("whole", FAILED)], ids=str
)
def test_failures_are_in_the_bins_in_which_they_happened(
    run: RunState, key: str | None, span: Span, seen: tuple[int, ...]
) -> None:
    charts = run.charts(key, span, BEGIN + HOURS * 3600)
    assert charts is not None
    errors = charts.errors
    begin = errors.end - len(errors.points) * errors.step
    bins = {int((second - begin) // errors.step) for second in seen}
    points = [*errors.points, *([] if errors.under_way is None else [errors.under_way])]
    assert {i for i, value in enumerate(points) if value > 0} == bins


def test_the_step_under_way_is_as_high_as_it_would_be_if_it_went_on_so(run: RunState) -> None:
    charts = run.charts(None, "whole", BEGIN + HOURS * 3600)
    assert charts is not None
    assert charts.rate.step == 128
    assert charts.rate.under_way == pytest.approx(10, rel=0.02)
    assert charts.queue.under_way == 7


def test_failures_that_were_left_out_are_counted_when_it_is_said() -> None:
    state = a_long_run(20)
    state.apply(LeftOut(what="failure", pipeline="p", source="Lookup", group="g", count=5, t=BEGIN + 20, seq=999))
    state.apply(PipelineFinished(pipeline="p", status="finished", t=BEGIN + 25, seq=1000))
    charts = state.charts(None, "minute", BEGIN + 25)
    assert charts is not None
    assert charts.errors.points[20] == 5


def test_all_of_it_is_in_a_snapshot_and_old_snapshots_do_without(run: RunState) -> None:
    now = BEGIN + HOURS * 3600
    data = json.loads(json.dumps(run.to_json()))
    for span in ("minute", "five_minutes", "whole"):
        assert RunState.from_json(data).charts(None, span, now) == run.charts(None, span, now)
    del data["slowest"], data["past"]["failed_lately"]
    restored = RunState.from_json(data).charts(None, "minute", now)
    assert restored is not None
    assert restored.slowest is None
