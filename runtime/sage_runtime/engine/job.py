"""A job: one submitted pipeline, from its construction to its last event."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from sage_runtime.engine.build import ConstructionError, build_replicas, build_services, describe
from sage_runtime.engine.consumer import ConsumerReplica
from sage_runtime.engine.failures import Failures
from sage_runtime.engine.gate import Gate
from sage_runtime.engine.lanes import Lane
from sage_runtime.engine.meters import BUSY, WAITING
from sage_runtime.engine.replica import Replica
from sage_runtime.engine.services import Service
from sage_runtime.engine.source import SourceReplica
from sage_runtime.engine.stats import OperatorSampler, ServiceSampler
from sage_runtime.engine.taps import Follower, Tap
from sage_runtime.engine.waits import Waits
from sage_runtime.events import Event, Notice, PipelineFinished
from sage_runtime.graph import Graph, GraphError

if TYPE_CHECKING:
    from sage_runtime.engine.runtime import Runtime

SIGNAL_SECONDS = 0.5
"""How late a signal may reach a thread that waits for a job."""

LET_GO_SECONDS = 1.0
"""After the sources were closed, how long one that is inside user code is waited for before its stream is ended."""

GRACE_SECONDS = 2.0
"""After a stop at once, how long threads inside user code are waited for before the job ends without them."""

LATE_SECONDS = 0.5
"""When a job ends without some of its threads, how long each service has for its last hooks."""

LONG_BATCH = 0.1
"""Seconds after which a batch that was expected to be short is interrupted."""

LONG_LOOP = 100_000
"""Records queued on a feedback edge of which people should know."""


class Job:
    """One submitted pipeline. Every public method may be called from any thread.

    `id` is the pipeline id of its events: the graph's name, made unique in the run. `status` is running, finished,
    failed or stopped. `failure` is the exception that failed it (era 3, or a constructor's).
    """

    def __init__(self, runtime: Runtime, pipeline: str, graph: Graph) -> None:
        self.id = pipeline
        self.graph = graph
        self.status = "running"
        self.failure: BaseException | None = None
        self.stopping = False
        self.closing = False
        self.looping = any(edge.feedback for edge in graph.edges)
        self.clock: Callable[[], float] = runtime.clock
        self.gate: Gate = runtime.gate
        self.failures = Failures(pipeline, runtime.publisher.publish)
        self.follower = Follower()
        self.publish: Callable[[Event], None] = runtime.publisher.publish
        self.replicas: list[Replica] = []
        self._runtime = runtime
        self._services: dict[str, Service] = {}
        self._lock = threading.Lock()
        self._live = 0
        self._live_sources = 0
        self._lanes: list[Lane] = []
        self._loops: list[Lane] = []
        self._rested = False
        self._late = False
        self._warned: set[str] = set()
        self._began = self.clock()
        self._end_once = [True]
        self._ended = threading.Event()
        self._timers: dict[str, threading.Timer] = {}
        self._stats_lock = threading.Lock()
        self._samplers: list[OperatorSampler] = []
        self._service_samplers: list[ServiceSampler] = []
        self._gated = self.gate.closed_seconds()

    # --- its life, seen from outside ---------------------------------------------------------------------------------

    @property
    def ended(self) -> bool:
        """Whether its last event is published."""
        return self._ended.is_set()

    def start(self) -> None:
        """Construct services and functions, then start everything. Raises what a function's constructor raised."""
        self.publish(describe(self.id, self.graph))
        failure = self._construct()
        if failure is not None:
            self._end()
            raise failure
        self._prepare()
        replicas = sorted(self.replicas, key=lambda replica: replica.spec.is_source)
        for replica in replicas:
            replica.start()
        if self.stopping:
            self.cancel()
        if not replicas:
            self._end()

    def refuse(self) -> None:
        """Never start: the run stops. It has ended as stopped, without an event."""
        self.status = "stopped"
        self._end_once.clear()
        self._ended.set()

    def wait(self, timeout: float | None = None) -> bool:
        """Wait for the end (seconds at most); false if it still runs."""
        while timeout is None:  # an untimed wait misses a signal that arrives just before it begins
            if self._ended.wait(SIGNAL_SECONDS):
                return True
        return self._ended.wait(timeout)

    def close_sources(self) -> None:
        """End its sources; what is in flight is delivered.

        A source that is inside user code is waited for a second; a record that it returns later is not taken.
        """
        self.closing = True
        with self._lock:
            if self._live_sources and not self._rested:
                self._mark("stopped")
        self._poke_sources()
        with self._lock:
            if self._live_sources:
                self._after(LET_GO_SECONDS, self._let_go_of_sources)

    def cancel(self) -> None:
        """End it at once: everything that waits is woken, what is in flight is dropped. Does not wait for the end.

        Threads that are inside user code are left behind after two seconds.
        """
        with self._lock:
            if self._live:
                self._mark("stopped")
            if not self._ended.is_set():
                self._after(GRACE_SECONDS, self._abandon)
        self.stopping = True
        self._poke_sources()
        for lane in self._lanes:
            lane.let_in()
        for service in self._services.values():
            service.cancel()
        for replica in self.replicas:
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
        """The engine itself failed on a replica's thread: nothing that it holds could be trusted."""
        self.failures.record("engine", "worker", error)
        self._fail(error)

    def at_rest(self) -> bool:
        """Whether a job with feedback has just come to rest; its loops are then closed.

        At rest: every source has ended, every lane is empty and nothing is inside user code. Counters that only grow,
        read twice without a change while the lanes are empty in between, say so (`Meter.taken`).
        """
        if not self._loops or self._live_sources or self._rested:
            return False
        meters = [replica.meter for replica in self.replicas]
        taken = [meter.taken for meter in meters]
        if taken != [meter.done for meter in meters]:
            return False
        if any(lane.records for lane in self._lanes) or taken != [meter.taken for meter in meters]:
            return False
        self._rested = True
        for lane in self._loops:
            lane.producers = 0
            lane.bell.ring()
        return True

    def pass_on_permit(self) -> None:
        """A source ended with a permit for anyone in hand: the record may come from elsewhere."""
        self._runtime.step()

    def replica_ended(self, replica: Replica) -> None:
        """A replica is done: its consumers are told, and the last one ends the job."""
        with self._lock:
            for lane in replica.outputs.lanes:
                lane.producers = max(0, lane.producers - 1)
            self._live_sources -= replica.spec.is_source
            self._live -= 1
            last = self._live == 0
        for lane in replica.outputs.lanes:
            lane.bell.ring()
        self.at_rest()  # it may have been the last at work while all others sleep already
        if last:
            self._end()

    # --- what the sampler and the runtime ask ------------------------------------------------------------------------

    def sample(self) -> None:
        """Publish what has changed, and interrupt batches that turned out to be long. For the sampler."""
        now = self.clock()
        for replica in self.replicas:
            since = replica.since
            if since is not None and now - since > LONG_BATCH and (replica.in_hand or replica.spec.is_source):
                replica.interrupt()
        with self._stats_lock:
            if not self._ended.is_set():
                self._publish_stats(now)
        for lane in self._loops:
            if len(lane.records) >= LONG_LOOP:
                self._warn(f"the feedback edge {lane.edge} holds {len(lane.records):,} records and may be growing")

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
        for lane in self._loops:
            lane.bell.ring()

    def release_held(self) -> bool:
        """Let one record that the closed gate holds on a feedback edge pass; false if there is none."""
        for replica in self.replicas:
            if isinstance(replica, ConsumerReplica):
                held = sum(len(lane.records) for lane in replica.lanes if lane.feedback)
                if held > len(replica.permits):
                    replica.permits.append(True)
                    replica.wake()
                    return True
        return False

    def has_source(self, operator: str) -> bool:
        """Whether a source of that id still runs."""
        return any(r.spec.is_source and r.spec.id == operator and not r.ended for r in self.replicas)

    # --- inside ------------------------------------------------------------------------------------------------------

    def _construct(self) -> BaseException | None:
        """Make the services, then the functions; returns what kept it from that."""
        try:
            self._make_services()
            self.replicas = build_replicas(self, self.graph, self._services, self._runtime.logs)
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
        self._services = build_services(self, self.graph, self._runtime.logs, Waits(self._warn_of_cycle))
        self._service_samplers = [ServiceSampler(service) for service in self._services.values()]
        for service in self._services.values():
            service.start()
            service.ready.wait()

    def _prepare(self) -> None:
        self._lanes = [lane for replica in self.replicas for lane in replica.lanes]
        self._loops = [lane for lane in self._lanes if lane.feedback]
        self._live = len(self.replicas)
        self._live_sources = sum(replica.spec.is_source for replica in self.replicas)
        by_operator: dict[str, list[Replica]] = {}
        for replica in self.replicas:
            by_operator.setdefault(replica.spec.id, []).append(replica)
        now = self.clock()
        with self._stats_lock:
            self._samplers = [OperatorSampler(self.id, name, group, now) for name, group in by_operator.items()]
        self.inspect(self._runtime.inspected)
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
                self._warn(f"source {replica.context.name} is inside user code; its stream ends without it")
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
            self._warn(f"operator {replica.context.name} does not stop; it is left behind")
            replica.end()
        if not stuck:  # then it waits for a service, else it has ended by now
            for service in self._services.values():
                self._leave_behind(service)

    def _leave_behind(self, service: Service) -> None:
        if not service.ended.is_set():
            self._warn(f"service {service.name} does not stop; it is left behind")
            service.ended.set()

    def _after(self, seconds: float, action: Callable[[], None]) -> None:
        """Under the lock: do something later, unless it has ended by then; each action once."""
        name = action.__name__
        if name not in self._timers:
            timer = self._timers[name] = threading.Timer(seconds, action)
            timer.name = f"{self.id}{name}"
            timer.daemon = True
            timer.start()

    def _end(self) -> None:
        """End the services, then publish the last, exact totals; on the thread of the last replica."""
        try:
            self._end_once.pop()
        except IndexError:
            return
        self._end_services()
        with self._lock:
            self._mark("failed" if self.failure is not None else "finished")
            for timer in self._timers.values():
                timer.cancel()
        with self._stats_lock:
            self._publish_stats(self.clock())
            self.publish(PipelineFinished(pipeline=self.id, status=self.status, duration=self.clock() - self._began))
            self._ended.set()
            self.replicas, self._samplers, self._service_samplers = [], [], []  # a script may submit many jobs
            self._services, self._lanes, self._loops = {}, [], []
        self._runtime.job_ended(self)

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
        gated_so_far = self.gate.closed_seconds()
        gated, self._gated = gated_so_far - self._gated, gated_so_far
        for sampler in self._samplers:
            stats = sampler.sample(now, gated, paused=self.gate.closed)
            if stats is not None:
                self.publish(stats)
        for service_sampler in self._service_samplers:
            for service_stats in service_sampler.sample():
                self.publish(service_stats)
        for left_out in self.failures.collect():
            self.publish(left_out)
        for service in self._services.values():
            for left_out in service.left_out():
                self.publish(left_out)

    def _warn_of_cycle(self, message: str) -> None:
        self._warn(message, level="error")

    def _warn(self, message: str, *, level: str = "warning") -> None:
        """Tell people, once for each beginning of a message."""
        with self._lock:
            topic = message.split(" holds ")[0]
            if topic in self._warned:
                return
            self._warned.add(topic)
        self.publish(Notice(level=level, message=message, pipeline=self.id))
