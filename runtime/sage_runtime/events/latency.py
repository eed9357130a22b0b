"""The logarithmic buckets that durations are counted in, the same on both sides of the pipe."""

from __future__ import annotations

import math

BUCKET_GROWTH = 1.04
"""Each bucket is 4% wider than the one before, so a quantile is off by 2% at most (DDSketch's logarithmic mapping)."""

_LOG_GROWTH = math.log(BUCKET_GROWTH)
SHORTEST = 1e-7
"""Durations up to this many seconds share bucket 0."""


def bucket_of(seconds: float) -> int:
    """The bucket of a duration in seconds: 0 up to `SHORTEST`, then one for each 4%."""
    if seconds <= SHORTEST:
        return 0
    return math.ceil(math.log(seconds / SHORTEST) / _LOG_GROWTH)


def bucket_seconds(bucket: int) -> float:
    """The duration in seconds that stands for a bucket: its middle, within 2% of all it holds."""
    if bucket <= 0:
        return SHORTEST
    return SHORTEST * math.exp((bucket - 0.5) * _LOG_GROWTH)
