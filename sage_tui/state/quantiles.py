"""Sums, differences and means of distributions of durations (`Latency`)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

from sage_runtime.events import Latency, bucket_seconds, from_fields, latency_of

Buckets = tuple[tuple[int, int], ...]
"""Pairs of bucket and count, ascending."""


def calls_in(buckets: Buckets) -> int:
    """How many durations the buckets hold."""
    return sum(count for _, count in buckets)


def mean(buckets: Buckets) -> float:
    """The mean duration in seconds; 0 if there are none."""
    total = calls_in(buckets)
    return sum(bucket_seconds(bucket) * count for bucket, count in buckets) / total if total else 0.0


def merge(distributions: Iterable[Latency]) -> Latency:
    """All distributions together; the same object when only one holds anything."""
    parts = [part for part in distributions if part.buckets or part.max]
    if len(parts) == 1:
        return parts[0]
    counts: Counter[int] = Counter()
    for part in parts:
        for bucket, count in part.buckets:
            counts[bucket] += count
    return latency_of(counts, max((part.max for part in parts), default=0.0))


def since(now: Latency, before: Latency) -> Latency:
    """What a cumulative distribution gained between two moments; its `max` is known within a bucket only."""
    if now.buckets == before.buckets:
        return Latency()
    earlier = dict(before.buckets)
    gained = {bucket: more for bucket, count in now.buckets if (more := count - earlier.get(bucket, 0)) > 0}
    if not gained:
        return Latency()
    longest = bucket_seconds(max(gained))
    return latency_of(gained, min(longest, now.max) if now.max > 0 else longest)


def latency_to_json(latency: Latency) -> list[Any]:
    """A distribution as JSON values."""
    return [latency.p50, latency.p95, latency.p99, latency.max, [list(pair) for pair in latency.buckets]]


def latency_from_json(data: list[Any]) -> Latency:
    """The distribution that `latency_to_json` described."""
    p50, p95, p99, longest, buckets = data
    return from_fields(Latency, {"p50": p50, "p95": p95, "p99": p99, "max": longest, "buckets": buckets})
