"""A run that a test feeds with events, and its view: for tests of the state."""

from __future__ import annotations

from typing import Any

from sage_runtime.events import (
    EdgeInfo,
    Event,
    Latency,
    OperatorInfo,
    OperatorStats,
    PipelineSubmitted,
    RunStarted,
    ServiceInfo,
    ServiceStats,
    bucket_of,
    replace,
)
from sage_tui.state import RunState
from sage_tui.state.views import OperatorView, PipelineView, RunView, ServiceView

HELLO = PipelineSubmitted(
    pipeline="hello",
    name="hello",
    operators=(
        OperatorInfo("Batch", "HelloBatch", "batch", "HelloBatch"),
        OperatorInfo("Map", "UpperCaseMap", "map", "UpperCaseMap"),
        OperatorInfo("Sink", "PrintSink", "sink", "PrintSink"),
    ),
    edges=(EdgeInfo("e0", "Batch", "Map"), EdgeInfo("e1", "Map", "Sink")),
    services=(ServiceInfo("hello_service", "HelloService"),),
)


class Run:
    """A running run. Its events have times in seconds since its start."""

    def __init__(self) -> None:
        self.state = RunState(1)
        self.seq = 0
        self.t = 0.0

    def tell(self, t: float, *events: Event) -> Run:
        self.t = t
        for event in events:
            self.state.apply(replace(event, run=1, t=1e9 + t, seq=self.seq))
            self.seq += 1
        return self

    def view(self, t: float | None = None) -> RunView:
        return self.state.view(1e9 + (self.t if t is None else t))

    def pipeline(self, t: float | None = None) -> PipelineView:
        return self.view(t).pipelines[0]

    def operator(self, id_: str, t: float | None = None) -> OperatorView:
        return next(operator for operator in self.pipeline(t).operators if operator.id == id_)

    def service(self, t: float | None = None) -> ServiceView:
        return self.pipeline(t).services[0]


def hello_run() -> Run:
    """A run whose pipeline has just been submitted."""
    return Run().tell(0, RunStarted(script="hello.py", python="3.11", reason="start")).tell(0.5, HELLO)


def stats(operator: str, out: int = 0, *, into: int = 0, pipeline: str = "hello", **fields: Any) -> OperatorStats:
    return OperatorStats(pipeline=pipeline, operator=operator, records_in=into, records_out=out, **fields)


def calls(number: int, method: str = "hello", **fields: Any) -> ServiceStats:
    return ServiceStats(pipeline="hello", service="hello_service", method=method, calls=number, **fields)


def spread(*seconds: float) -> Latency:
    buckets: dict[int, int] = {}
    for one in seconds:
        buckets[bucket_of(one)] = buckets.get(bucket_of(one), 0) + 1
    return Latency(max=max(seconds), buckets=tuple(sorted(buckets.items())))
