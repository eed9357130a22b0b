"""Which service calls are slow: by the distribution of their own method."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from sage_runtime.events import ServiceCall
from sage_tui.state.quantiles import calls_in
from sage_tui.state.views import ServiceView

TIMES_MEDIAN = 3.0
"""A call that takes so many times its method's median is slow."""

TIMES_MEDIAN_AT_P99 = 1.5
"""So is one of the slowest hundredth, if it takes so many times the median: in a narrow distribution none is."""

LEAST_CALLS = 20
"""Calls of a method from which on its distribution says something."""


NEAR = 0.1
"""Limits that differ by a smaller share are the same to somebody who looks."""


class Limits(NamedTuple):
    """From how many seconds on the calls of each method (pipeline, service, name) are slow."""

    by_method: Mapping[tuple[str, str, str], float]

    def slow(self, call: ServiceCall) -> bool:
        """Whether a call stands out."""
        limit = self.by_method.get((call.pipeline, call.service, call.method))
        return limit is not None and call.duration >= limit

    def near(self, other: Limits) -> bool:
        """Whether others are about the same."""
        mine, theirs = self.by_method, other.by_method
        return mine.keys() == theirs.keys() and all(abs(mine[key] - theirs[key]) < NEAR * mine[key] for key in mine)


NO_LIMITS = Limits({})


def limits(services: Iterable[ServiceView]) -> Limits:
    """The limits for the calls of some services."""
    found = {}
    for service in services:
        for method in service.methods:
            latency = method.latency
            if latency.p50 > 0 and max(calls_in(latency.buckets), method.calls) >= LEAST_CALLS:
                limit = min(TIMES_MEDIAN * latency.p50, max(latency.p99, TIMES_MEDIAN_AT_P99 * latency.p50))
                found[service.pipeline, service.name, method.method] = limit
    return Limits(found)
