"""Sums, differences and quantiles of distributions."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sage_runtime.events import Latency, bucket_of
from sage_tui.state.quantiles import latency_from_json, latency_to_json, mean, merge, of_buckets, quantile, since

durations = st.lists(st.floats(1e-6, 100), min_size=1, max_size=50)


def distribution(seconds: list[float]) -> Latency:
    counts: dict[int, int] = {}
    for one in seconds:
        counts[bucket_of(one)] = counts.get(bucket_of(one), 0) + 1
    return of_buckets(tuple(sorted(counts.items())), max(seconds))


@given(durations, st.floats(0.01, 1))
def test_a_quantile_is_within_two_percent(seconds: list[float], share: float) -> None:
    ordered = sorted(seconds)
    rank = next(i for i in range(len(ordered)) if i + 1 >= share * len(ordered))
    assert quantile(distribution(seconds).buckets, share) == pytest.approx(ordered[rank], rel=0.021)


@given(durations, durations)
def test_merged_is_what_all_together_would_be(one: list[float], other: list[float]) -> None:
    assert merge([distribution(one), distribution(other)]) == distribution(one + other)


@given(durations, durations)
def test_what_came_since_is_what_came_since(before: list[float], more: list[float]) -> None:
    assert since(distribution(before + more), distribution(before)).buckets == distribution(more).buckets


@given(durations)
def test_the_mean_is_within_two_percent(seconds: list[float]) -> None:
    assert mean(distribution(seconds).buckets) == pytest.approx(sum(seconds) / len(seconds), rel=0.021)


@given(durations)
def test_no_quantile_exceeds_the_maximum(seconds: list[float]) -> None:
    latency = distribution(seconds)
    assert latency.p50 <= latency.p95 <= latency.p99 <= latency.max == max(seconds)


@given(durations)
def test_a_distribution_comes_back_from_plain_data(seconds: list[float]) -> None:
    assert latency_from_json(latency_to_json(distribution(seconds))) == distribution(seconds)


def test_of_nothing_all_is_nothing() -> None:
    assert merge([]) == merge([Latency(), Latency()]) == since(Latency(), Latency()) == Latency()
    assert quantile((), 0.5) == mean(()) == 0.0


def test_a_single_distribution_is_its_own_sum() -> None:
    only = distribution([0.1])
    assert merge([Latency(), only]) is only
