"""Did an edit help: how an operator or a service does against an earlier run at the same age. Pure functions."""

from __future__ import annotations

import math
from collections.abc import Sequence

from sage_runtime.frozen import Frozen
from sage_tui.state.views import Chart, Charts

WINDOWS = (10.0, 30.0)
"""Seconds before an age that tell how things are at that age; longer ones tell what the first leave open."""

LEAST_BINS = 4
"""Bins of a chart that a comparison needs at least."""

LEAST_RATE, LEAST_P95 = 0.05, 0.10
"""Changes by a smaller share are none."""

LEAST_SECONDS = 100e-6
"""Nor are those of a 95th percentile by less than this: the machine's own noise."""

SURE = 3.0
"""By so many standard errors two means have to differ."""


class Level(Frozen):
    """A quantity over some time: its mean, the variance of the mean, and how many bins it was taken from."""

    mean: float
    variance: float
    bins: int


class Measure(Frozen):
    """How something did over some time: things a second, 95th percentile in seconds, and failures until its end."""

    rate: Level
    p95: Level
    errors: int


class Change(Frozen):
    """How something differs from before: shares (0.12 is 12% more), None where the difference means nothing.

    `errors` is how many more failed, 0 where that means nothing.
    """

    rate: float | None = None
    p95: float | None = None
    errors: int = 0

    @property
    def nothing(self) -> bool:
        """Whether all is as before."""
        return self.rate is None and self.p95 is None and not self.errors


NO_CHANGE = Change()


def measure(charts: Charts, age: float, window: float | None = WINDOWS[0]) -> Measure | None:
    """How something did in the last `window` seconds before an age, or since its beginning (None).

    Args:
        charts: its past over the whole run.
        age: seconds since the run's first event.

    Returns:
        None where too little is known: it is younger than that, or there are too few bins.
    """
    if charts.rate.end < age - charts.rate.step:
        return None
    rates = _bins(charts.rate, age, window)
    if len(rates) < LEAST_BINS:
        return None
    slow = [value for value in _bins(charts.p95, age, window) if value > 0]
    errors = sum(_bins(charts.errors, age, None)) * charts.errors.step
    return Measure(level(rates), level(slow), round(errors))


def _bins(chart: Chart, age: float, window: float | None) -> Sequence[float]:
    """The bins that ended before an age; of those in the window `LEAST_BINS` at least."""
    late = max(0, math.floor((chart.end - age) / chart.step + 1e-6)) if chart.points else 0
    points = chart.points[: len(chart.points) - late]
    if window is None:
        return points
    return points[-max(LEAST_BINS, round(window / chart.step)) :]


def level(values: Sequence[float]) -> Level:
    """The mean of some values, and how sure it is."""
    count = len(values)
    if not count:
        return Level(0.0, 0.0, 0)
    mean = sum(values) / count
    spread = sum((value - mean) ** 2 for value in values) / max(1, count - 1)
    return Level(mean, spread / count, count)


def difference(now: Level, before: Level, least: float, least_amount: float = 0.0) -> float | None:
    """By which share of `before` they differ; None where that or the amount is little, or may be chance."""
    if not now.bins or not before.bins or before.mean <= 0:
        return None
    change = now.mean / before.mean - 1
    error = math.sqrt(now.variance + before.variance)
    if abs(change) < least or abs(now.mean - before.mean) < max(SURE * error, least_amount):
        return None
    return change


def change(now: Measure, before: Measure) -> Change:
    """How things differ from before, as far as that means something."""
    more = now.errors - before.errors
    sure = abs(more) > SURE * math.sqrt(now.errors + before.errors) or (more > 0 and before.errors == 0)
    found = Change(
        difference(now.rate, before.rate, LEAST_RATE),
        difference(now.p95, before.p95, LEAST_P95, LEAST_SECONDS),
        more if sure else 0,
    )
    return NO_CHANGE if found.nothing else found


def change_at(now: Charts, before: Charts, age: float) -> Change:
    """How the past of something differs from an earlier one at an age, by the shortest time that tells.

    Where the earlier one was shorter, at the age in which that ended.
    """
    found = NO_CHANGE
    age = min(age, before.rate.end)
    for window in WINDOWS:
        here, then = measure(now, age, window), measure(before, age, window)
        if here is None or then is None:
            continue
        longer = change(here, then)
        found = Change(
            longer.rate if found.rate is None else found.rate,
            longer.p95 if found.p95 is None else found.p95,
            longer.errors,
        )
    return NO_CHANGE if found.nothing else found
