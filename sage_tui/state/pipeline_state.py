"""One pipeline of a run: its operators and services, folded from their stats."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from operator import is_
from typing import Any

from sage_runtime.events import (
    EdgeInfo,
    Latency,
    OperatorInfo,
    OperatorStats,
    PipelineFinished,
    PipelineSubmitted,
    ServiceInfo,
    ServiceStats,
    replace,
)
from sage_runtime.events.kinds import SOURCE_KINDS
from sage_runtime.frozen import Frozen
from sage_tui.state.quantiles import merge
from sage_tui.state.rates import RateMeter, ShareHistory
from sage_tui.state.series import Ages, Past
from sage_tui.state.snapshot import (
    Kept,
    event,
    finite,
    many,
    optional,
    part,
    plain_values,
    record,
    text,
    truth,
    value,
    whole,
)
from sage_tui.state.views import MethodView, OperatorView, PipelineView, ServiceView

MOST_UNDESCRIBED = 10_000
"""Operators and services that nobody submitted are followed up to this number."""

MOST_METHODS = 200
"""Further methods of one service are not shown: names made up at run time must not fill the memory."""

LOADED = 0.7
"""The share of its time from which an operator may be a bottleneck."""

AT_REST = 0.05
"""The share of its time below which an operator has nothing to do."""

BLOCKED = 0.1
"""The share of its time from which an upstream operator counts as blocked."""

SHARES = ("paused", "busy", "waiting", "idle", "blocked", "cpu")
"""The fields of stats and views that say how an operator spends its time."""

ENDED = frozenset({"finished", "failed", "stopped"})
"""States and statuses that nothing follows."""

NO_STATS = OperatorStats(pipeline="", operator="", state="starting")
"""The stats of an operator that has not said anything yet."""


def _shared(view: type[Frozen], source: type[Frozen]) -> tuple[str, ...]:
    """The fields that a view takes over as they are."""
    names = {name for name, _ in source.frozen_fields}
    return tuple(name for name, _ in view.frozen_fields if name in names)


_OF_INFO = _shared(OperatorView, OperatorInfo)
_OF_STATS = _shared(OperatorView, OperatorStats)
_OF_SERVICE = _shared(ServiceView, ServiceInfo)
_OF_METHOD = _shared(MethodView, ServiceStats)


def _fields(source: Frozen, names: tuple[str, ...]) -> dict[str, Any]:
    return {name: getattr(source, name) for name in names}


class OperatorState(Kept):
    """Totals, rates and the recent past of one operator. `pressure` counts samples under load, 3 at most."""

    __slots__ = (
        "_dirty",
        "_second",
        "_settled",
        "_view",
        "failures",
        "info",
        "meter_in",
        "meter_out",
        "past",
        "pipeline",
        "pressed",
        "pressure",
        "recent",
        "services",
        "shares",
        "stats",
    )
    KEPT = (
        value("info", record(OperatorInfo)),
        value("stats", optional(event(OperatorStats))),
        part("meter_in", key="in"),
        part("meter_out", key="out"),
        part("past"),
        part("shares", later=True),
        value("services", many(text, dict.fromkeys), write=list),
        value("failures", whole),
        value("pressure", whole),
        value("pressed", truth),
    )

    def __init__(self, pipeline: str, info: OperatorInfo) -> None:
        self.pipeline = pipeline
        self.info = info
        self.stats: OperatorStats | None = None
        self.meter_in = RateMeter()
        self.meter_out = RateMeter()
        self.past = Past()
        self.shares = ShareHistory()
        self.services: dict[str, None] = {}
        self.failures = 0
        self.pressure = 0
        self.pressed = False
        self.recent = 0.0
        """The 95th percentile of the last second, with the stats that end it, else 0."""
        self._view: OperatorView | None = None
        self._dirty = True
        self._second = -1.0
        self._settled = False

    @property
    def errors(self) -> int:
        """Records that failed: by its stats, or by its failures where those came first."""
        return max(self.failures, self.stats.errors if self.stats is not None else 0)

    @property
    def blocked(self) -> bool:
        """Whether it spends time waiting for room in its output."""
        return self.stats is not None and self.stats.blocked >= BLOCKED

    def begin(self, time: float) -> None:
        """Its totals are 0 at `time`, when its pipeline was submitted."""
        self.meter_in.add(time, 0)
        self.meter_out.add(time, 0)
        self.past.rate.add(time, time, 0)

    def describe(self, info: OperatorInfo) -> None:
        """Take in what it is."""
        self.info = info
        self._dirty = True

    def apply(self, stats: OperatorStats, time: float, *, upstream_blocked: bool) -> tuple[float, int]:
        """Take its stats in, and whether an operator before it is blocked.

        Returns:
            Since when, in the run's time, it has put out how many more records.
        """
        self._dirty = True
        self.stats = stats
        self.past.spacing.note(stats.interval)
        begin_in, gained_in = self.meter_in.add(time, stats.records_in, stats.interval)
        begin_out, gained_out = self.meter_out.add(time, stats.records_out, stats.interval)
        if self.info.kind == "sink":
            self.past.rate.add(begin_in, time, gained_in)
        else:
            self.past.rate.add(begin_out, time, gained_out)
        self.recent = self.past.note(time, stats.queue, stats.latency)
        self.past.fail(time, self.errors)
        shares = (stats.busy, stats.waiting, stats.idle, stats.blocked, stats.cpu)
        pieces = self.shares.add(time, stats.paused, shares, stats.interval)
        for begin, end, paused, (busy, waiting, _, blocked, _) in pieces:
            active = 1.0 - paused
            self.past.spend(begin, end, busy * active, waiting * active, blocked * active)
        self._feel_pressure(stats, upstream_blocked)
        return begin_out, gained_out

    def _feel_pressure(self, stats: OperatorStats, upstream_blocked: bool) -> None:
        piling_up = upstream_blocked or 0 < stats.queue_capacity < 2 * stats.queue
        if stats.state in ENDED or stats.busy + stats.waiting < AT_REST:
            self.pressure = 0  # nothing more may be heard of one that rests: stats that say the same are not sent
        elif stats.busy + stats.waiting >= LOADED and piling_up:
            self.pressure = min(3, self.pressure + 1)
        else:
            self.pressure = max(0, self.pressure - 1)
        self.pressed = self.pressure >= 2 or (self.pressed and self.pressure > 0)

    def fail(self, count: int) -> None:
        """Count failures of its records."""
        self.failures += count
        self._dirty = True

    def calls(self, service: str) -> None:
        """Take in that it calls a service."""
        if service not in self.services:
            self.services[service] = None
            self._dirty = True

    def end(self) -> None:
        """Its pipeline has ended."""
        self._dirty = True

    def view(self, now: float, ended: bool) -> OperatorView:
        """What to show at the run's time `now` (infinity: when all is over); the same object while that is the same."""
        second, settled = self.past.second(now), self.shares.settled(now)
        view = self._view
        if view is not None and not self._dirty:
            if view.rate == view.rate_in == 0.0 and second == self._second and settled and self._settled:
                return view
            rate_in, rate_out = self.meter_in.rate(now), self.meter_out.rate(now)
            rate = rate_in if self.info.kind == "sink" else rate_out
            shares = self._shares(now)
            history = view.history if second == self._second else self.past.history(now)
            self._second = second
            self._settled = settled
            fresh = {"rate": rate, "rate_in": rate_in, "history": history, **shares}
            if fresh == _fields(view, tuple(fresh)):
                return view
            view = replace(view, **fresh)
        else:
            view = self._new_view(now, ended)
        self._view, self._dirty, self._second, self._settled = view, False, second, settled
        return view

    def _new_view(self, now: float, ended: bool) -> OperatorView:
        info, stats = self.info, self.stats or NO_STATS
        rate_in = self.meter_in.rate(now)
        fields = _fields(info, _OF_INFO) | _fields(stats, _OF_STATS) | self._shares(now)
        fields |= {
            "key": f"{self.pipeline}/{info.id}",
            "pipeline": self.pipeline,
            "name": info.name or info.id,
            "state": "stopped" if ended and stats.state not in ENDED else stats.state,
            "errors": self.errors,
            "rate": rate_in if info.kind == "sink" else self.meter_out.rate(now),
            "rate_in": rate_in,
            "history": self.past.history(now),
            "services": tuple(self.services),
            "pressed": self.pressed and not ended,
        }
        return OperatorView(**fields)

    def _shares(self, now: float) -> dict[str, float]:
        """How it has spent the last seconds; what its last stats say when all is over."""
        found = self.shares.mean(now) if now < math.inf else None
        if found is None:
            return _fields(self.stats or NO_STATS, SHARES)
        paused, shares = found
        return dict(zip(SHARES, (paused, *shares), strict=True))


