"""What the calls of one service add up to: totals and latencies by method and caller."""

from __future__ import annotations

import threading
from collections.abc import Callable

from sage_runtime.engine.meters import Histogram
from sage_runtime.events import LeftOut, ServiceStats

CALL_EVENTS = 500
"""Calls a second of one service that become events; above that they are counted."""

_MANY = 20_000
"""Finished calls not yet added up at which the service's thread does it, should the sampler be late."""


Finished = tuple[str, str, float | None, bool, bool]
"""A call that is over: method, caller, seconds (None if it never began), whether it failed and whether it was shown."""


class MethodMeter:
    """Totals of one method."""

    __slots__ = ("callers", "calls", "errors", "latency")

    def __init__(self) -> None:
        self.calls = 0
        self.errors = 0
        self.latency = Histogram()
        self.callers: dict[str, int] = {}


class CallMeters:
    """The totals of one service. Any thread adds finished calls, one step each; the sampler adds them up.

    `budget` is for how many calls there may be events until the sampler comes again; whoever uses it up decrements it.
    """

    def __init__(self, pipeline: str, service: str, clock: Callable[[], float]) -> None:
        self.budget = float(CALL_EVENTS)
        self._pipeline = pipeline
        self._service = service
        self._clock = clock
        self._then = clock()
        self._lock = threading.Lock()
        self._finished: list[Finished] = []
        self._methods: dict[str, MethodMeter] = {}
        self._left_out = 0

    def add(self, call: Finished) -> None:
        """Count a call."""
        self._finished.append(call)
        if len(self._finished) >= _MANY:
            with self._lock:
                self._add_up()

    @property
    def count(self) -> int:
        """How many calls were added."""
        with self._lock:
            self._add_up()
            return sum(method.calls for method in self._methods.values())

    def stats(self, waiting: dict[str, int], running: str | None) -> list[ServiceStats]:
        """Totals by method; `waiting` counts calls that have not begun, `running` is the method that is executed."""
        with self._lock:
            self._refill()
            self._add_up()
            current = [] if running is None else [running]
            return [
                self._stats_of(method, waiting.get(method, 0), int(method == running))
                for method in dict.fromkeys([*self._methods, *waiting, *current])
            ]

    def left_out(self) -> list[LeftOut]:
        """The calls that did not become events since the last time."""
        with self._lock:
            self._add_up()
            count, self._left_out = self._left_out, 0
        if not count:
            return []
        return [LeftOut(what="service_call", pipeline=self._pipeline, source=self._service, count=count)]

    def _refill(self) -> None:
        now = self._clock()
        self.budget = min(CALL_EVENTS, max(0.0, self.budget) + (now - self._then) * CALL_EVENTS)
        self._then = now

    def _add_up(self) -> None:
        finished = self._finished[:]
        del self._finished[: len(finished)]
        for method, caller, duration, failed, shown in finished:
            meter = self._methods.get(method)
            if meter is None:
                meter = self._methods[method] = MethodMeter()
            meter.calls += 1
            meter.errors += failed
            if duration is not None:
                meter.latency.add(duration)
            meter.callers[caller] = meter.callers.get(caller, 0) + 1
            self._left_out += not shown

    def _stats_of(self, method: str, waiting: int, in_flight: int) -> ServiceStats:
        meter = self._methods.get(method) or MethodMeter()
        return ServiceStats(
            pipeline=self._pipeline,
            service=self._service,
            method=method,
            calls=meter.calls,
            errors=meter.errors,
            in_flight=in_flight,
            waiting=waiting,
            latency=meter.latency.latency(),
            callers=dict(meter.callers),
        )
