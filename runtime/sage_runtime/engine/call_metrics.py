"""Metrics of one service's calls: totals and latencies by method and caller, and events for some of the calls."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from sage_runtime.engine.meters import Histogram
from sage_runtime.events import Event, LeftOut, ServiceCall, ServiceStats
from sage_runtime.safe_repr.preview import exception_message, exception_name, preview, preview_arguments

CALL_EVENTS = 500
"""Calls a second of one service that become events; further ones are only counted."""

CALL_PREVIEW = 1_000
"""Characters of a call's arguments, and of its result, that its event carries."""

_MANY = 20_000
"""If the sampler is late, the service's thread adds up this many finished calls itself."""


Finished = tuple[str, str, float | None, bool, bool]
"""A finished call: method, caller, seconds (None if it never began), whether it failed and whether it was shown."""


class CountedCaller(Protocol):
    """Who made a call: the id of an operator or service, and of an operator the replica."""

    id: str
    replica: int | None


class CountedCall(Protocol):
    """A call as it is counted: `named` is the method, `parent` the id of the call that it was made in."""

    id: int
    parent: int | None
    args: tuple[Any, ...]
    kwargs: dict[str, Any]

    @property
    def owner(self) -> CountedCaller:
        """Who made it."""

    @property
    def named(self) -> str:
        """The method."""


class MethodMeter:
    """Totals of one method."""

    __slots__ = ("callers", "calls", "errors", "latency")

    def __init__(self) -> None:
        self.calls = 0
        self.errors = 0
        self.latency = Histogram()
        self.callers: dict[str, int] = {}


class CallMetrics:
    """The totals of one service. Any thread adds finished calls, in one step each; the sampler adds them up.

    `budget` is how many calls may become events until the sampler's next reading.
    """

    def __init__(
        self, pipeline: str, service: str, clock: Callable[[], float], publish: Callable[[Event], None]
    ) -> None:
        self.budget = float(CALL_EVENTS)
        self._pipeline = pipeline
        self._service = service
        self._clock = clock
        self._publish = publish
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

    def account(
        self, request: CountedCall, waited: float, duration: float | None, result: Any, error: BaseException | None
    ) -> None:
        """Count a finished call (`duration` None: it never began), and publish it within the budget."""
        owner = request.owner
        shown = self.budget >= 1.0
        self.add((request.named, owner.id, duration, error is not None, shown))
        if shown:
            self.budget -= 1.0
            self._publish(
                ServiceCall(
                    id=request.id,
                    parent=request.parent,
                    pipeline=self._pipeline,
                    service=self._service,
                    method=request.named,
                    caller=owner.id,
                    replica=owner.replica,
                    arguments=preview_arguments(request.args, request.kwargs, CALL_PREVIEW),
                    result=preview(result, CALL_PREVIEW) if error is None else None,
                    error=None if error is None else f"{exception_name(error)}: {exception_message(error, 200)}",
                    waited=waited,
                    duration=duration or 0.0,
                )
            )

    @property
    def count(self) -> int:
        """The number of finished calls."""
        with self._lock:
            self._add_up()
            return sum(method.calls for method in self._methods.values())

    def stats(self, queued: Sequence[CountedCall], running: Sequence[CountedCall]) -> list[ServiceStats]:
        """Totals by method; `queued` are the calls that have not begun, `running` is the current one, if any."""
        waiting: dict[str, int] = {}
        for request in queued:
            waiting[request.named] = waiting.get(request.named, 0) + 1
        with self._lock:
            self._refill()
            self._add_up()
            current = [request.named for request in running[:1]]
            return [
                self._stats_of(method, waiting.get(method, 0), int(method in current))
                for method in dict.fromkeys([*self._methods, *waiting, *current])
            ]

    def left_out(self) -> list[LeftOut]:
        """How many calls have not become events since the last reading."""
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
