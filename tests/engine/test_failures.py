"""Whatever user code raises is counted, told and survived."""

from __future__ import annotations

import json
import sys
import threading
import traceback
from collections.abc import Callable
from typing import Any

import pytest
from support.graphs import Collected, Function, Pipeline, Recorder, per_replica, run
from support.waiting import SOON

from sage_runtime.engine.failures import FULL, MOST_GROUPS, Failures, traceback_text
from sage_runtime.engine.threads.engine import ThreadEngine
from sage_runtime.events import Event, Failure, LeftOut, OperatorStats, PipelineFinished


def raising(error: BaseException | type[BaseException]) -> Function:
    def execute(value: Any) -> Any:
        if value == 1:
            raise error
        return value

    return Function(execute)


@pytest.mark.parametrize(
    "error", [ValueError("bad"), SystemExit(2), KeyboardInterrupt(), GeneratorExit(), MemoryError(), StopIteration()]
)
@pytest.mark.parametrize("kind", ["map", "filter", "flatmap", "keyby", "sink"])
def test_a_record_whose_function_raises_is_dropped_and_the_rest_goes_on(kind: str, error: BaseException) -> None:
    recorder = Recorder()
    pipeline = Pipeline()
    seen = Collected()

    def execute(value: int) -> Any:
        if value == 1:
            raise error
        seen.execute(value)
        return value

    added = pipeline.add(kind, Function(execute), pipeline.values([0, 1, 2, 3]), name="bad")
    if kind != "sink":
        pipeline.sink(added)
    job = run(pipeline, recorder)
    assert seen.values == [0, 2, 3]
    assert job.status == "finished"
    (failure,) = recorder.of(Failure)
    assert (failure.source, failure.kind, failure.record) == ("bad", "operator", "1")
    assert failure.exception == type(error).__name__
    assert failure.file == __file__
    assert [stats.errors for stats in recorder.of(OperatorStats) if stats.operator == "bad"][-1] == 1


def failing_with(make: Callable[[int], Exception], count: int) -> Recorder:
    """Run a sink that raises for each of so many records."""
    recorder, pipeline = Recorder(), Pipeline()

    def execute(value: int) -> None:
        raise make(value)

    pipeline.add("sink", Function(execute), pipeline.values(range(count)), name="bad")
    run(pipeline, recorder)
    return recorder


def test_types_of_the_same_name_at_the_same_place_are_one_group() -> None:
    recorder = failing_with(lambda value: type("Odd", (ValueError,), {})(value), 3 * FULL)
    assert len(recorder.of(Failure)) == FULL
    assert {failure.group for failure in recorder.of(Failure)} == {left.group for left in recorder.of(LeftOut)}
    assert sum(left.count for left in recorder.of(LeftOut)) == 2 * FULL


def test_failures_that_all_differ_are_told_up_to_a_number_of_groups_and_counted_to_the_last() -> None:
    count = MOST_GROUPS + 4 * FULL
    recorder = failing_with(lambda value: type(f"Odd{value}", (ValueError,), {})(value), count)
    told, left = recorder.of(Failure), recorder.of(LeftOut)
    assert len(told) == MOST_GROUPS + FULL
    assert len({failure.group for failure in told}) == MOST_GROUPS + 1
    assert told[-1].exception == f"Odd{MOST_GROUPS + FULL - 1}"
    assert {one.group for one in left} == {told[-1].group}
    assert len(told) + sum(one.count for one in left) == count
    assert [stats.errors for stats in recorder.of(OperatorStats) if stats.operator == "bad"][-1] == count


def test_a_traceback_comes_in_time_though_the_text_of_what_was_raised_does_not() -> None:
    release = threading.Event()

    class Blocks:
        def __str__(self) -> str:
            release.wait()
            return "late"

    try:
        raise RuntimeError(Blocks())
    except RuntimeError as error:
        text = traceback_text(error)
    finally:
        release.set()
    assert text.startswith("Traceback (most recent call last):\n")
    assert "raise RuntimeError(Blocks())" in text
    assert text.endswith("RuntimeError: <Blocks (str takes too long)>\n")


@pytest.mark.parametrize(
    "error",
    [
        ValueError("x"),
        KeyError("k"),
        OSError(2, "No such file", "a"),
        ValueError([1, 2]),
        ExceptionGroup("g", [ValueError(1)]),
    ],
)
def test_a_traceback_is_as_python_prints_it(error: Exception) -> None:
    error.__cause__ = TypeError("first")
    with pytest.raises(type(error)) as raised:
        raise error
    assert traceback_text(raised.value) == "".join(traceback.format_exception(raised.value))


def test_a_huge_list_in_an_exception_is_not_written_out() -> None:
    text = traceback_text(ValueError(list(range(100_000))))
    assert "[0, 1, 2, " in text
    assert len(text) < 5_000


