"""Stats as they may be folded: finite shares, totals that are none below zero and none absurd.

The codec lets any JSON number through, so a damaged or hostile recording can say anything; a worker never does.
"""

from __future__ import annotations

import json
import math
from operator import is_
from typing import Any, TypeVar

from sage_runtime.events import (
    EdgeInfo,
    Event,
    Latency,
    OperatorInfo,
    OperatorStats,
    ReplicaStats,
    ServiceInfo,
    ServiceStats,
    decode,
    encode,
    replace,
)
from sage_tui.state.quantiles import MOST

_Stats = TypeVar("_Stats", OperatorStats, ReplicaStats)
_E = TypeVar("_E", bound=Event)
_BITS = 512
"""Longer numbers are nobody's sum of totals."""
_LONGEST = 3600.0
"""Seconds that lie between two readings of the meters at most."""
_SHARES = ("busy", "waiting", "idle", "blocked", "paused", "cpu")
_TOTALS = ("records_in", "records_out", "errors", "queue", "queue_capacity")


def sound_operator(stats: OperatorStats) -> OperatorStats:
    """The stats, mended where that is needed; otherwise the same object."""
    stats = _sound(stats)
    if not 0.0 <= stats.interval <= _LONGEST:
        stats = replace(stats, interval=0.0)
    replicas = tuple([_sound(replica) for replica in stats.replicas])
    if all(map(is_, replicas, stats.replicas)):
        return stats
    return replace(stats, replicas=replicas)


def _sound(stats: _Stats) -> _Stats:
    shares = (stats.busy, stats.waiting, stats.idle, stats.blocked, stats.paused, stats.cpu)
    totals = (stats.records_in, stats.records_out, stats.errors, stats.queue, stats.queue_capacity)
    if math.isfinite(sum(shares)) and min(*shares, *totals) >= 0 and max(totals) <= MOST:
        latency = _sound_latency(stats.latency)
        return stats if latency is stats.latency else replace(stats, latency=latency)
    values: dict[str, Any] = {name: _share(getattr(stats, name)) for name in _SHARES}
    values |= {name: total(getattr(stats, name)) for name in _TOTALS}
    return replace(stats, latency=_sound_latency(stats.latency), **values)


def sound_service(stats: ServiceStats) -> ServiceStats:
    """The stats, mended where that is needed; otherwise the same object."""
    totals = (stats.calls, stats.errors, stats.in_flight, stats.waiting, *stats.callers.values())
    latency = _sound_latency(stats.latency)
    known = 0.0 <= stats.interval <= _LONGEST
    if known and min(totals) >= 0 and max(totals) <= MOST and latency is stats.latency:
        return stats
    return replace(
        stats,
        calls=total(stats.calls),
        errors=total(stats.errors),
        in_flight=total(stats.in_flight),
        waiting=total(stats.waiting),
        latency=latency,
        callers={name: total(number) for name, number in stats.callers.items()},
        interval=stats.interval if known else 0.0,
    )


def total(number: int) -> int:
    """A total as it may be: neither negative nor absurd."""
    return min(max(0, number), MOST)


def seconds(number: float) -> float:
    """A time span as it may be: finite and not negative."""
    return max(0.0, number) if math.isfinite(number) else 0.0


def _share(number: float) -> float:
    return min(max(0.0, number), 1e6) if math.isfinite(number) else 0.0


def _sound_latency(latency: Latency) -> Latency:
    """Finite quantiles; whoever counts buckets bears any numbers in them."""
    quantiles = (latency.p50, latency.p95, latency.p99, latency.max)
    if math.isfinite(sum(quantiles)) and min(quantiles) >= 0:
        return latency
    p50, p95, p99, longest = map(seconds, quantiles)
    return Latency(p50, p95, p99, longest, latency.buckets)


def whole(number: Any) -> int:
    """A count of a snapshot.

    Raises:
        TypeError: it is no whole number, or an absurd one.
    """
    if type(number) is not int or number.bit_length() > _BITS:
        raise TypeError("expected a whole number")
    return number


def finite(number: Any) -> float:
    """A time or an amount of a snapshot.

    Raises:
        TypeError: it is no number, or an infinite one.
        OverflowError: it is larger than any float.
    """
    if type(number) not in (int, float) or not math.isfinite(number):
        raise TypeError("expected a number")
    return float(number)


def text(value: Any) -> str:
    """A text of a snapshot.

    Raises:
        TypeError: it is none.
    """
    if type(value) is not str:
        raise TypeError("expected a text")
    return value


def fields_of(info: OperatorInfo | EdgeInfo | ServiceInfo) -> dict[str, Any]:
    """A flat part of an event as plain data, by attribute."""
    return {name: getattr(info, name) for name, _ in type(info).frozen_fields}


def event_to_json(event: Event) -> dict[str, Any]:
    """An event as plain data, in the fields of its JSON line."""
    data: dict[str, Any] = json.loads(encode(event))
    return data


def event_from_json(data: dict[str, Any], expected: type[_E]) -> _E:
    """The event that `event_to_json` described.

    Raises:
        EventError: the data are no event.
        TypeError: they are one of another type.
    """
    event = decode(json.dumps(data))
    if not isinstance(event, expected):
        raise TypeError(f"expected {expected.__name__}, found {type(event).__name__}")
    return event
