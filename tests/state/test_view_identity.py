"""Views keep the identity of what has not changed."""

from __future__ import annotations

from support.folded import Run, calls, stats

from sage_runtime.events import (
    LeftOut,
    Output,
    RunFinished,
)


def test_a_view_is_the_same_object_while_nothing_changed(run: Run) -> None:
    run.tell(1, stats("Map", 5), calls(3))
    first = run.view(60)
    assert run.view(60) is first
    assert run.view(60.01) is first


def test_the_view_of_a_run_that_ended_never_changes(run: Run) -> None:
    run.tell(1, stats("Map", 5)).tell(2, RunFinished(status="finished", duration=2))
    assert run.view(2) is run.view(2_000)


def test_what_is_not_touched_keeps_its_identity(run: Run) -> None:
    run.tell(1, stats("Map", 5), stats("Sink", into=5), calls(3))
    before = run.view(70)
    run.tell(70, stats("Map", 6))
    after = run.view(70)
    (old,), (new,) = before.pipelines, after.pipelines
    assert old.operators[1] is not new.operators[1]
    assert old.operators[0] is new.operators[0]
    assert old.operators[2] is new.operators[2]
    assert old.services[0] is new.services[0]
    assert old.services is new.services
    assert before.failures is after.failures
    assert before.notices is after.notices


def test_lines_that_are_printed_leave_the_pipelines_as_they_are(run: Run) -> None:
    before = run.tell(1, stats("Map", 5)).view(70)
    after = run.tell(70, Output(text="hello")).view(70)
    assert before is not after
    assert before.pipelines is after.pipelines


def test_an_old_view_does_not_change_with_the_run(run: Run) -> None:
    run.tell(1, Output(text="a"), calls(1, callers={"Map": 1}))
    old = run.view()
    run.tell(2, Output(text="b"), calls(9, callers={"Map": 9}), LeftOut(what="record", count=1))
    assert old.lines["output"] == 1
    assert old.left_out == {}
    assert old.pipelines[0].services[0].callers == {"Map": 1}
