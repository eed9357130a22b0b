"""A job: one submitted pipeline, from its construction to its last event."""

from __future__ import annotations

import threading
from collections.abc import Callable
from time import monotonic
from typing import Protocol

from sage_runtime.engine.description import describe
from sage_runtime.engine.errors import ConstructionError, LostThreadError
from sage_runtime.engine.failures import Failures
from sage_runtime.engine.meters import BUSY, WAITING
from sage_runtime.engine.notices import Notices
from sage_runtime.engine.protocol import Publisher
from sage_runtime.engine.taps import Follower, Tap
from sage_runtime.engine.threads.build import build_replicas, build_services
from sage_runtime.engine.threads.consumer import ConsumerReplica
from sage_runtime.engine.threads.delayed_actions import DelayedActions
from sage_runtime.engine.threads.feedback import Feedback
from sage_runtime.engine.threads.gate import Gate
from sage_runtime.engine.threads.idle_sources import IdleSources
from sage_runtime.engine.threads.replica import Replica
from sage_runtime.engine.threads.sampler import JobSampler
from sage_runtime.engine.threads.services import Service
from sage_runtime.engine.threads.source import SourceReplica
from sage_runtime.engine.threads.wait_for_graph import WaitForGraph
from sage_runtime.events import Event, PipelineFinished
from sage_runtime.graph import Graph, GraphError

SIGNAL_SECONDS = 0.5
"""How late a signal may reach a thread that waits for a job."""

LET_GO_SECONDS = 1.0
"""After the sources were closed, how long one that is inside user code is waited for before its stream is ended."""

GRACE_SECONDS = 2.0
"""After a stop at once, how long threads inside user code are waited for before the job ends without them."""

LATE_SECONDS = 0.5
"""When a job ends without some of its threads, how long each service has for its last hooks."""

HEAD_START = 20
"""Milliseconds for which whoever has submitted a job and goes on lets its threads go first, at most."""

LONG_BATCH = 0.1
"""Seconds after which a batch that was expected to be short is interrupted."""


class JobHost(Protocol):
    """What a job needs of the engine that runs it.

    `inspected` are the operators whose records are previewed, `logs` is the session's folder.
    """

    clock: Callable[[], float]
    gate: Gate
    logs: str
    inspected: frozenset[str]
    publisher: Publisher

    def attend_to_meters(self) -> None:
        """A job begins: read its meters from now on."""

    def step(self, operator: str | None = None) -> None:
        """Release one record while paused."""

    def job_ended(self) -> None:
        """A job has published its last event."""


