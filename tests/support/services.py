"""Pipelines with one service that an operator calls."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from support.graphs import Collected, Function, Pipeline, Recorder, per_replica, run
from support.waiting import SOON

from sage_runtime.engine.threads.job import Job


def calling(call: Callable[[Any, Any], Any]) -> Callable[[Any], Any]:
    """An operator's function that runs a call with its context and the record, for `Pipeline.add`."""
    return per_replica(lambda context: Function(lambda value: call(context, value)))


def with_service(
    service: Any, call: Callable[[Any, Any], Any], values: Any = (1,), *, era: int = 1, name: str = "svc"
) -> tuple[Collected, Recorder, Job]:
    """Run a map that calls one service for each value."""
    pipeline = Pipeline(era=era)
    pipeline.service(name, lambda context: service)
    out = pipeline.sink(pipeline.add("map", calling(call), pipeline.values(values), name="caller"))
    recorder = Recorder()
    return out, recorder, run(pipeline, recorder)


class Echo:
    def echo(self, *args: Any, **kwargs: Any) -> Any:
        return args, kwargs

    def process(self, value: Any) -> Any:
        return "processed", value


class Waiting:
    """A service whose `wait` blocks until released; `count` is the number of calls it executed."""

    def __init__(self) -> None:
        self.inside = threading.Event()
        self.go = threading.Event()
        self.count = 0

    def wait(self) -> str:
        self.inside.set()
        self.go.wait(SOON)
        self.count += 1
        return "late"

    def quick(self) -> str:
        self.count += 1
        return "quick"
