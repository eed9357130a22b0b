"""A job: one submitted pipeline, from its construction to its last event."""

from __future__ import annotations

from sage_runtime.graph import Graph


class Job:
    """One submitted pipeline. Every method may be called from any thread.

    `id` is the pipeline id of its events: the graph's name, made unique in the run. `status` is running, finished,
    failed or stopped. `failure` is the exception that failed it (era 3).
    """

    def __init__(self, pipeline: str, graph: Graph) -> None:
        self.id = pipeline
        self.graph = graph
        self.status = "running"
        self.failure: BaseException | None = None

    def wait(self, timeout: float | None = None) -> bool:
        """Wait for the end (seconds at most); false if it still runs."""
        raise NotImplementedError

    def close_sources(self) -> None:
        """End its sources; what is in flight is delivered."""
        raise NotImplementedError

    def stop(self, *, drain: bool = True, timeout: float | None = 10.0) -> None:
        """End it: drained (sources end, what is in flight is delivered), or at once, dropping what is in flight.

        Waits for the end, `timeout` seconds at most; a drain that takes longer becomes a stop at once.
        """
        raise NotImplementedError
