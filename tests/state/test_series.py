"""Rates, their past, and the clock they are taken by."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sage_runtime.events.codec import LARGEST
from sage_tui.state.rates import LONGEST, RateMeter, RunClock
from sage_tui.state.series import BEHIND, Past, Series, Track

# --- meters ----------------------------------------------------------------------------------------------------------


def steady(per_second: int, until: float) -> RateMeter:
    """A meter that has seen a steady rate in ten samples a second."""
    meter = RateMeter()
    for i in range(int(until * 10) + 1):
        meter.add(i / 10, i * per_second // 10)
    return meter


def test_a_steady_rate_is_the_rate() -> None:
    assert steady(1_000, 5).rate(5.0) == pytest.approx(1_000)


def test_the_rate_is_right_from_the_first_samples() -> None:
    assert steady(1_000, 0.3).rate(0.3) == pytest.approx(1_000)


def test_a_rate_follows_a_change_within_two_seconds() -> None:
    meter = steady(1_000, 5)
    for i in range(1, 22):
        meter.add(5 + i / 10, 5_000 + i * 10)
    assert meter.rate(7.1) == pytest.approx(100)


def test_a_rate_stays_for_a_moment_and_falls_to_zero_when_no_more_is_heard() -> None:
    meter = steady(1_000, 5)
    rates = [meter.rate(now) for now in (5.0, 5.4, 6.0, 7.0, 7.5, 8.0, 1e9)]
    assert rates[:2] == [pytest.approx(1_000)] * 2
    assert rates == sorted(rates, reverse=True)
    assert 0 < rates[3] < 1_000
    assert rates[-2:] == [0.0, 0.0]


def test_what_comes_after_a_silence_has_not_been_under_way_all_the_time() -> None:
    meter = steady(10, 1)
    began, gained = meter.add(61.0, 40)
    assert (began, gained) == (60.0, 30)
    assert meter.rate(61.0) == pytest.approx(30)


def slowly(per_second: int, interval: float, count: int) -> RateMeter:
    """A meter that is read seldom, as those of large pipelines are."""
    meter = RateMeter()
    for i in range(count + 1):
        meter.add(i * interval, int(i * interval) * per_second, interval)
    return meter


@pytest.mark.parametrize("interval", [1.0, 2.0, 5.0])
def test_a_rate_stands_between_two_readings_however_far_they_lie_apart(interval: float) -> None:
    meter = slowly(100, interval, 4)
    last = 4 * interval
    for late in (0.0, 0.3, 0.6, 1.0, 1.4):
        assert meter.rate(last + late * interval) == pytest.approx(100)
    assert 0 < meter.rate(last + 1.5 * interval + 1.0) < 100
    assert meter.rate(last + 1.5 * interval + 2.0) == 0.0


def test_after_a_silence_only_the_last_interval_tells_of_what_came() -> None:
    meter = slowly(100, 5.0, 2)
    assert meter.add(30.0, 2_000, 5.0) == (25.0, 1_000)
    assert meter.rate(30.0) == pytest.approx(200)


def test_how_far_readings_lie_apart_survives_a_snapshot_and_may_be_missing_in_one() -> None:
    meter = RateMeter().restore(json.loads(json.dumps(slowly(100, 5.0, 4).to_json())))
    assert meter.rate(24.0) == pytest.approx(100)
    old = RateMeter().restore([[0.0, 0], [1.0, 100]])
    assert old.rate(1.4) == pytest.approx(100)
    assert old.rate(24.0) == 0.0


def test_a_total_that_begins_again_is_no_negative_rate() -> None:
    meter = steady(1_000, 3)
    assert meter.add(3.1, 5) == (3.1, 0)
    assert meter.rate(3.1) == 0.0
    meter.add(3.2, 15)
    assert meter.rate(3.2) == pytest.approx(100)


def test_samples_at_the_same_time_add_up() -> None:
    meter = steady(1_000, 1)
    assert meter.add(1.0, 1_500) == (1.0, 500)
    assert math.isfinite(meter.rate(1.0))


@given(st.lists(st.tuples(st.floats(0, 5), st.integers(0, 1000)), max_size=40), st.floats(0, 300))
def test_rates_are_finite_and_never_negative_and_gains_add_up(steps: list[tuple[float, int]], now: float) -> None:
    meter, time, total, gains = RateMeter(), 0.0, 0, 0
    meter.add(0.0, 0)
    for wait, more in steps:
        time, total = time + wait, total + more
        began, gained = meter.add(time, total)
        assert 0 <= began <= time
        gains += gained
        assert 0 <= meter.rate(time) < math.inf
    assert gains == total
    assert 0 <= meter.rate(now) < math.inf
    assert len(meter.samples) <= 42


def test_a_meter_keeps_two_seconds_of_samples() -> None:
    assert len(steady(10, 100).samples) <= 22


# --- series ----------------------------------------------------------------------------------------------------------


def test_an_amount_is_spread_over_the_bins_it_fell_in() -> None:
    series = Series(60, 1.0, "sum", rolling=True)
    series.add(0.0, 0.0, 0)
    series.add(0.5, 2.5, 100)
    assert list(series.values) == [25, 50, 25]


@given(st.lists(st.tuples(st.floats(0, 2), st.integers(0, 100)), max_size=300), st.integers(2, 20))
def test_a_series_of_the_whole_run_forgets_nothing_and_never_grows_beyond_its_size(
    steps: list[tuple[float, int]], size: int
) -> None:
    series, time = Series(size, 1.0, "sum", rolling=False), 0.0
    series.add(0.0, 0.0, 0)
    for wait, amount in steps:
        series.add(time, time + wait, amount)
        time += wait
    assert len(series.values) <= size
    assert sum(series.values) == pytest.approx(sum(amount for _, amount in steps))


def test_a_full_series_halves_its_resolution() -> None:
    series = Series(4, 1.0, "sum", rolling=False)
    for second in range(8):
        series.add(second, second + 0.5, 10)
    assert series.step == 2.0
    assert list(series.values) == [20, 20, 20, 20]
    assert series.points(math.inf) == (10, 10, 10, 10)


def test_a_rolling_series_keeps_the_newest() -> None:
    series = Series(3, 1.0, "sum", rolling=True)
    for second in range(10):
        series.add(second, second + 0.5, second)
    assert list(series.values) == [7, 8, 9]
    series.add(1_000, 1_000.5, 1)
    assert list(series.values) == [0, 0, 1]


def test_a_gauge_stands_where_it_was_last_and_a_peak_falls() -> None:
    gauge, peak = Series(5, 1.0, "gauge", rolling=True), Series(5, 1.0, "peak", rolling=True)
    for series in (gauge, peak):
        series.note(0.1, 7)
        series.note(0.2, 3)
        series.note(3.1, 1)
    assert list(gauge.values) == [7, 3, 3, 3]
    assert gauge.points(6.4) == (3, 3, 3, 1, 1)
    assert list(peak.values) == [7, 0, 0, 1]


def test_a_gauge_that_has_fallen_is_shown_low() -> None:
    gauge = Series(60, 1.0, "gauge", rolling=True)
    for time, depth in ((0.5, 25), (1.5, 0), (2.5, 0), (3.5, 4), (4.5, 1)):
        gauge.note(time, depth)
    assert gauge.points(5.4) == (25, 25, 0, 4, 4)


def test_a_mean_weighs_by_time_and_stays_at_its_last_level() -> None:
    load = Series(60, 1.0, "mean", rolling=True)
    load.hold(0.0, 0.5, 1.0)
    load.hold(0.5, 2.0, 0.2)
    again = Series(60, 1.0, "mean", rolling=True)
    again.restore(load.to_json())
    for series in (load, again):
        assert series.points(4.4) == pytest.approx((0.6, 0.2, 0.2, 0.2))


def test_only_complete_bins_are_shown_and_silence_as_zeros() -> None:
    series = Series(60, 1.0, "sum", rolling=True)
    series.add(0.0, 0.9, 10)
    assert series.points(1.1) == ()
    assert series.points(1.4) == (10,)
    assert series.points(4.4) == (10, 0, 0, 0)
    assert len(series.points(1e6)) == 60
    assert series.points(math.inf) == (10,)


def test_a_track_has_a_minute_five_minutes_and_the_run() -> None:
    track = Track("sum")
    for second in range(1_000):
        track.add(second, second + 1, 7)
    for series, size in ((track.minute, 60), (track.five_minutes, 60), (track.whole, 120)):
        points = series.points(1_000.5)
        assert len(points) <= size
        assert points == pytest.approx([7] * len(points))
    assert track.whole.step == 16.0


def test_a_wide_bin_is_known_a_second_after_it_began() -> None:
    series = Series(2, 1.0, "sum", rolling=False)
    series.add(0.0, 8.0, 80)
    series.add(8.0, 9.5, 15)
    assert series.step == 8.0
    assert series.under_way(8.9 + BEHIND) is None
    assert series.under_way(9.5 + BEHIND) == 10
    assert series.under_way(23.0 + BEHIND) == 0
    assert series.under_way(math.inf) is None


def test_charts_end_where_their_last_point_does() -> None:
    past = Past()
    for tenth in range(100):
        past.rate.add(tenth / 10, (tenth + 1) / 10, 5)
    charts = past.charts("minute", 10.5)
    assert (charts.rate.step, charts.rate.end) == (1.0, 10.0)
    assert charts.rate.points == pytest.approx((50,) * 10)


# --- clock -----------------------------------------------------------------------------------------------------------


def test_the_run_begins_at_zero() -> None:
    clock = RunClock()
    assert [clock.tick(t) for t in (1e9, 1e9 + 1, 1e9 + 2.5)] == [0, 1, 2.5]
    assert clock.at(1e9 + 4) == 4


def test_a_clock_set_back_costs_nothing_but_the_step() -> None:
    clock = RunClock()
    for t in (1e9, 1e9 + 10, 1e9 - 3_600, 1e9 - 3_599):
        clock.tick(t)
    assert clock.time == 11


def test_writers_that_disagree_a_little_don_t_speed_time_up() -> None:
    clock = RunClock()
    for i in range(100):
        clock.tick(1e9 + i / 10)
        clock.tick(1e9 + i / 10 - 0.5)
    assert clock.time == pytest.approx(9.9)


def test_a_leap_forward_counts_as_a_week_at_most() -> None:
    clock = RunClock()
    clock.tick(0.0)
    assert clock.tick(1e12) == LONGEST
    assert clock.tick(1e12 + 1) == LONGEST + 1


@given(st.lists(st.floats(-LARGEST, LARGEST), max_size=30), st.floats(-LARGEST, LARGEST))
def test_the_run_s_time_never_goes_back(times: list[float], now: float) -> None:
    clock, before = RunClock(), 0.0
    for t in times:
        time = clock.tick(t)
        assert before <= time < math.inf
        before = time
    assert before <= clock.at(now) <= before + LONGEST
