"""Properties of the fold: replay equals live, whatever comes in whatever order."""

from __future__ import annotations

import json
import math

from hypothesis import given, settings
from hypothesis import strategies as st

from sage_runtime.events import (
    EdgeInfo,
    Event,
    Failure,
    InputRequested,
    Latency,
    LeftOut,
    Log,
    Notice,
    OperatorInfo,
    OperatorStats,
    Output,
    PipelineFinished,
    PipelineSubmitted,
    Record,
    ReloadFailed,
    ReplicaStats,
    RunFinished,
    RunStarted,
    RunStateChanged,
    ServiceCall,
    ServiceInfo,
    ServiceStats,
    Trace,
    UnknownEvent,
    decode,
    encode,
    stamped,
)
from sage_runtime.events.codec import LARGEST
from sage_tui.state import RunState

# --- events: few names, so that they meet; any numbers ---------------------------------------------------------------

names = st.sampled_from(["Batch", "Map", "Sink", "llm"])
pipelines = st.sampled_from(["hello", "other"])
texts = st.text(max_size=20)
numbers = st.integers(min_value=0, max_value=2_000) | st.sampled_from([10**6, LARGEST])
floats = st.floats(0, 1) | st.floats(0, LARGEST)
times = st.floats(0, 200) | st.floats(0, LARGEST) | st.sampled_from([1e9, 2e9])
buckets = st.dictionaries(st.integers(0, 500) | st.just(LARGEST), numbers, max_size=4).map(
    lambda d: tuple(sorted(d.items()))
)
latencies = st.builds(Latency, p50=floats, p95=floats, p99=floats, max=floats, buckets=buckets)
shares = dict.fromkeys(("busy", "waiting", "idle", "blocked", "paused", "cpu"), floats)
totals = dict.fromkeys(("records_in", "records_out", "errors", "queue", "queue_capacity"), numbers)
states = st.sampled_from(["starting", "running", "paused", "finished", "failed", "?"])
replicas = st.builds(ReplicaStats, replica=numbers, state=states, latency=latencies, **shares, **totals)
operators = st.builds(
    OperatorInfo, id=names, name=texts, kind=st.sampled_from(["batch", "source", "map", "sink", ""]), class_=texts
)
edges = st.builds(EdgeInfo, id=texts, source=names, target=names, feedback=st.booleans())
services = st.builds(ServiceInfo, name=names)
sources = st.none() | names

bodies: st.SearchStrategy[Event] = st.one_of(
    st.builds(RunStarted, script=texts, reason=texts, changed=st.tuples(texts)),
    st.builds(RunStateChanged, state=st.sampled_from(["starting", "running", "paused", "stopping", "?"])),
    st.builds(
        PipelineSubmitted,
        pipeline=pipelines,
        name=texts,
        operators=st.lists(operators, max_size=3).map(tuple),
        edges=st.lists(edges, max_size=3).map(tuple),
        services=st.lists(services, max_size=2).map(tuple),
    ),
    st.builds(
        OperatorStats,
        pipeline=pipelines,
        operator=names,
        state=states,
        latency=latencies,
        replicas=st.lists(replicas, max_size=2).map(tuple),
        interval=st.floats(0, 5) | floats,
        **shares,
        **totals,
    ),
    st.builds(
        ServiceStats,
        pipeline=pipelines,
        service=names,
        method=st.sampled_from(["ask", "tell"]),
        calls=numbers,
        errors=numbers,
        in_flight=numbers,
        waiting=numbers,
        latency=latencies,
        callers=st.dictionaries(names, numbers, max_size=2),
        interval=st.floats(0, 5) | floats,
    ),
    st.builds(ServiceCall, id=numbers, pipeline=pipelines, service=names, method=texts, caller=sources),
    st.builds(Output, pipeline=st.none() | pipelines, source=sources, text=texts, end=st.sampled_from(["", "\n"])),
    st.builds(Log, level=texts, message=texts),
    st.builds(Record, pipeline=pipelines, operator=names, port=st.just("in"), preview=texts),
    st.builds(Trace, trace=numbers, pipeline=pipelines, operator=names),
    st.builds(
        Failure,
        pipeline=st.none() | pipelines,
        source=sources,
        kind=st.sampled_from(["operator", "service", "script", "worker", "?"]),
        group=st.sampled_from(["", "a", "b"]),
        message=texts,
    ),
    st.builds(
        LeftOut, what=st.sampled_from(["failure", "record", "?"]), group=st.sampled_from([None, "a"]), count=numbers
    ),
    st.builds(InputRequested, prompt=texts),
    st.builds(Notice, level=texts, message=texts),
    st.builds(ReloadFailed, file=texts, message=texts),
    st.builds(PipelineFinished, pipeline=pipelines, status=st.sampled_from(["finished", "failed"]), duration=floats),
    st.builds(RunFinished, status=st.sampled_from(["finished", "failed", "stopped", "?"]), duration=floats),
    st.builds(UnknownEvent, name=st.just("weather"), fields=st.just({"a": 1})),
)