def _by_method(methods: Iterable[MethodState]) -> dict[str, MethodState]:
    return {method.stats.method: method for method in methods}


class MethodState(Kept):
    """The stats of one method of a service, and its recent past."""

    __slots__ = ("ages", "meter", "stats")
    KEPT = (value("stats", event(ServiceStats)), part("meter"), part("ages", later=True))
    POSITIONAL = True

    def __init__(self) -> None:
        self.stats = ServiceStats(pipeline="", service="", method="")
        self.meter = RateMeter()
        self.ages = Ages()


class ServiceState(Kept):
    """Totals, rates and the recent past of one service: the sum of its methods, and each of them."""

    __slots__ = (
        "_dirty",
        "_second",
        "_view",
        "info",
        "meter",
        "methods",
        "past",
        "pipeline",
        "services",
    )
    KEPT = (
        value("info", record(ServiceInfo)),
        value("methods", many(lambda data: MethodState().restore(data), _by_method), write=plain_values),
        part("meter"),
        part("past"),
        value("services", many(text, dict.fromkeys), write=list),
    )

    def __init__(self, pipeline: str, info: ServiceInfo) -> None:
        self.pipeline = pipeline
        self.info = info
        self.methods: dict[str, MethodState] = {}
        self.meter = RateMeter()
        self.past = Past()
        self.services: dict[str, None] = {}
        self._view: ServiceView | None = None
        self._dirty = True
        self._second = -1.0

    @property
    def errors(self) -> int:
        """Calls that raised."""
        return self._sum("errors")

    def _sum(self, field: str) -> int:
        return sum(getattr(method.stats, field) for method in self.methods.values())

    def begin(self, time: float) -> None:
        """Its totals are 0 at `time`, when its pipeline was submitted."""
        self.meter.add(time, 0)
        self.past.rate.add(time, time, 0)

    def describe(self, info: ServiceInfo) -> None:
        """Take in what it is."""
        self.info = info
        self._dirty = True

    def apply(self, stats: ServiceStats, time: float) -> None:
        """Take the stats of one of its methods in."""
        method = self.methods.get(stats.method)
        if method is None:
            if len(self.methods) >= MOST_METHODS:
                return
            method = self.methods[stats.method] = MethodState()
            for began, _ in list(self.meter.samples)[:1]:
                method.meter.add(began, 0)
        self._dirty = True
        method.stats = stats
        self.past.spacing.note(stats.interval)
        method.ages.spacing.note(stats.interval)
        begin, gained = method.meter.add(time, stats.calls, stats.interval)
        method.ages.add(begin, time, gained, stats.errors, stats.latency)
        begin, gained = self.meter.add(time, self._sum("calls"), stats.interval)
        self.past.rate.add(begin, time, gained)
        self.past.fail(time, self.errors)
        self.past.note(time, self._sum("waiting"), self._latency())

    def _latency(self) -> Latency:
        return merge(method.stats.latency for method in self.methods.values())

    def calls(self, service: str) -> None:
        """Take in that it calls another service."""
        if service not in self.services:
            self.services[service] = None
            self._dirty = True

    def view(self, now: float) -> ServiceView:
        """What to show at the run's time `now` (infinity: when all is over); the same object while that is the same."""
        second = self.past.second(now)
        view = self._view
        if view is not None and not self._dirty:
            if view.rate == 0.0 and second == self._second and not any(method.rate for method in view.methods):
                return view
            rate = self.meter.rate(now)
            methods = tuple(self._with_rate(method, now) for method in view.methods)
            history = view.history if second == self._second else self.past.history(now)
            self._second = second
            if rate == view.rate and history == view.history and methods == view.methods:
                return view
            view = replace(view, rate=rate, methods=methods, history=history)
        else:
            view = self._new_view(now)
        self._view, self._dirty, self._second = view, False, second
        return view

    def _with_rate(self, view: MethodView, now: float) -> MethodView:
        rate = self.methods[view.method].meter.rate(now)
        return view if rate == view.rate else replace(view, rate=rate)

    def _new_view(self, now: float) -> ServiceView:
        callers: Counter[str] = Counter()
        for method in self.methods.values():
            callers.update(method.stats.callers)
        return ServiceView(
            key=f"{self.pipeline}/{self.info.name}",
            pipeline=self.pipeline,
            **_fields(self.info, _OF_SERVICE),
            calls=self._sum("calls"),
            errors=self.errors,
            rate=self.meter.rate(now),
            in_flight=self._sum("in_flight"),
            waiting=self._sum("waiting"),
            latency=self._latency(),
            callers=dict(callers),
            methods=tuple(
                MethodView(rate=method.meter.rate(now), **_fields(method.stats, _OF_METHOD))
                for method in self.methods.values()
            ),
            history=self.past.history(now),
            services=tuple(self.services),
        )


