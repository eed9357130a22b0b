"""Which operator holds a pipeline up."""

from __future__ import annotations

from typing import Any

import pytest
from support.folded import Run, calls, spread, stats

from sage_runtime.events import (
    PipelineFinished,
    RunStateChanged,
    ServiceStats,
)

LOADED: dict[str, Any] = {"busy": 0.93, "queue": 900, "queue_capacity": 1_000}


def running(run: Run) -> Run:
    return run.tell(0.6, RunStateChanged(state="running"))


def test_the_bottleneck_is_busy_while_its_input_piles_up(run: Run) -> None:
    running(run).tell(1, stats("Map", **LOADED)).tell(1.1, stats("Map", **LOADED))
    found = run.view().bottleneck
    assert found is not None
    assert (found.operator, found.service, found.share, found.reason) == ("Map", None, 0.93, "busy 93%")


def test_a_blocked_operator_before_it_counts_like_a_full_input(run: Run) -> None:
    busy = stats("Map", busy=0.8, queue=1, queue_capacity=1_000)
    running(run).tell(1, stats("Batch", blocked=0.6), busy).tell(1.1, busy)
    found = run.view().bottleneck
    assert found is not None
    assert found.operator == "Map"


@pytest.mark.parametrize(
    "fields",
    [
        {**LOADED, "busy": 0.6},
        {**LOADED, "queue": 500},
        {**LOADED, "queue": 0, "queue_capacity": 0},
        {**LOADED, "state": "finished"},
    ],
)
def test_without_load_or_pressure_there_is_none(run: Run, fields: dict[str, Any]) -> None:
    running(run)
    for tenth in range(5):
        run.tell(1 + tenth / 10, stats("Map", **fields))
    assert run.view().bottleneck is None


def test_the_most_downstream_one_is_named(run: Run) -> None:
    running(run)
    for _ in range(2):
        run.tell(1, stats("Sink", **{**LOADED, "busy": 0.75}), stats("Map", **LOADED))
    found = run.view().bottleneck
    assert found is not None
    assert found.operator == "Sink"


def test_where_waiting_takes_longer_the_service_is_named(run: Run) -> None:
    waiting = stats("Map", **{**LOADED, "busy": 0.1, "waiting": 0.88})
    other = ServiceStats(
        pipeline="hello", service="other", method="m", calls=9, latency=spread(0.001), callers={"Map": 9}
    )
    running(run).tell(1, calls(5, latency=spread(0.2), callers={"Map": 5}), other, waiting).tell(1.1, waiting)
    found = run.view().bottleneck
    assert found is not None
    assert (found.operator, found.service, found.share) == ("Map", "hello_service", 0.88)
    assert found.reason == "UpperCaseMap waits 88%"


def test_one_sample_neither_makes_nor_ends_a_bottleneck(run: Run) -> None:
    loaded, light = stats("Map", **LOADED), stats("Map", busy=0.2)
    running(run)
    seen = []
    for tenth, sample in enumerate([loaded, light, loaded, loaded, loaded, light, loaded, light, light, light]):
        view = run.tell(1 + tenth / 10, sample).view()
        seen.append(view.bottleneck is not None)
    assert seen == [False, False, False, True, True, True, True, True, True, False]


def test_one_that_has_nothing_to_do_any_more_is_none_at_once(run: Run) -> None:
    running(run)
    for tenth in range(5):
        run.tell(1 + tenth / 10, stats("Map", **LOADED))
    assert run.view().bottleneck is not None
    run.tell(1.5, stats("Map", busy=0.0))  # the next samples say the same, so they are not sent
    assert run.view().bottleneck is None


def test_a_paused_or_ended_run_has_no_bottleneck(run: Run) -> None:
    running(run)
    for _ in range(3):
        run.tell(1, stats("Map", **LOADED))
    assert run.view().bottleneck is not None
    assert run.tell(2, RunStateChanged(state="paused")).view().bottleneck is None
    run.tell(3, RunStateChanged(state="running"), PipelineFinished(pipeline="hello", status="finished"))
    assert run.view().bottleneck is None
