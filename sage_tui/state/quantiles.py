"""Distributions of durations: sums, differences and quantiles of `Latency` buckets.

Buckets are those of `sage_runtime.events.bucket_of`: a quantile is off by 2% at most.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

from sage_runtime.events import Latency, bucket_seconds, from_fields

Buckets = tuple[tuple[int, int], ...]
"""Pairs of bucket and count, ascending."""

MOST = 10**18
"""No count is taken for more: what a damaged recording says must not overflow."""


def calls_in(buckets: Buckets) -> int:
    """How many durations the buckets hold."""
    return sum(count for _, count in buckets)


def quantile(buckets: Buckets, share: float) -> float:
    """The duration in seconds that `share` (0–1) of all stay within; 0 if there are none."""
    total = calls_in(buckets)
    if total <= 0:
        return 0.0
    wanted, seen = share * min(total, MOST), 0
    for bucket, count in buckets:
        seen += count
        if seen >= wanted:
            return _seconds(bucket)
    return _seconds(buckets[-1][0])


def mean(buckets: Buckets) -> float:
    """The mean duration in seconds; 0 if there are none."""
    total = calls_in(buckets)
    if total <= 0:
        return 0.0
    return sum(_seconds(bucket) * min(count, MOST) for bucket, count in buckets) / min(total, MOST)


def _seconds(bucket: int) -> float:
    return bucket_seconds(min(bucket, 2_000))  # 2,000 buckets reach beyond any age; no overflow whatever is sent


def of_buckets(buckets: Buckets, longest: float | None = None) -> Latency:
    """The distribution with its quantiles, none of them above `longest`, the exact maximum where that is known."""
    if not buckets:
        return Latency()
    top = _seconds(buckets[-1][0]) if longest is None else longest
    p50, p95, p99 = (min(quantile(buckets, share), top) for share in (0.50, 0.95, 0.99))
    return Latency(p50, p95, p99, top, buckets)


def merge(distributions: Iterable[Latency]) -> Latency:
    """The distribution of all together; the same object when only one holds anything."""
    parts = [part for part in distributions if part.buckets or part.max]
    if len(parts) == 1:
        return parts[0]
    counts: Counter[int] = Counter()
    for part in parts:
        for bucket, count in part.buckets:
            counts[bucket] += count
    buckets = tuple(sorted(counts.items()))
    return of_buckets(buckets, max((part.max for part in parts), default=None)) if buckets else Latency()


def since(now: Latency, before: Latency) -> Latency:
    """What a cumulative distribution gained between two moments; its `max` is known within a bucket only."""
    if now.buckets == before.buckets:
        return Latency()
    counts = Counter(dict(now.buckets))
    counts.subtract(dict(before.buckets))
    gained = tuple(sorted((bucket, count) for bucket, count in counts.items() if count > 0))
    return of_buckets(gained)


def latency_to_json(latency: Latency) -> list[Any]:
    """A distribution as plain data."""
    return [latency.p50, latency.p95, latency.p99, latency.max, [list(pair) for pair in latency.buckets]]


def latency_from_json(data: list[Any]) -> Latency:
    """The distribution that `latency_to_json` described."""
    p50, p95, p99, longest, buckets = data
    return from_fields(Latency, {"p50": p50, "p95": p95, "p99": p99, "max": longest, "buckets": buckets})