class Job:
    """One submitted pipeline. Every public method may be called from any thread.

    `id` is the pipeline id of its events: the graph's name, made unique in the run. `status` is running, finished,
    failed or stopped. `failure` is the exception that failed it (era 3, or a constructor's).
    """

    def __init__(self, host: JobHost, pipeline: str, graph: Graph) -> None:
        self.id = pipeline
        self.graph = graph
        self.status = "running"
        self.failure: BaseException | None = None
        self.stopping = False
        self.in_child = False
        self.closing = False
        self.looping = any(edge.feedback for edge in graph.edges)
        self.clock: Callable[[], float] = host.clock
        self.gate: Gate = host.gate
        self.failures = Failures(pipeline, host.publisher.publish)
        self.follower = Follower()
        self.publish: Callable[[Event], None] = host.publisher.publish
        self.replicas: list[Replica] = []
        self._idle_sources: IdleSources | None = None
        self._host = host
        self._services: dict[str, Service] = {}
        self._lock = threading.Lock()
        self._live = 0
        self._live_sources = 0
        self._feedback = Feedback(())
        self._late = False
        self._notices = Notices(pipeline, host.publisher.publish)
        self._began = self.clock()
        self._starter: int | None = threading.get_ident()
        self._end_once = [True]
        self._ended = threading.Event()
        self._later = DelayedActions(pipeline)
        self._stats_lock = threading.Lock()
        self._sampler = JobSampler(pipeline, self.gate, self.failures)

    # --- its life, seen from outside ---------------------------------------------------------------------------------

    @property
    def ended(self) -> bool:
        """Whether its last event is published."""
        return self._ended.is_set()

    def start(self) -> None:
        """Construct services and functions, then start everything. Raises what a function's constructor raised."""
        try:
            self._start()
        except BaseException as error:
            self._break_off(error)
            raise
        self._starter = None

    def refuse(self) -> None:
        """Never start: the run stops. It has ended as stopped, without an event."""
        self.status = "stopped"
        self._end_once.clear()
        self._ended.set()

    def look_after_start(self) -> None:
        """End it if this thread, which does something else by now, has not come to the end of starting it.

        What interrupts a thread may do so anywhere: between any two steps, and again while it clears up.
        """
        if self._starter == threading.get_ident() and not self._ended.is_set():
            self._break_off(None)

    def wait(self, timeout: float | None = None) -> bool:
        """Wait for the end (seconds at most); false if it still runs."""
        end = None if timeout is None else monotonic() + timeout
        while True:  # an untimed wait misses a signal that arrives just before it begins
            left = SIGNAL_SECONDS if end is None else min(SIGNAL_SECONDS, end - monotonic())
            if self._ended.wait(max(0.0, left)):
                return True
            self.look_after_threads()
            if end is not None and monotonic() >= end:
                return self._ended.is_set()

    def head_start(self) -> None:
        """Let its threads go first, until it has ended, nothing of it is at work or a short while has passed."""
        for _ in range(HEAD_START):
            if self._ended.wait(0.001) or not any(replica.at_work for replica in self.replicas):
                return

    def close_sources(self) -> None:
        """End its sources; what is in flight is delivered.

        A source that is inside user code is waited for a second; a record that it returns later is not taken.
        """
        self.closing = True
        with self._lock:
            if self._live_sources:
                self._mark("stopped")
        self._poke_sources()
        with self._lock:
            if self._live_sources:
                self._later.after(LET_GO_SECONDS, self._let_go_of_sources)

    def cancel(self) -> None:
        """End it at once: everything that waits is woken, what is in flight is dropped. Does not wait for the end.

        Threads that are inside user code are left behind after two seconds.
        """
        with self._lock:
            if self._live:
                self._mark("stopped")
            if not self._ended.is_set():
                self._later.after(GRACE_SECONDS, self._abandon)
        self.stopping = True
        self._poke_sources()
        for service in self._services.values():
            service.cancel()
        for replica in self.replicas:
            for channel in replica.channels:
                channel.admit()
            replica.interrupt()
            replica.wake()

    def stop(self, *, drain: bool = True, timeout: float | None = 10.0) -> None:
        """End it: drained (sources end, what is in flight is delivered), or at once, dropping what is in flight.

        Waits for the end, `timeout` seconds at most; a drain that takes longer becomes a stop at once, and threads that
        are inside user code even then are left behind. One of its own threads does not wait.
        """
        inside = self._is_inside()
        if drain:
            self.close_sources()
            if inside or self.wait(timeout):
                return
        self.cancel()
        if not inside:
            self.wait(2 * GRACE_SECONDS)

    # --- what its replicas ask and tell ------------------------------------------------------------------------------

    def operator_failed(self, error: BaseException) -> bool:
        """An operator raised: in era 3 that ends the job; true then."""
        if self.graph.era != 3:
            return False
        self._fail(error)
        return True

    def crashed(self, error: BaseException) -> None:
        """The engine itself failed on one of the job's threads: nothing that it holds could be trusted."""
        self._fail(error)
        self.failures.record("engine", "worker", error)

    def warn(self, message: str) -> None:
        """Tell people once what they should know of it."""
        self._notices.warn(message)

    def at_rest(self) -> bool:
        """Whether a job with feedback has just come to rest; its loops are then closed."""
        return not self._live_sources and self._feedback.at_rest()

    def has_run_dry(self, source: Replica) -> bool:
        """A source answered `None`; true if it ends, since no source has anything to emit."""
        return self._idle_sources is not None and self._idle_sources.have_run_dry(source)

    def pass_on_permit(self) -> None:
        """A source ended with a permit for anyone in hand: the record may come from elsewhere."""
        self._host.step()

    def replica_ended(self, replica: Replica) -> None:
        """A replica is done: its consumers are told, and the last one ends the job."""
        with self._lock:
            for channel in replica.outputs.channels:
                channel.producers = max(0, channel.producers - 1)
            self._live_sources -= replica.spec.is_source
            self._live -= 1
            last = self._live == 0
        for channel in replica.outputs.channels:
            channel.wakeup.notify()
        self.at_rest()  # it may have been the last at work while all others sleep already
        if last:
            self._end()

    # --- what the sampler and the runtime ask ------------------------------------------------------------------------

    def forked(self) -> None:
        """In a forked child: whatever of it still runs begins no record and gets no answer. Takes no lock."""
        self.in_child = self.stopping = True
        for service in self._services.values():
            service.forked()
        for replica in self.replicas:
            replica.forked()

    def look_after_threads(self) -> None:
        """Fail if a thread has ended that had more to do: whoever waits for it would wait for ever. Any thread.

        Its own code catches what it raises, so it was ended from outside: a hook for profiling or tracing raised where
        the thread began, or an exception was thrown into it at its very end.
        """
        if self.in_child:  # whoever waits there waits for threads that only the parent has
            self._ended.set()
            return
        for service in list(self._services.values()):
            if service.lost:
                self.crashed(LostThreadError(f"the thread of service {service.name} has ended; stderr may say why"))
                service.mark_dead()
        for replica in self.replicas:
            if replica.lost:
                name = replica.context.name
                self.crashed(LostThreadError(f"the thread of operator {name} has ended; stderr may say why"))
                replica.state = "failed"
                replica.end()

    def sample(self) -> None:
        """Publish what has changed, and interrupt batches that turned out to be long. For the sampler."""
        self.look_after_threads()
        now = self.clock()
        for replica in self.replicas:
            since = replica.since
            if since is not None and now - since > LONG_BATCH and (replica.in_hand or replica.spec.is_source):
                replica.interrupt()
        with self._stats_lock:
            if not self._ended.is_set():
                self._publish_stats(now)
        self._feedback.warn(self._notices.warn)

    def inspect(self, operators: frozenset[str]) -> None:
        """Preview records at just these operators (`pipeline/operator`)."""
        taps: dict[str, Tap] = {}
        for replica in self.replicas:
            operator = replica.spec.id
            if f"{self.id}/{operator}" not in operators:
                replica.tap = None
            elif replica.tap is None:
                if operator not in taps:
                    taps[operator] = Tap(self.id, operator, self.publish, self.clock)
                replica.tap = taps[operator]

    def follow(self, source: str | None, count: int) -> None:
        """Follow the next `count` records of a source, any if None."""
        self.follower.want(source, count)
        self._poke_sources()

    def attend(self) -> None:
        """The gate was closed or opened: sources and the consumers of feedback look at it."""
        self._poke_sources()
        for replica in self.replicas:
            if isinstance(replica, ConsumerReplica) and not self.gate.closed:
                replica.permits.clear()
        self._feedback.notify()

    def release_held(self) -> bool:
        """Let one record that the closed gate holds on a feedback edge pass; false if there is none."""
        return any(isinstance(replica, ConsumerReplica) and replica.release_held() for replica in self.replicas)

    def has_source(self, operator: str) -> bool:
        """Whether a source of that id still runs."""
        return any(r.spec.is_source and r.spec.id == operator and not r.ended for r in self.replicas)

    # --- inside ------------------------------------------------------------------------------------------------------

    def _start(self) -> None:
        self.publish(describe(self.id, self.graph))
        self._host.attend_to_meters()
        failure = self._construct()
        if failure is not None:
            self._end()
            raise failure
        self._prepare()
        for replica in sorted(self.replicas, key=lambda replica: replica.spec.is_source):
            replica.start()
        if self.stopping:
            self.cancel()
        if not self.replicas:
            self._end()

    def _break_off(self, error: BaseException | None) -> None:
        """End though not all of it was started: as many threads as the system allows, or an interrupt."""
        if error is not None and isinstance(error, Exception):
            self._fail(error)
        with self._lock:
            self._mark("stopped")
        self.cancel()
        for replica in self.replicas:
            if not replica.started:
                replica.end()
        if all(replica.ended for replica in self.replicas):
            self._end()

    def _construct(self) -> BaseException | None:
        """Make the services, then the functions; returns what kept it from that."""
        try:
            self._make_services()
            self.replicas = build_replicas(self, self.graph, self._services, self._host.logs)
        except ConstructionError as error:
            self.failure = error.__cause__ or error
            self.failures.record(error.operator, "operator", self.failure)
        except GraphError as error:
            self.failure = error
        except BaseException as error:  # noqa: BLE001 - an interrupt or an exit while it was made; start raises it
            self.cancel()
            with self._lock:
                self._mark("stopped")
            return error
        return self.failure

    def _make_services(self) -> None:
        """Make all services, one after the other unless one calls another meanwhile; each on its own thread."""
        self._services = build_services(self, self.graph, self._host.logs, WaitForGraph(self._notices.blame))
        self._sampler.watch_services(self._services.values(), self.clock())
        for service in self._services.values():
            service.start()
            while not service.ready.wait(SIGNAL_SECONDS):
                self.look_after_threads()

    def _prepare(self) -> None:
        self._feedback = Feedback(self.replicas)
        if self.graph.autostop:
            self._idle_sources = IdleSources(self, self.replicas)
        self._live = len(self.replicas)
        self._live_sources = sum(replica.spec.is_source for replica in self.replicas)
        with self._stats_lock:
            self._sampler.watch_replicas(self.replicas, self.clock())
        self.inspect(self._host.inspected)
        with self._lock:
            if self.stopping or self.closing:  # while it was made
                self._mark("stopped")

    def _mark(self, status: str) -> None:
        """Under the lock: how it will have ended, unless that is decided."""
        if self.status == "running":
            self.status = status

    def _fail(self, error: BaseException) -> None:
        with self._lock:
            if self.failure is None and not self.stopping:
                self.failure = error
                self.status = "failed"
        self.cancel()

    def _poke_sources(self) -> None:
        for replica in self.replicas:
            if isinstance(replica, SourceReplica):
                replica.interrupt()
        self.gate.nudge()

    def _let_go_of_sources(self) -> None:
        for replica in self.replicas:
            if replica.spec.is_source and not replica.ended and replica.meter.state in (BUSY, WAITING):
                self._notices.warn(f"source {replica.context.name} is inside user code; its stream ends without it")
                replica.end()

    def _is_inside(self) -> bool:
        """Whether the current thread is one of its own."""
        current = threading.get_ident()
        owners = [replica.owner for replica in self.replicas] + [service.owner for service in self._services.values()]
        return any(owner.thread == current for owner in owners)

    def _abandon(self) -> None:
        """End without the threads that are stuck inside user code."""
        self._late = True
        stuck = [replica for replica in self.replicas if not replica.ended]
        for replica in stuck:
            self._notices.warn(f"operator {replica.context.name} does not stop; it is left behind")
            replica.end()
        if not stuck:  # then it waits for a service, else it has ended by now
            for service in self._services.values():
                self._leave_behind(service)

    def _leave_behind(self, service: Service) -> None:
        if not service.ended.is_set():
            self._notices.warn(f"service {service.name} does not stop; it is left behind")
            service.ended.set()

    def _end(self) -> None:
        """End the services, then publish the last, exact totals; on the thread of the last replica."""
        try:
            self._end_once.pop()
        except IndexError:
            return
        try:
            self._finish()
        except BaseException:
            self._end_once.append(True)  # an interrupt: it may be tried again
            raise
        self._host.job_ended()

    def _finish(self) -> None:
        self._end_services()
        with self._lock:
            self._mark("failed" if self.failure is not None else "finished")
            self._later.cancel()
        with self._stats_lock:
            self._publish_stats(self.clock())
            self.publish(PipelineFinished(pipeline=self.id, status=self.status, duration=self.clock() - self._began))
            self._ended.set()
            self.replicas, self._services, self._feedback = [], {}, Feedback(())  # a script may submit many jobs
            self._idle_sources = None
            self._sampler = JobSampler(self.id, self.gate, self.failures)

    def _end_services(self) -> None:
        services = list(self._services.values())
        answered = -1
        while services and answered != sum(service.answered for service in services) and not self.stopping:
            answered = sum(service.answered for service in services)  # asynchronous calls may make further calls
            for service in services:
                service.catch_up()
        for service in reversed(services):
            service.finish()
            if not service.ended.wait(LATE_SECONDS if self._late else None):
                self._leave_behind(service)

    def _publish_stats(self, now: float) -> None:
        for event in self._sampler.sample(now):
            self.publish(event)