@st.composite
def runs(draw: st.DrawFn) -> list[Event]:
    """Events as a session reads them: decoded, numbered, in a time that mostly goes on."""
    t, events = draw(st.floats(0, 1e9)), list[Event]()
    for seq, body in enumerate(draw(st.lists(bodies, max_size=25))):
        t = draw(st.one_of(st.floats(0, 3).map(lambda d, t=t: min(t + d, LARGEST)), times))  # type: ignore[misc]
        event = decode(encode(stamped(body, run=1, t=t, worker=0, seq=seq)))
        assert isinstance(event, Event)
        events.append(event)
    return events


def fold(events: list[Event], state: RunState | None = None) -> RunState:
    state = state or RunState(1)
    for event in events:
        state.apply(event)
    return state


@given(runs(), st.data())
@settings(deadline=None, max_examples=60)
def test_a_snapshot_and_the_rest_equal_the_whole(events: list[Event], data: st.DataObject) -> None:
    cut = data.draw(st.integers(0, len(events)))
    snapshot = json.loads(json.dumps(fold(events[:cut]).to_json(), allow_nan=False))
    restored = RunState.from_json(snapshot)
    assert restored == fold(events[:cut])
    whole = fold(events)
    assert fold(events[cut:], restored) == whole
    now = data.draw(times)
    assert restored.view(now) == whole.view(now)


@given(runs(), st.data())
@settings(deadline=None, max_examples=60)
def test_looking_changes_nothing(events: list[Event], data: st.DataObject) -> None:
    watched = RunState(1)
    for event in events:
        watched.apply(event)
        watched.view(data.draw(times))
    unwatched = fold(events)
    now = data.draw(times)
    assert watched == unwatched
    assert watched.view(now) == unwatched.view(now)


@given(st.lists(st.tuples(st.floats(0, 3), st.sampled_from([0.0, 0.0625, 0.5, 1.0])), max_size=6), st.data())
def test_looking_changes_nothing_while_an_operator_is_busy_without_a_result(
    samples: list[tuple[float, float]], data: st.DataObject
) -> None:
    watched, unwatched, t = RunState(1), RunState(1), 1e9
    for seq, (wait, share) in enumerate(samples):
        t += wait
        stats = OperatorStats(
            pipeline="p", operator="Ask", busy=share, idle=1.0 - share, cpu=share, run=1, t=t, seq=seq
        )
        watched.apply(stats)
        unwatched.apply(stats)
        for later in sorted(data.draw(st.lists(st.floats(0, 3), max_size=3))):
            watched.view(t + later)
    now = t + data.draw(st.floats(0, 4))
    assert watched.view(now) == unwatched.view(now)


@given(runs(), times)
@settings(deadline=None, max_examples=60)
def test_every_number_is_finite_and_none_is_negative(events: list[Event], now: float) -> None:
    view = fold(events).view(now)
    shown = [view.rate, view.elapsed, view.errors, view.in_flight, *view.history]
    for pipeline in view.pipelines:
        for operator in pipeline.operators:
            shown += [operator.rate, operator.rate_in, operator.busy, operator.queue, *operator.history]
        for service in pipeline.services:
            shown += [service.rate, service.calls, service.latency.p99, *service.history]
            shown += [method.rate for method in service.methods]
    assert all(math.isfinite(number) and number >= 0 for number in shown)
    assert all(len(o.history) <= 60 for p in view.pipelines for o in p.operators)