def _read_operator(data: Any) -> OperatorState:
    return OperatorState("", OperatorInfo("")).restore(data)


def _read_service(data: Any) -> ServiceState:
    return ServiceState("", ServiceInfo("")).restore(data)


def _by_id(operators: Iterable[OperatorState]) -> dict[str, OperatorState]:
    return {operator.info.id: operator for operator in operators}


def _by_name(services: Iterable[ServiceState]) -> dict[str, ServiceState]:
    return {service.info.name: service for service in services}


class PipelineState(Kept):
    """A pipeline as it was submitted, and what its operators and services have said since."""

    __slots__ = (
        "_view",
        "begin",
        "duration",
        "edges",
        "era",
        "id",
        "name",
        "operators",
        "services",
        "started",
        "status",
        "upstream",
    )
    KEPT = (
        value("id", text),
        value("name", text),
        value("era", whole),
        value("status", text),
        value("started", finite),
        value("begin", finite),
        value("duration", optional(finite)),
        value("edges", many(record(EdgeInfo))),
        value("operators", many(_read_operator, _by_id), write=plain_values),
        value("services", many(_read_service, _by_name), write=plain_values),
    )

    def __init__(self, id_: str, t: float, time: float) -> None:
        self.id = id_
        self.name = id_
        self.era = 1
        self.status = "running"
        self.started = t
        self.begin = time
        self.duration: float | None = None
        self.operators: dict[str, OperatorState] = {}
        self.services: dict[str, ServiceState] = {}
        self.edges: tuple[EdgeInfo, ...] = ()
        self.upstream: dict[str, tuple[str, ...]] = {}
        self._view: PipelineView | None = None

    @property
    def ended(self) -> bool:
        """Whether nothing more is expected of it."""
        return self.status != "running"

    def submit(self, event: PipelineSubmitted, time: float) -> None:
        """Take its graph in; what is known of an operator by the same name stays."""
        self.name, self.era, self.edges = event.name or event.pipeline, event.era, event.edges
        self._view = None
        self._find_upstream()
        for info in event.operators:
            operator = self.operators.get(info.id)
            if operator is None:
                operator = self.operators[info.id] = OperatorState(self.id, info)
                operator.begin(time)
            operator.describe(info)
        for described in event.services:
            service = self.services.get(described.name)
            if service is None:
                service = self.services[described.name] = ServiceState(self.id, described)
                service.begin(time)
            service.describe(described)

    def _find_upstream(self) -> None:
        upstream: dict[str, list[str]] = {}
        for edge in self.edges:
            if not edge.feedback and edge.source not in upstream.setdefault(edge.target, []):
                upstream[edge.target].append(edge.source)
        self.upstream = {target: tuple(sources) for target, sources in upstream.items()}

    def apply_operator(self, event: OperatorStats, time: float) -> tuple[float, int] | None:
        """Take an operator's stats in.

        Returns:
            For a source, since when it has put out how many more records.
        """
        operator = self.operators.get(event.operator)
        if operator is None:
            if len(self.operators) >= MOST_UNDESCRIBED:
                return None
            operator = self.operators[event.operator] = OperatorState(self.id, OperatorInfo(event.operator))
        blocked = any(
            before in self.operators and self.operators[before].blocked
            for before in self.upstream.get(event.operator, ())
        )
        gained = operator.apply(event, time, upstream_blocked=blocked)
        return gained if operator.info.kind in SOURCE_KINDS else None

    def apply_service(self, event: ServiceStats, time: float) -> None:
        """Take the stats of a service's method in."""
        service = self.services.get(event.service)
        if service is None:
            if len(self.services) >= MOST_UNDESCRIBED:
                return
            service = self.services[event.service] = ServiceState(self.id, ServiceInfo(event.service))
        service.apply(event, time)
        for caller in event.callers:
            self.called(caller, event.service)

    def called(self, caller: str | None, service: str) -> None:
        """Take in that an operator or a service has called a service."""
        if caller is None or service not in self.services:
            return
        if caller in self.operators:
            self.operators[caller].calls(service)
        elif caller in self.services:
            self.services[caller].calls(service)

    def finish(self, event: PipelineFinished) -> None:
        """Take its end in."""
        self._end(event.status, event.duration)

    def give_up(self, status: str, time: float) -> None:
        """The run is over and this pipeline's end was never reported."""
        if not self.ended:
            self._end(status, time - self.begin)

    def _end(self, status: str, duration: float) -> None:
        self.status, self.duration = status, duration
        self._view = None
        for operator in self.operators.values():
            operator.end()

    def view(self, now: float) -> PipelineView:
        """What to show at the run's time `now`; the same object while that is the same."""
        if self.ended:
            now = math.inf
        operators = tuple([operator.view(now, self.ended) for operator in self.operators.values()])
        services = tuple([service.view(now) for service in self.services.values()])
        view = self._view
        if view is not None:
            operators = view.operators if _same(operators, view.operators) else operators
            services = view.services if _same(services, view.services) else services
            if operators is view.operators and services is view.services:
                return view
        self._view = view = PipelineView(
            id=self.id,
            name=self.name,
            era=self.era,
            status=self.status,
            started=self.started,
            duration=self.duration,
            operators=operators,
            edges=self.edges,
            services=services,
        )
        return view

    def restore(self, data: Any) -> PipelineState:
        """Become the pipeline that `to_json` described."""
        super().restore(data)
        for operator in self.operators.values():
            operator.pipeline = self.id
        for service in self.services.values():
            service.pipeline = self.id
        self._find_upstream()
        return self


def _same(
    new: tuple[OperatorView, ...] | tuple[ServiceView, ...], old: tuple[OperatorView, ...] | tuple[ServiceView, ...]
) -> bool:
    return len(new) == len(old) and all(map(is_, new, old))