def test_endless_recursion_is_a_failure_like_any_other() -> None:
    def deeper(value: int) -> int:
        return deeper(value + 1)

    recorder = Recorder()
    pipeline = Pipeline()
    pipeline.sink(pipeline.add("map", Function(deeper), pipeline.values([1])))
    run(pipeline, recorder)
    assert [failure.exception for failure in recorder.of(Failure)] == ["RecursionError"]


def test_a_traceback_shows_user_code_only() -> None:
    def parse(text: str) -> Any:
        return json.loads(text)

    recorder = Recorder()
    pipeline = Pipeline()
    pipeline.sink(pipeline.add("map", Function(parse), pipeline.values(["{"])))
    run(pipeline, recorder)
    (failure,) = recorder.of(Failure)
    assert failure.traceback.startswith("Traceback (most recent call last):\n")
    assert "in parse" in failure.traceback
    assert "sage_runtime" not in failure.traceback
    assert failure.file == __file__, "the innermost line of the user's own code, not of a library"
    assert failure.record == "'{'"


def test_every_record_may_fail_and_all_are_counted_by_group() -> None:
    count = 20_000

    def fail(value: int) -> None:
        if value % 2:
            raise ValueError(value)
        raise KeyError(value)

    recorder = Recorder()
    pipeline = Pipeline()
    pipeline.add("sink", Function(fail), pipeline.values(range(count)), name="bad")
    run(pipeline, recorder)
    failures = recorder.of(Failure)
    groups = {failure.group for failure in failures}
    assert len(groups) == 2
    for group in groups:
        told = sum(failure.group == group for failure in failures)
        left_out = sum(event.count for event in recorder.of(LeftOut) if event.group == group)
        assert (told, told + left_out) == (FULL, count // 2)
    last = recorder.of(OperatorStats)[-1]
    assert (last.errors, last.records_in) == (count, count)


def test_a_source_that_raises_is_recorded_and_ends_and_its_consumers_are_told() -> None:
    values = iter([1, 2])

    def execute() -> int:
        for value in values:
            return value
        raise OSError("gone")

    recorder = Recorder()
    pipeline = Pipeline(era=3)
    out = pipeline.sink(pipeline.add("batch", Function(execute), name="socket"))
    job = run(pipeline, recorder)
    assert (out.values, job.status) == ([1, 2], "finished")
    assert [(f.source, f.message, f.record) for f in recorder.of(Failure)] == [("socket", "gone", None)]
    assert [stats.state for stats in recorder.of(OperatorStats) if stats.operator == "socket"][-1] == "failed"


def test_values_that_raise_end_their_source() -> None:
    class Bad:
        def __iter__(self) -> Any:
            raise TypeError("not now")

    recorder = Recorder()
    pipeline = Pipeline()
    pipeline.sink(pipeline.values(Bad()))
    assert run(pipeline, recorder).status == "finished"
    assert [failure.message for failure in recorder.of(Failure)] == ["not now"]


def test_in_era_3_an_operator_that_raises_fails_the_job() -> None:
    recorder = Recorder()
    pipeline = Pipeline(era=3)
    error = ValueError("bad")
    out = pipeline.sink(pipeline.add("map", raising(error), pipeline.values([0, 1, 2, 1]), name="bad"), name="end")
    job = run(pipeline, recorder)
    assert (job.status, job.failure) == ("failed", error)
    assert 2 not in out.values
    assert len(recorder.of(Failure)) == 1
    assert recorder.of(PipelineFinished)[0].status == "failed"
    states = {stats.operator: stats.state for stats in recorder.of(OperatorStats)}
    assert (states["bad"], states["end"]) == ("failed", "finished")
    assert out.closed == 1


def test_a_constructor_s_error_comes_out_of_submit_and_nothing_is_left_running() -> None:
    ended: list[str] = []

    class Service:
        def close(self) -> None:
            ended.append("service")

    def make(context: Any) -> Any:
        raise LookupError("no such model")

    recorder = Recorder()
    pipeline = Pipeline()
    pipeline.service("svc", lambda context: Service())
    pipeline.add("sink", per_replica(make), pipeline.values([1]), name="bad")
    runtime = ThreadEngine(recorder)
    with pytest.raises(LookupError, match="no such model"):
        runtime.submit(pipeline.graph())
    assert runtime.wait(SOON)
    assert runtime.jobs[0].status == "failed"
    assert ended == ["service"]
    assert [(f.source, f.kind) for f in recorder.of(Failure)] == [("bad", "operator")]
    assert [event.status for event in recorder.of(PipelineFinished)] == ["failed"]


def test_a_function_without_the_needed_method_is_named() -> None:
    pipeline = Pipeline()
    pipeline.add("comap", Function(lambda x: x), [pipeline.values([], "a"), pipeline.values([], "b")], name="both")
    with pytest.raises(ValueError, match="no method 'map0', which operator 'both' needs"):
        ThreadEngine().submit(pipeline.graph())


def test_a_close_that_raises_is_recorded() -> None:
    class Sink(Collected):
        def close(self) -> None:
            raise ValueError("disk full")

    recorder = Recorder()
    pipeline = Pipeline()
    pipeline.add("sink", Sink(), pipeline.values([1]), name="end")
    assert run(pipeline, recorder).status == "finished"
    assert [failure.message for failure in recorder.of(Failure)] == ["disk full"]


def test_an_exception_that_can_t_be_shown_is_still_recorded() -> None:
    class HostileError(Exception):
        def __str__(self) -> str:
            raise RuntimeError("no")

    recorder = Recorder()
    pipeline = Pipeline()
    pipeline.sink(pipeline.add("map", raising(HostileError()), pipeline.values([1])))
    run(pipeline, recorder)
    (failure,) = recorder.of(Failure)
    assert failure.exception.endswith("HostileError")


def test_a_key_that_can_t_be_hashed_for_its_own_reasons_fails_its_record() -> None:
    class Key:
        def __hash__(self) -> int:
            raise ValueError("no hash")

    recorder = Recorder()
    pipeline = Pipeline()
    keyed = pipeline.add("keyby", Function(lambda x: Key() if x else x), pipeline.values([0, 1]))
    out = pipeline.sink(keyed, parallelism=2, partition="hash")
    run(pipeline, recorder)
    assert out.values == [0]
    assert [failure.message for failure in recorder.of(Failure)] == ["no hash"]


def test_failures_of_many_threads_are_counted_exactly() -> None:
    published: list[Event] = []
    failures = Failures("p", published.append)

    def record() -> None:
        for _ in range(500):
            try:
                raise ValueError("same place")
            except ValueError as error:
                failures.record("op", "operator", error)

    threads = [threading.Thread(target=record) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(published) == FULL
    assert [event.count for event in failures.collect()] == [2000 - FULL]
    assert failures.collect() == []


def test_a_long_traceback_keeps_both_ends() -> None:
    try:
        raise ValueError("x" * 100_000)
    except ValueError as error:
        text = traceback_text(error)
    assert len(text) < 25_000
    assert text.startswith("Traceback")


def test_a_traceback_of_many_thousand_frames_is_told_without_its_middle() -> None:
    def deeper(left: int) -> None:
        sys.setrecursionlimit(20_000)
        if left == 0:
            raise ValueError("the bottom")
        deeper(left - 1)

    limit = sys.getrecursionlimit()
    try:
        deeper(10_000)
    except ValueError as error:
        traceback_text(error)
        frames = list(traceback.walk_tb(error.__traceback__))
    finally:
        sys.setrecursionlimit(limit)
    assert 0 < len(frames) <= 2_000


def test_a_constructor_s_error_keeps_its_own_cause() -> None:
    def make(context: Any) -> Any:
        try:
            raise KeyError("inner")
        except KeyError as inner:
            raise ValueError("outer") from inner

    pipeline = Pipeline()
    pipeline.add("sink", per_replica(make), pipeline.values([1]))
    with pytest.raises(ValueError, match="outer") as raised:
        ThreadEngine().submit(pipeline.graph())
    assert isinstance(raised.value.__cause__, KeyError)


class HoldingError(Exception):
    """Not a group, though it has what groups have."""

    exceptions = ("not", "exceptions", 3)


def test_an_exception_that_only_looks_like_a_group_is_a_failure_like_any_other() -> None:
    recorder = Recorder()
    pipeline = Pipeline()
    seen = pipeline.sink(pipeline.add("map", raising(HoldingError()), pipeline.values([0, 1, 2, 3])))
    assert run(pipeline, recorder).status == "finished"
    assert seen.values == [0, 2, 3]
    (failure,) = recorder.of(Failure)
    assert (failure.kind, failure.exception, failure.file) == ("operator", "HoldingError", __file__)


def test_of_an_exception_with_thousands_of_causes_only_the_frames_are_told() -> None:
    error: Exception | None = None
    for number in range(20_000):
        cause, error = error, ValueError(number)
        error.__cause__ = cause
    assert error is not None
    assert traceback_text(error) == "Traceback (most recent call last):\nValueError: 19999\n"


def test_notes_that_are_no_text_are_asked_for_their_text_in_time() -> None:
    release = threading.Event()

    class Blocks:
        def __str__(self) -> str:
            release.wait()
            return "late"

    class NotedError(Exception):
        pass

    error = NotedError("noted")
    error.__notes__ = [Blocks()]  # type: ignore[list-item]
    try:
        assert traceback_text(error).endswith("NotedError: noted\n")
    finally:
        release.set()
