"""Whether an edit helped: what counts as a change and what doesn't."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from sage_tui.state.comparison import NO_CHANGE, Change, change, change_at, measure
from sage_tui.state.series import Past
from sage_tui.state.views import Chart, Charts


def steady(rate: float, p95: float, *, seconds: int = 30, errors: Sequence[float] = (), step: float = 1.0) -> Charts:
    """A past in which rate and p95 waver by a few percent."""
    bins = int(seconds / step)
    waver = [1 + 0.02 * ((i * 7) % 5 - 2) for i in range(bins)]
    end = float(seconds)
    return Charts(
        Chart(step, end, tuple(rate * share for share in waver)),
        Chart(step, end, ()),
        Chart(step, end, tuple(p95 * share for share in reversed(waver))),
        errors=Chart(step, end, (*errors, *(0.0 for _ in range(bins - len(errors))))),
    )


def between(now: Charts, before: Charts, age: float = 30.0) -> Change:
    new, old = measure(now, age), measure(before, age)
    assert new is not None
    assert old is not None
    return change(new, old)


def test_more_records_a_second_and_a_shorter_p95_are_told() -> None:
    found = between(steady(120, 0.010), steady(100, 0.020))
    assert found.rate == pytest.approx(0.2, abs=0.01)
    assert found.p95 == pytest.approx(-0.5, abs=0.01)


def test_a_few_percent_are_nothing() -> None:
    assert between(steady(103, 0.0105), steady(100, 0.010)) is NO_CHANGE


def test_what_may_be_chance_is_nothing() -> None:
    rate = Chart(1.0, 8.0, (10.0, 200.0, 15.0, 180.0, 12.0, 190.0, 8.0, 210.0))
    wild = Charts(rate, rate, Chart(1.0, 8.0, ()))
    tame = Charts(Chart(1.0, 8.0, (80.0,) * 8), rate, Chart(1.0, 8.0, ()))
    assert between(wild, tame, 8.0).rate is None


def test_only_the_time_before_the_age_counts() -> None:
    slow_later = Charts(
        Chart(1.0, 60.0, (100.0, 101.0) * 15 + (10.0, 11.0) * 15), Chart(1.0, 60.0, ()), Chart(1.0, 60.0, ())
    )
    assert between(steady(100, 0.01), slow_later, 30.0).rate is None
    assert between(steady(100, 0.01, seconds=60), slow_later, 60.0).rate == pytest.approx(8.5, abs=0.3)


def test_runs_of_different_length_have_bins_of_different_width() -> None:
    assert between(steady(100, 0.01), steady(100, 0.01, seconds=400, step=4.0)).nothing
    assert between(steady(150, 0.01), steady(100, 0.01, seconds=400, step=4.0)).rate == pytest.approx(0.5, abs=0.03)


def test_of_a_run_that_was_shorter_nothing_is_known_at_that_age() -> None:
    assert measure(steady(100, 0.01, seconds=10), 30.0) is None
    assert measure(steady(100, 0.01), 2.0) is None


def test_with_a_shorter_run_the_comparison_stays_at_the_age_in_which_it_ended() -> None:
    slower_later = Charts(
        Chart(1.0, 60.0, (100.0, 101.0) * 10 + (10.0, 11.0) * 20), Chart(1.0, 60.0, ()), Chart(1.0, 60.0, ())
    )
    assert change_at(slower_later, steady(50, 0.01, seconds=20), 60.0).rate == pytest.approx(1.0, abs=0.03)


def test_what_ten_seconds_leave_open_thirty_may_tell() -> None:
    now, before = (Chart(1.0, 30.0, (low, 2 * low, 4 * low) * 10) for low in (13.0, 10.0))
    quick, slow = Charts(now, now, Chart(1.0, 30.0, ())), Charts(before, before, Chart(1.0, 30.0, ()))
    assert between(quick, slow).rate is None
    assert change_at(quick, slow, 30.0) is NO_CHANGE
    nearly = Charts(Chart(1.0, 30.0, (20.0, 30.0) * 15), slow.rate, Chart(1.0, 30.0, ()))
    faster = Charts(Chart(1.0, 30.0, (26.0, 36.0) * 15), slow.rate, Chart(1.0, 30.0, ()))
    assert between(faster, nearly).rate is None
    assert change_at(faster, nearly, 30.0).rate == pytest.approx(0.24, abs=0.01)


def test_a_few_microseconds_are_nothing() -> None:
    assert between(steady(100, 60e-6), steady(100, 120e-6)).p95 is None
    assert between(steady(100, 600e-6), steady(100, 1200e-6)).p95 == pytest.approx(-0.5, abs=0.01)


def test_first_failures_are_told_and_a_few_more_of_many_are_not() -> None:
    assert between(steady(9, 0.01, errors=(0, 2.0)), steady(9, 0.01)).errors == 2
    assert between(steady(9, 0.01), steady(9, 0.01, errors=(2.0,))).errors == 0
    assert between(steady(9, 0.01, errors=(104.0,)), steady(9, 0.01, errors=(100.0,))).errors == 0
    assert between(steady(9, 0.01, errors=(10.0,)), steady(9, 0.01, errors=(100.0,))).errors == -90


def test_failures_after_the_age_do_not_count() -> None:
    late = steady(9, 0.01, seconds=60, errors=(0.0,) * 40 + (5.0,))
    assert between(steady(9, 0.01), late).errors == 0


def test_a_past_knows_its_failures_and_how_the_time_was_spent() -> None:
    past = Past()
    for second in range(8):
        past.rate.add(second, second + 0.9, 10)
        past.fail(second + 0.9, 3 * (second // 4))
        past.spend(second, second + 1.0, 0.5, 0.25, 0.125 * (second == 7))
    again = Past().restore(past.to_json())
    for known in (past, again):
        whole, minute = known.charts("whole", 9.0), known.charts("minute", 9.0)
        assert sum(whole.errors.points) == 3
        assert minute.busy.points[:8] == (0.5,) * 8
        assert minute.blocked.points[6:8] == (0.0, 0.125)
        assert known.charts("five_minutes", 9.0).busy.points == ()


def test_a_past_of_an_older_recording_has_no_failures() -> None:
    data = Past().to_json()
    del data["failed"], data["shares"]
    assert Past().restore(data).charts("whole", 5.0).errors.points == ()
