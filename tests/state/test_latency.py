"""Sums, differences and quantiles of distributions."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sage_runtime.events import Latency, bucket_of, bucket_seconds, latency_of
from sage_tui.state.quantiles import latency_from_json, latency_to_json, mean, merge, since

durations = st.lists(st.floats(1e-6, 100), min_size=1, max_size=50)


def distribution(seconds: list[float]) -> Latency:
    counts: dict[int, int] = {}
    for one in seconds:
        counts[bucket_of(one)] = counts.get(bucket_of(one), 0) + 1
    return latency_of(counts, max(seconds))


@given(durations)
def test_a_quantile_is_the_nearest_rank_within_two_percent(seconds: list[float]) -> None:
    latency, ordered = distribution(seconds), sorted(seconds)
    for share, found in ((0.50, latency.p50), (0.95, latency.p95), (0.99, latency.p99)):
        rank = next(i for i in range(len(ordered)) if i + 1 >= share * len(ordered))
        assert found == pytest.approx(ordered[rank], rel=0.021)


def test_the_95th_percentile_of_ten_durations_is_the_longest_of_them() -> None:
    assert distribution([n / 100 for n in range(1, 11)]).p95 == pytest.approx(0.1, rel=0.021)


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
    assert latency_of({}, 0.0) == Latency()
    assert mean(()) == 0.0


def test_what_came_since_is_no_longer_than_the_longest_of_all() -> None:
    gained = since(distribution([0.1, 0.1]), distribution([0.1]))
    assert gained.max == gained.p99 == 0.1 < bucket_seconds(bucket_of(0.1))


def test_a_single_distribution_is_its_own_sum() -> None:
    only = distribution([0.1])
    assert merge([Latency(), only]) is only
