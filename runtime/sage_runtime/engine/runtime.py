"""The runtime of a worker: what all its jobs share."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol

from sage_runtime.engine.job import Job
from sage_runtime.events import Event
from sage_runtime.graph import Graph


class Publisher(Protocol):
    """Where the engine's events go; any thread publishes."""

    def publish(self, event: Event) -> None:
        """Take one event, without its header."""


class Silence:
    """A publisher for scripts that run without a worker: it drops everything."""

    def publish(self, event: Event) -> None:
        """Drop the event."""


class Runtime:
    """All jobs of one worker: submit, pause, step, inspect, stop. Every method may be called from any thread.

    `logs` is the session's folder, empty outside a worker.
    """

    def __init__(
        self,
        publisher: Publisher | None = None,
        *,
        clock: Callable[[], float] = time.perf_counter,
        keep_streaming: bool = False,
        logs: str = "",
    ) -> None:
        self.publisher: Publisher = publisher if publisher is not None else Silence()
        self.clock = clock
        self.keep_streaming = keep_streaming
        self.logs = logs
        self.jobs: list[Job] = []

    @property
    def stopping(self) -> bool:
        """Whether `stop` was called."""
        raise NotImplementedError

    def submit(self, graph: Graph) -> Job:
        """Build the services and functions of a graph and start them.

        Raises whatever a function's constructor raises (the job is then failed and ended). While the run stops,
        nothing is built and the job has ended already, as stopped.
        """
        raise NotImplementedError

    def pause(self) -> None:
        """Gate the sources of all jobs."""
        raise NotImplementedError

    def resume(self) -> None:
        """Open the gate."""
        raise NotImplementedError

    def step(self, operator: str | None = None) -> None:
        """Release one record of a source (`pipeline/operator`, any if None); the gate closes again behind it."""
        raise NotImplementedError

    def inspect(self, operators: tuple[str, ...]) -> None:
        """Publish record previews for just these operators (`pipeline/operator`)."""
        raise NotImplementedError

    def follow(self, operator: str | None, count: int) -> None:
        """Follow the next `count` records of a source (`pipeline/operator`, any if None) as `trace` events."""
        raise NotImplementedError

    def close_sources(self) -> None:
        """End all sources; what is in flight is delivered."""
        raise NotImplementedError

    def stop(self) -> None:
        """Stop the whole run: sources end, every wait is woken, records in flight are dropped, later submits do nothing."""
        raise NotImplementedError

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until every job has ended (seconds at most); false if some still runs."""
        raise NotImplementedError
