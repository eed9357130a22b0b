"""Looking at records: previews where somebody inspects, and the whole way of a record that is followed."""

from __future__ import annotations

import threading
from typing import Any

from support.graphs import Function, Pipeline, Recorder, per_replica, run
from support.waiting import SOON

from sage_runtime.engine.threads.engine import ThreadEngine
from sage_runtime.events import Record, ServiceCall, Trace


def three_steps() -> tuple[Pipeline, Any]:
    pipeline = Pipeline()
    doubled = pipeline.add("map", Function(lambda x: x * 2), pipeline.values(range(200), "numbers"), name="double")
    return pipeline, pipeline.sink(doubled, name="end")


def test_only_inspected_operators_show_records_a_few_a_second() -> None:
    recorder = Recorder()
    runtime = ThreadEngine(recorder)
    runtime.inspect(["test/double"])
    pipeline, out = three_steps()
    assert runtime.submit(pipeline.graph()).wait(SOON)
    records = recorder.of(Record)
    assert {record.operator for record in records} == {"double"}
    assert {record.port for record in records} == {"in", "out"}
    assert 2 <= len(records) <= 20
    first = {record.port: record for record in reversed(records)}
    assert (first["in"].preview, first["out"].preview) == ("0", "0")
    assert (first["in"].sequence, first["out"].sequence) == (1, 1)
    assert out.values == [n * 2 for n in range(200)]


def test_sources_show_what_they_give_and_sinks_what_they_get() -> None:
    recorder = Recorder()
    runtime = ThreadEngine(recorder)
    runtime.inspect(["test/numbers", "test/end"])
    pipeline, _ = three_steps()
    assert runtime.submit(pipeline.graph()).wait(SOON)
    assert {(record.operator, record.port) for record in recorder.of(Record)} == {("numbers", "out"), ("end", "in")}


def test_an_inspection_may_begin_and_end_while_the_pipeline_runs() -> None:
    recorder = Recorder()
    runtime = ThreadEngine(recorder)
    numbers = iter(range(10**9))
    pipeline = Pipeline()
    source = pipeline.add("source", Function(lambda: next(numbers)), name="s", delay=0.001)
    pipeline.sink(pipeline.add("map", Function(lambda x: {"n": x}), source, name="m"), name="end")
    job = runtime.submit(pipeline.graph())
    runtime.inspect(["test/m"])
    recorder.wait_for(lambda events: any(isinstance(e, Record) and e.port == "out" for e in events))
    runtime.inspect([])
    assert all(replica.tap is None for replica in job.replicas)
    job.stop()
    assert recorder.of(Record)[-1].operator == "m"


def test_keyed_records_are_shown_without_their_keys() -> None:
    recorder = Recorder()
    runtime = ThreadEngine(recorder)
    runtime.inspect(["test/k", "test/m"])
    pipeline = Pipeline()
    keyed = pipeline.add("keyby", Function(lambda x: "key"), pipeline.values([7]), name="k")
    pipeline.sink(pipeline.add("map", Function(lambda x: x), keyed, name="m"))
    assert runtime.submit(pipeline.graph()).wait(SOON)
    assert {record.preview for record in recorder.of(Record)} == {"7"}


