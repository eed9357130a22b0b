"""Distributions of durations: logarithmic buckets and their quantiles, the same on both sides of the pipe."""

from __future__ import annotations

import math
from collections.abc import Mapping

from sage_runtime.events.types import Latency

BUCKET_GROWTH = 1.04
"""Each bucket is 4% wider than the one before, so a quantile is off by 2% at most (DDSketch's logarithmic mapping)."""

_LOG_GROWTH = math.log(BUCKET_GROWTH)
SHORTEST = 1e-7
"""Durations up to this many seconds share bucket 0."""

_LAST_BUCKET = 2_000
"""It reaches beyond any age; higher ones are only found in damaged recordings."""


def bucket_of(seconds: float) -> int:
    """The bucket of a duration in seconds: 0 up to `SHORTEST`, then one for each 4%."""
    if seconds <= SHORTEST:
        return 0
    return math.ceil(math.log(seconds / SHORTEST) / _LOG_GROWTH)


def bucket_seconds(bucket: int) -> float:
    """The duration in seconds that stands for a bucket: its middle, within 2% of all it holds."""
    if bucket <= 0:
        return SHORTEST
    return SHORTEST * math.exp((min(bucket, _LAST_BUCKET) - 0.5) * _LOG_GROWTH)


def latency_of(counts: Mapping[int, int], longest: float) -> Latency:
    """The distribution of durations that were counted by bucket.

    The quantile of a share is the shortest duration that this share of all durations does not exceed (nearest rank:
    the 95th percentile of ten is the tenth), and never above `longest`.

    Args:
        counts: how many durations fell into each bucket.
        longest: the longest of them, in seconds.
    """
    buckets = tuple(sorted(counts.items()))
    total = sum(counts.values())
    if total <= 0:
        return Latency()
    found: list[float] = []
    at, seen = -1, 0
    for share in (0.50, 0.95, 0.99):
        while seen < share * total:
            at += 1
            seen += buckets[at][1]
        found.append(min(bucket_seconds(buckets[at][0]), longest))
    p50, p95, p99 = found
    return Latency(p50, p95, p99, longest, buckets)
