"""One service of a run, folded from the stats of its methods."""

from __future__ import annotations

from collections import Counter
from typing import Any

from sage_runtime.events import ServiceInfo, ServiceStats, from_fields, replace
from sage_tui.state.quantiles import merge
from sage_tui.state.rates import RateMeter
from sage_tui.state.sanitize import event_from_json, event_to_json, fields_of, sound_service
from sage_tui.state.series import Ages, Past
from sage_tui.state.views import MethodView, ServiceView

MOST_METHODS = 200
"""Further methods of one service are not shown: names made up at run time must not fill the memory."""


def method_key(service: str, method: str) -> str:
    """The key of a method's past; `service` is the key of its service."""
    return f"{service}\0{method}"


class ServiceState:
    """Totals, rates and the recent past of one service: the sum of its methods, and each of them."""

    __slots__ = (
        "_dirty",
        "_second",
        "_view",
        "ages",
        "info",
        "meter",
        "meters",
        "methods",
        "past",
        "pipeline",
        "services",
    )

    def __init__(self, pipeline: str, info: ServiceInfo) -> None:
        self.pipeline = pipeline
        self.info = info
        self.methods: dict[str, ServiceStats] = {}
        self.meters: dict[str, RateMeter] = {}
        self.ages: dict[str, Ages] = {}
        self.meter = RateMeter()
        self.past = Past()
        self.services: dict[str, None] = {}
        self._view: ServiceView | None = None
        self._dirty = True
        self._second = -1.0

    @property
    def errors(self) -> int:
        """Calls that raised."""
        return sum(stats.errors for stats in self.methods.values())

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
        stats = sound_service(stats)
        meter = self.meters.get(stats.method)
        if meter is None:
            if len(self.meters) >= MOST_METHODS:
                return
            meter = self.meters[stats.method] = RateMeter()
            self.ages[stats.method] = Ages()
            for began, _ in list(self.meter.samples)[:1]:
                meter.add(began, 0)
        self._dirty = True
        self.methods[stats.method] = stats
        self.past.spacing.note(stats.interval)
        self.ages[stats.method].spacing.note(stats.interval)
        begin, gained = meter.add(time, stats.calls, stats.interval)
        self.ages[stats.method].add(begin, time, gained, stats.errors, stats.latency)
        begin, gained = self.meter.add(time, sum(method.calls for method in self.methods.values()), stats.interval)
        self.past.rate.add(begin, time, gained)
        waiting = sum(method.waiting for method in self.methods.values())
        self.past.fail(time, self.errors)
        self.past.note(time, waiting, merge(method.latency for method in self.methods.values()))

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

    def _with_rate(self, method: MethodView, now: float) -> MethodView:
        rate = self.meters[method.method].rate(now)
        return method if rate == method.rate else replace(method, rate=rate)

    def _new_view(self, now: float) -> ServiceView:
        info = self.info
        callers: Counter[str] = Counter()
        for stats in self.methods.values():
            callers.update(stats.callers)
        return ServiceView(
            key=f"{self.pipeline}/{info.name}",
            pipeline=self.pipeline,
            name=info.name,
            class_=info.class_,
            file=info.file,
            line=info.line,
            calls=sum(stats.calls for stats in self.methods.values()),
            errors=self.errors,
            rate=self.meter.rate(now),
            in_flight=sum(stats.in_flight for stats in self.methods.values()),
            waiting=sum(stats.waiting for stats in self.methods.values()),
            latency=merge(stats.latency for stats in self.methods.values()),
            callers=dict(callers),
            methods=tuple(self._method_view(name, stats, now) for name, stats in self.methods.items()),
            history=self.past.history(now),
            services=tuple(self.services),
        )

    def _method_view(self, name: str, stats: ServiceStats, now: float) -> MethodView:
        return MethodView(
            method=name,
            calls=stats.calls,
            errors=stats.errors,
            rate=self.meters[name].rate(now),
            in_flight=stats.in_flight,
            waiting=stats.waiting,
            latency=stats.latency,
            callers=stats.callers,
        )

    def to_json(self) -> dict[str, Any]:
        """The service as plain data."""
        return {
            "info": fields_of(self.info),
            "methods": [
                [event_to_json(stats), self.meters[name].to_json(), self.ages[name].to_json()]
                for name, stats in self.methods.items()
            ],
            "meter": self.meter.to_json(),
            "past": self.past.to_json(),
            "services": list(self.services),
        }

    @classmethod
    def from_json(cls, pipeline: str, data: dict[str, Any]) -> ServiceState:
        """The service that `to_json` described."""
        state = cls(pipeline, from_fields(ServiceInfo, data["info"]))
        for stats_data, meter, *ages in data["methods"]:
            stats = event_from_json(stats_data, ServiceStats)
            state.methods[stats.method] = stats
            state.meters[stats.method] = RateMeter.from_json(meter)
            state.ages[stats.method] = Ages.from_json(ages[0]) if ages else Ages()  # none in older recordings
        state.meter = RateMeter.from_json(data["meter"])
        state.past = Past.from_json(data["past"])
        state.services = dict.fromkeys(data["services"])
        return state
