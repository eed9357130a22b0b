"""From meters to events: the totals of a job's operators and services, as the sampler publishes them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from sage_runtime.engine.failures import Failures
from sage_runtime.engine.meters import IDLE, PAUSED, Shares, merged, shares_of
from sage_runtime.engine.threads.gate import Gate
from sage_runtime.engine.threads.replica import Replica
from sage_runtime.engine.threads.services import Service
from sage_runtime.events import Event, OperatorStats, ReplicaStats, ServiceStats, replace

_DIGITS = 4


class OperatorSampler:
    """Makes the stats of one operator, remembering where the last interval ended. One thread at a time uses it."""

    def __init__(self, pipeline: str, operator: str, replicas: Sequence[Replica], now: float) -> None:
        self._pipeline = pipeline
        self._operator = operator
        self._replicas = replicas
        self._times = [[0.0] * 5 for _ in replicas]
        self._cpu = [0.0 for _ in replicas]
        self._then = now
        self._last: OperatorStats | None = None

    def sample(self, now: float, gated: float, *, paused: bool) -> OperatorStats | None:
        """The stats of the time since the last call, None if they say the same.

        `gated` is for how many seconds of that time the gate was closed; `paused` whether it is now.
        """
        wall = max(now - self._then, 1e-9)
        self._then = now
        spans: list[list[float]] = []
        parts = []
        for number, replica in enumerate(self._replicas):
            times = replica.meter.times(now)
            spans.append([late - early for early, late in zip(self._times[number], times, strict=True)])
            self._times[number] = times
            cpu = replica.meter.cpu()
            share = _share((cpu - self._cpu[number]) / wall)
            self._cpu[number] = cpu
            parts.append(_replica_stats(replica, spans[-1], gated, share, paused))
        stats = self._whole(parts, spans, gated)
        if stats == self._last:
            return None
        self._last = stats
        return replace(stats, interval=round(wall, _DIGITS))

    def _whole(self, parts: Sequence[ReplicaStats], spans: Sequence[list[float]], gated: float) -> OperatorStats:
        shares = _rounded(
            shares_of([0.0] * 5, [sum(column) for column in zip(*spans, strict=True)], gated * len(parts))
        )
        return OperatorStats(
            pipeline=self._pipeline,
            operator=self._operator,
            state=_state_of_all([part.state for part in parts]),
            records_in=sum(part.records_in for part in parts),
            records_out=sum(part.records_out for part in parts),
            errors=sum(part.errors for part in parts),
            queue=sum(part.queue for part in parts),
            queue_capacity=sum(part.queue_capacity for part in parts),
            busy=shares.busy,
            waiting=shares.waiting,
            idle=shares.idle,
            blocked=shares.blocked,
            paused=shares.paused,
            cpu=round(sum(part.cpu for part in parts) / len(parts), _DIGITS),
            latency=parts[0].latency if len(parts) == 1 else merged(r.meter.latency for r in self._replicas),
            replicas=tuple(parts),
        )


def _replica_stats(replica: Replica, span: list[float], gated: float, cpu: float, paused: bool) -> ReplicaStats:
    meter = replica.meter
    shares = _rounded(shares_of([0.0] * 5, span, gated))
    state = replica.state
    if paused and state == "running" and meter.state in (IDLE, PAUSED):
        state = "paused"
    return ReplicaStats(
        replica=replica.index,
        state=state,
        records_in=meter.records_in,
        records_out=meter.records_out,
        errors=meter.errors,
        queue=sum(len(channel.records) for channel in replica.channels) + replica.in_hand,
        queue_capacity=sum(channel.capacity for channel in replica.channels if not channel.feedback),
        busy=shares.busy,
        waiting=shares.waiting,
        idle=shares.idle,
        blocked=shares.blocked,
        paused=shares.paused,
        cpu=cpu,
        latency=meter.latency.latency(),
    )


def _state_of_all(states: Sequence[str]) -> str:
    """The state of an operator by those of its replicas: what is not over comes first."""
    for state in ("running", "paused", "starting", "failed"):
        if state in states:
            return state
    return "finished"


def _share(value: float) -> float:
    return round(min(1.0, max(0.0, value)), _DIGITS)


def _rounded(shares: Shares) -> Shares:
    """Few digits, and still a sum of 1."""
    busy, waiting, blocked = (_share(value) for value in (shares.busy, shares.waiting, shares.blocked))
    idle = (
        round(max(0.0, 1.0 - busy - waiting - blocked), _DIGITS) if shares.idle or busy or waiting or blocked else 0.0
    )
    return Shares(busy, waiting, idle, blocked, _share(shares.paused))


class ServiceSampler:
    """Makes the stats of one service, remembering what it said last. One thread at a time uses it."""

    def __init__(self, service: Service, now: float) -> None:
        self._service = service
        self._then = now
        self._last: dict[str, ServiceStats] = {}

    def sample(self, now: float) -> list[ServiceStats]:
        """The stats of the methods about which there is something new since the last call."""
        interval, self._then = round(max(0.0, now - self._then), _DIGITS), now
        changed = [stats for stats in self._service.stats() if self._last.get(stats.method) != stats]
        self._last.update({stats.method: stats for stats in changed})
        return [replace(stats, interval=interval) for stats in changed]


class JobSampler:
    """Makes the stats of all operators and services of one job. One thread at a time uses it."""

    def __init__(self, pipeline: str, gate: Gate, failures: Failures) -> None:
        self._pipeline = pipeline
        self._gate = gate
        self._failures = failures
        self._gated = gate.closed_seconds()
        self._operators: list[OperatorSampler] = []
        self._services: list[Service] = []
        self._service_samplers: list[ServiceSampler] = []

    def watch_services(self, services: Iterable[Service], now: float) -> None:
        """From now on sample these services."""
        self._services = list(services)
        self._service_samplers = [ServiceSampler(service, now) for service in self._services]

    def watch_replicas(self, replicas: Iterable[Replica], now: float) -> None:
        """From now on sample the operators that these replicas make up."""
        by_operator: dict[str, list[Replica]] = {}
        for replica in replicas:
            by_operator.setdefault(replica.spec.id, []).append(replica)
        self._operators = [OperatorSampler(self._pipeline, name, group, now) for name, group in by_operator.items()]

    def sample(self, now: float) -> Iterator[Event]:
        """What has changed since the last time, and what was left out of the events since then."""
        gated_so_far = self._gate.closed_seconds()
        gated, self._gated = gated_so_far - self._gated, gated_so_far
        for operator in self._operators:
            stats = operator.sample(now, gated, paused=self._gate.closed)
            if stats is not None:
                yield stats
        for sampler in self._service_samplers:
            yield from sampler.sample(now)
        yield from self._failures.collect()
        for service in self._services:
            yield from service.left_out()
