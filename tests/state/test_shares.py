"""How an operator spends its time, over the last two seconds."""

from __future__ import annotations

import json

import pytest

from sage_tui.state.rates import ShareHistory


def shares_of(*samples: tuple[float, float]) -> ShareHistory:
    """Samples of one share: the end of each interval, and the share of it."""
    shares = ShareHistory()
    for time, share in samples:
        shares.add(time, 0.0, (share,))
    return shares


def mean(shares: ShareHistory, now: float) -> float:
    found = shares.mean(now)
    assert found is not None
    return found[1][0]


def test_before_anything_is_known_there_is_none() -> None:
    assert ShareHistory().mean(1.0) is None


def test_an_operator_that_works_every_other_interval_is_half_busy() -> None:
    shares = shares_of(*((n / 10, float(n % 2)) for n in range(1, 41)))
    assert mean(shares, 4.0) == pytest.approx(0.5)
    assert mean(shares, 4.05) == pytest.approx(0.475)


def test_what_was_before_the_window_does_not_count() -> None:
    samples = [(n / 10, 1.0 if n <= 10 else 0.0) for n in range(1, 51)]
    assert mean(shares_of(*samples[:20]), 2.0) == pytest.approx(0.474, abs=0.001)
    assert mean(shares_of(*samples[:29]), 2.9) == pytest.approx(0.05)
    assert mean(shares_of(*samples), 5.0) == 0.0


def test_nothing_heard_means_that_all_is_as_before() -> None:
    shares = shares_of((0.1, 0.0), (0.2, 1.0))
    assert mean(shares, 1.2) == pytest.approx(1.0)
    shares.add(10.0, 0.0, (0.0,))
    assert mean(shares, 10.0) == pytest.approx(0.875)  # the new sample speaks of a quarter of a second


def test_stats_speak_of_their_whole_interval() -> None:
    shares = shares_of((1.0, 0.0), (2.0, 0.0))
    assert shares.add(12.0, 0.0, (1.0,), 1.5)[-1].begin == 10.5
    assert mean(shares, 12.0) == pytest.approx(0.75)


def test_only_the_time_that_was_not_paused_counts() -> None:
    shares = ShareHistory()
    for n in range(1, 21):
        shares.add(n / 10, 0.0 if n <= 10 else 0.9, (0.2 if n <= 10 else 1.0,))
    paused, (busy,) = shares.mean(2.0) or (0.0, (0.0,))
    assert paused == pytest.approx(0.474, abs=0.001)
    assert busy == pytest.approx(0.28)
    for n in range(21, 61):
        shares.add(n / 10, 1.0, (0.0,))
    assert shares.mean(6.0) == (1.0, (0.0,))


def test_it_survives_a_snapshot() -> None:
    shares = shares_of((0.1, 0.2), (0.2, 0.9), (0.3, 0.4))
    again = ShareHistory().restore(json.loads(json.dumps(shares.to_json())))
    assert again.mean(0.35) == shares.mean(0.35)


@pytest.mark.parametrize(
    "damaged", [[[0, 1, 0, ["x"]]], [[1, 1, 0, [1.0]], [0, 1, 0, [1.0, 2.0]]], [[None, 1, 0, [1.0]]], [[1.0]]]
)
def test_a_damaged_snapshot_is_refused(damaged: list[object]) -> None:
    with pytest.raises((TypeError, ValueError)):
        ShareHistory().restore(damaged)
