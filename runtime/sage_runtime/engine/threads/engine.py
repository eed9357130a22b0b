"""The runtime of a worker: what all its jobs share."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterable
from time import monotonic, perf_counter, thread_time

from sage_runtime.engine.errors import ReplacedThreadsError
from sage_runtime.engine.protocol import Publisher
from sage_runtime.engine.threads import forks
from sage_runtime.engine.threads.gate import Gate
from sage_runtime.engine.threads.job import SIGNAL_SECONDS, Job
from sage_runtime.events import Event
from sage_runtime.graph import Graph

_get_ident = threading.get_ident

SAMPLE_SECONDS = 0.1
"""Between two readings of all meters, at least."""

SAMPLE_SHARE = 10.0
"""And at least this many times the CPU time that a reading takes: large pipelines are read less often."""


class Silence:
    """A publisher for scripts that run without a worker: it drops everything."""

    def publish(self, event: Event) -> None:
        """Drop the event."""


class ThreadEngine:
    """All jobs of one worker: submit, pause, step, inspect, stop. Every method may be called from any thread.

    `logs` is the session's folder, empty outside a worker. `jobs` has every job submitted so far.
    """

    def __init__(
        self,
        publisher: Publisher | None = None,
        *,
        clock: Callable[[], float] = perf_counter,
        logs: str = "",
    ) -> None:
        self.publisher: Publisher = publisher if publisher is not None else Silence()
        self.clock = clock
        self.logs = logs
        self.jobs: list[Job] = []
        self.gate = Gate(clock)
        self.inspected: frozenset[str] = frozenset()
        self.stopping = False
        self._lock = threading.Lock()
        self._changed = threading.Condition(self._lock)
        self._sampler: threading.Thread | None = None
        forks.tell(self)

    @property
    def paused(self) -> bool:
        """Whether the gate is closed."""
        return self.gate.closed

    def submit(self, graph: Graph) -> Job:
        """Build the services and functions of a graph and start them.

        Raises whatever a function's constructor raises (the job is then failed and ended). While the run stops,
        nothing is built and the job has ended already, as stopped. `ReplacedThreadsError` comes before there is a job:
        nothing would run beside the caller, who waits.
        """
        if threading.get_ident is not _get_ident:
            raise ReplacedThreadsError
        with self._lock:
            job = Job(self, self._free_name(graph.name), graph)
            if self.stopping:
                job.refuse()
                return job
            self.jobs.append(job)
        job.start()
        return job

    def attend_to_meters(self) -> None:
        """A job begins: from now on its meters are read."""
        with self._lock:
            self._start_sampler()

    def pause(self) -> None:
        """Gate the sources of all jobs."""
        self.gate.close()
        self._tell_gate()

    def resume(self) -> None:
        """Open the gate."""
        self.gate.open()
        self._tell_gate()

    def step(self, operator: str | None = None) -> None:
        """While paused, release one record of a source (`pipeline/operator`, any if None).

        Any: a record that waits on a feedback edge goes first.
        """
        if operator is None and any(job.release_held() for job in self._running()):
            return
        self.gate.permit(operator)

    def inspect(self, operators: Iterable[str]) -> None:
        """Publish record previews for just these operators (`pipeline/operator`), also of jobs still to come."""
        with self._lock:
            self.inspected = frozenset(operators)
        for job in self._running():
            job.inspect(self.inspected)

    def follow(self, operator: str | None, count: int = 1) -> None:
        """Follow the next `count` records of a source (`pipeline/operator`, any if None) as `trace` events."""
        pipeline, _, source = (operator or "").rpartition("/")
        for job in self._running():
            if operator is None or (pipeline in ("", job.id) and job.has_source(source)):
                job.follow(source or None, count)
                return

    def close_sources(self) -> None:
        """End all sources; what is in flight is delivered."""
        for job in self._running():
            job.close_sources()

    def stop(self) -> None:
        """Stop the whole run: every wait is woken, what is in flight is dropped, later submits do nothing."""
        with self._lock:
            self.stopping = True
            jobs = [job for job in self.jobs if not job.ended]
        for job in jobs:
            job.cancel()

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until every job has ended (seconds at most); false if some still runs."""
        end = None if timeout is None else monotonic() + timeout
        while True:
            left = SIGNAL_SECONDS if end is None else min(SIGNAL_SECONDS, end - monotonic())
            with self._changed:
                if self._changed.wait_for(self._all_ended, max(0.0, left)):
                    return True
            if end is not None and monotonic() >= end:
                return False
            for job in self._running():
                job.look_after_start()
            self._look_after_threads()

    def forked(self) -> None:
        """In a forked child: its threads are gone, but for the one that forked."""
        for job in self.jobs:
            job.forked()

    def _start_sampler(self) -> None:
        """Under the lock: start the sampler unless it is at work."""
        if self._sampler is None or not self._sampler.is_alive():
            self._sampler = threading.Thread(target=self._sample, name="sage_sampler", daemon=True)
            self._sampler.start()

    def _look_after_threads(self) -> None:
        """For whoever waits: what ended the threads of a job may have ended the sampler, which looks after them."""
        for job in self._running():
            job.look_after_threads()
        with self._lock:
            if not self._all_ended():
                self._start_sampler()

    def _all_ended(self) -> bool:
        return all(job.ended for job in self.jobs)

    def job_ended(self) -> None:
        """A job has published its last event."""
        with self._changed:
            self._changed.notify_all()

    def _running(self) -> list[Job]:
        with self._lock:
            return [job for job in self.jobs if not job.ended]

    def _free_name(self, name: str) -> str:
        """The name, or with the first number that makes it unique."""
        taken = {job.id for job in self.jobs}
        numbered = (f"{name}_{number}" for number in itertools.count(1))
        return next(candidate for candidate in itertools.chain((name,), numbered) if candidate not in taken)

    def _tell_gate(self) -> None:
        for job in self._running():
            job.attend()

    def _sample(self) -> None:
        """The sampler's thread: about ten times a second, and never for more than a tenth of the time."""
        pause = SAMPLE_SECONDS
        while True:
            with self._changed:
                if self._changed.wait_for(lambda: all(job.ended for job in self.jobs), pause):
                    self._sampler = None
                    return
            began = thread_time()
            for job in self._running():
                job.sample()
            pause = max(SAMPLE_SECONDS, SAMPLE_SHARE * (thread_time() - began))