def test_a_followed_record_tells_its_way_through_every_operator() -> None:
    class Lookup:
        def get(self, word: str) -> str:
            return word.upper()

    def call(context: Any) -> Any:
        return Function(lambda word: context.call_service["lookup"].get(word))

    recorder = Recorder()
    runtime = ThreadEngine(recorder)
    runtime.pause()
    pipeline = Pipeline()
    pipeline.service("lookup", lambda context: Lookup())
    lines = pipeline.values(["a b", "c"], "lines")
    words = pipeline.add("flatmap", Function(str.split), lines, name="words")
    shouted = pipeline.add("map", per_replica(call), words, name="shout")
    keyed = pipeline.add("keyby", Function(str.lower), shouted, name="key")
    kept = pipeline.add("filter", Function(lambda word: word != "B"), keyed, name="keep", parallelism=2)
    out = pipeline.sink(kept, name="end")
    job = runtime.submit(pipeline.graph())
    runtime.follow("test/lines", 1)
    runtime.resume()
    assert job.wait(SOON)
    assert sorted(out.values) == ["A", "C"]

    steps: dict[str, list[Trace]] = {}
    for trace in recorder.of(Trace):
        steps.setdefault(trace.operator, []).append(trace)
    assert {trace.trace for trace in recorder.of(Trace)} == {steps["lines"][0].trace}, "one record is followed"
    assert (steps["lines"][0].before, steps["lines"][0].after) == (None, ("'a b'",))
    assert (steps["words"][0].before, steps["words"][0].after) == ("'a b'", ("'a'", "'b'"))
    assert sorted(trace.after for trace in steps["shout"]) == [("'A'",), ("'B'",)]
    assert sorted(trace.after for trace in steps["keep"]) == [(), ("'A'",)]
    assert [trace.before for trace in steps["end"]] == ["'A'"]
    calls = {call.id for call in recorder.of(ServiceCall)}
    assert all(len(trace.calls) == 1 and trace.calls[0] in calls for trace in steps["shout"])
    assert all(trace.waited >= 0.0 and trace.duration >= 0.0 for trace in recorder.of(Trace))
    assert not job.follower.active


def test_a_step_that_raises_tells_what() -> None:
    def refuse(number: int) -> int:
        raise ValueError(f"not {number}\nnever")

    recorder = Recorder()
    runtime = ThreadEngine(recorder)
    runtime.pause()
    pipeline = Pipeline()
    numbers = pipeline.values([7], "numbers")
    pipeline.sink(pipeline.add("map", Function(refuse), numbers, name="refuse"))
    job = runtime.submit(pipeline.graph())
    runtime.follow(None, 1)
    runtime.resume()
    assert job.wait(SOON)
    assert [(step.operator, step.error) for step in recorder.of(Trace)] == [
        ("numbers", None),
        ("refuse", "ValueError: not 7\nnever"),
    ]


def test_a_followed_record_is_seen_on_every_branch_and_round_every_loop() -> None:
    recorder = Recorder()
    runtime = ThreadEngine(recorder)
    runtime.pause()
    pipeline = Pipeline()
    numbers = pipeline.values([2, 5], "numbers")
    body = pipeline.add("map", Function(lambda x: x), numbers, name="body")
    again = pipeline.add("map", Function(lambda x: x - 1 or None), body, name="again")
    pipeline.connect(again, body, feedback=True)
    pipeline.add("map", Function(lambda x: x), numbers, name="nobody_reads")
    out = pipeline.sink(numbers, name="copies", parallelism=3, partition="broadcast")
    job = runtime.submit(pipeline.graph())
    runtime.follow(None, 1)
    runtime.resume()
    assert job.wait(SOON)
    seen = [trace.operator for trace in recorder.of(Trace)]
    assert {operator: seen.count(operator) for operator in seen} == {
        "numbers": 1,
        "body": 2,
        "again": 2,
        "nobody_reads": 1,
        "copies": 3,
    }
    assert sorted(out.values) == [2, 2, 2, 5, 5, 5]
    assert not job.follower.active


def test_following_ends_by_itself_and_user_code_never_meets_a_wrapper() -> None:
    kinds: set[type] = set()

    def note(value: Any) -> Any:
        kinds.add(type(value))
        return value

    recorder = Recorder()
    runtime = ThreadEngine(recorder)
    gate = threading.Event()

    def numbers() -> Any:
        yield 0
        assert gate.wait(SOON)
        yield from range(1, 5000)

    pipeline = Pipeline()
    mapped = pipeline.add("map", Function(note), pipeline.values(numbers(), "numbers"))
    out = pipeline.sink(mapped)
    job = runtime.submit(pipeline.graph())
    runtime.follow("test/numbers", 3)
    gate.set()
    assert job.wait(SOON)
    assert kinds == {int}
    assert out.values == list(range(5000))
    assert sum(trace.operator == "numbers" for trace in recorder.of(Trace)) == 3


def test_an_operator_that_nobody_knows_is_not_followed() -> None:
    runtime = ThreadEngine()
    pipeline, _ = three_steps()
    job = runtime.submit(pipeline.graph())
    runtime.follow("test/end", 1)
    runtime.follow("other/numbers", 1)
    assert job.wait(SOON)
    run(three_steps()[0])
