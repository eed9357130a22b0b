"""For engine tests: graphs made of plain functions, a publisher that keeps events, and a run to the end."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

from support.waiting import SOON

from sage_runtime.engine.threads.engine import ThreadEngine
from sage_runtime.engine.threads.job import Job
from sage_runtime.events import Event
from sage_runtime.graph import EdgeSpec, Graph, OperatorSpec, Partition, ServiceSpec

E = TypeVar("E", bound=Event)


class Recorder:
    """A publisher that keeps every event, in order."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self._changed = threading.Condition()

    def publish(self, event: Event) -> None:
        with self._changed:
            self.events.append(event)
            self._changed.notify_all()

    def of(self, kind: type[E]) -> list[E]:
        with self._changed:
            return [event for event in self.events if isinstance(event, kind)]

    def wait_for(self, found: Callable[[list[Event]], Any], seconds: float = SOON) -> None:
        with self._changed:
            assert self._changed.wait_for(lambda: found(self.events), seconds), "the event did not come"


class Function:
    """A user's function made of a callable, with the `close` and `context` that operators may have."""

    def __init__(self, execute: Callable[..., Any]) -> None:
        self.execute = execute


class Collected:
    """A sink that keeps what all its replicas receive."""

    def __init__(self) -> None:
        self.values: list[Any] = []
        self.closed = 0

    def execute(self, value: Any) -> None:
        self.values.append(value)

    def close(self) -> None:
        self.closed += 1


class Pipeline:
    """Builds a graph step by step. Each method that adds an operator returns its id."""

    def __init__(self, name: str = "test", era: int = 1) -> None:
        self.name = name
        self.era = era
        self.operators: list[OperatorSpec] = []
        self.edges: list[EdgeSpec] = []
        self.services: list[ServiceSpec] = []

    def values(self, values: Iterable[Any], name: str = "Values", **options: Any) -> str:
        spec = OperatorSpec(name, name, "batch", lambda context: None, values=values, **options)
        self.operators.append(spec)
        return name

    def add(
        self,
        kind: Any,
        function: Any,
        inputs: str | Sequence[str] = (),
        *,
        name: str | None = None,
        partition: Partition = "forward",
        **options: Any,
    ) -> str:
        """Add an operator; `function` is a callable, an object with the methods, or made by a class with `make`."""
        name = name or f"{kind}_{len(self.operators)}"
        create = function if getattr(function, "makes", False) else lambda context: function
        self.operators.append(OperatorSpec(name, name, kind, create, class_name=name, **options))
        for number, source in enumerate([inputs] if isinstance(inputs, str) else inputs):
            self.connect(source, name, number, partition=partition)
        return name

    def connect(
        self, source: str, target: str, number: int = 0, *, partition: Partition = "forward", feedback: bool = False
    ) -> None:
        edge = EdgeSpec(f"e{len(self.edges)}", source, target, number, partition, feedback)
        self.edges.append(edge)

    def sink(self, inputs: str | Sequence[str], **options: Any) -> Collected:
        collected = Collected()
        self.add("sink", collected, inputs, **options)
        return collected

    def service(self, name: str, create: Callable[[Any], Any]) -> None:
        self.services.append(ServiceSpec(name, create, name))

    def graph(self) -> Graph:
        return Graph(self.name, self.era, tuple(self.operators), tuple(self.edges), tuple(self.services))


def per_replica(create: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Mark a function of the context as the one that makes each replica's object."""

    def make(context: Any) -> Any:
        return create(context)

    make.makes = True  # type: ignore[attr-defined]
    return make


def run(pipeline: Pipeline, publisher: Recorder | None = None, *, seconds: float = SOON) -> Job:
    """Run a pipeline to its end."""
    runtime = ThreadEngine(publisher)
    job = runtime.submit(pipeline.graph())
    assert job.wait(seconds), "the job did not end"
    assert runtime.wait(seconds)
    return job
