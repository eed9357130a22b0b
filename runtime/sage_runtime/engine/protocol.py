"""What an engine offers. The worker and the API know these protocols and no engine behind them.

An engine takes a `Graph`, which is plain data, and runs it: in threads of this process, on the thread of the caller, or
on other machines. It tells what happens by publishing events.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

from sage_runtime.events import Event
from sage_runtime.graph import Graph


class Publisher(Protocol):
    """Where an engine's events go. Any thread publishes."""

    def publish(self, event: Event) -> None:
        """Take one event, without its header."""


class JobHandle(Protocol):
    """One submitted pipeline. Any thread may use it.

    `id` is the pipeline's id in the events. `status` is running, finished, failed or stopped. `failure` is the
    exception that failed it: in era 3 an operator's, in every era a constructor's.
    """

    id: str
    graph: Graph
    status: str
    failure: BaseException | None

    @property
    def ended(self) -> bool:
        """Whether its last event is published."""

    def wait(self, timeout: float | None = None) -> bool:
        """Wait for the end, `timeout` seconds at most. False if the job still runs."""

    def head_start(self) -> None:
        """Let the job go first, for some milliseconds and no longer than it needs, before the script goes on."""

    def stop(self, *, drain: bool = True, timeout: float | None = 10.0) -> None:
        """End it and wait for the end: drained, so that what is in flight is delivered, or at once."""

    def close_sources(self) -> None:
        """End its sources without waiting. What is in flight is delivered."""


class Engine(Protocol):
    """All jobs of one worker. Any thread may use it.

    `logs` is the session's folder, empty outside a worker. Operators are addressed as `pipeline/operator`.
    """

    logs: str

    @property
    def jobs(self) -> Sequence[JobHandle]:
        """Every job submitted so far, oldest first."""

    def submit(self, graph: Graph) -> JobHandle:
        """Construct the services and functions of a graph and start them.

        Raises whatever a function's constructor raises; the job has then failed and ended. While the run stops nothing
        is constructed, and the job has already ended as stopped.
        """

    def pause(self) -> None:
        """Hold the sources of all jobs back; what is in flight goes on."""

    def resume(self) -> None:
        """Let the sources go on."""

    def step(self, operator: str | None = None) -> None:
        """While paused, let one record of a source through, of any source if None."""

    def inspect(self, operators: Iterable[str]) -> None:
        """Publish record previews for exactly these operators, in jobs still to come as well."""

    def follow(self, operator: str | None, count: int = 1) -> None:
        """Publish `trace` events for the next `count` records of a source, of any source if None."""

    def close_sources(self) -> None:
        """End the sources of all jobs. What is in flight is delivered."""

    def stop(self) -> None:
        """Stop the run: wake every wait, drop what is in flight, let later submits do nothing."""

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until every job has ended, `timeout` seconds at most. False if one still runs."""
