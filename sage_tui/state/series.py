"""The past of rates and levels in fixed memory.

All times are the run's own (`RunClock`): seconds, never going back.
"""

from __future__ import annotations

import math
from array import array
from typing import Any, Literal

from sage_runtime.events import Latency
from sage_tui.state.quantiles import latency_from_json, latency_to_json, since
from sage_tui.state.rates import LATE
from sage_tui.state.snapshot import Kept, finite, group, part, several, text, value, whole
from sage_tui.state.views import NO_CHART, Chart, Charts

BEHIND = 0.3
"""A bar of a history is complete when its second has been over for this long."""


Span = Literal["minute", "five_minutes", "whole"]
"""How far back a chart goes."""

Kind = Literal["sum", "peak", "gauge", "mean"]
"""What the bins of a `Series` hold."""


class Spacing:
    """How far readings lie apart: what has happened since the last one is told by the next."""

    __slots__ = ("interval",)

    def __init__(self, interval: float = 0.0) -> None:
        self.interval = interval

    def note(self, interval: float) -> None:
        """Take in for how many seconds nothing was read; distances that get shorter are followed slowly."""
        self.interval = max(interval, 0.9 * self.interval)

    def known(self, now: float) -> float:
        """The time up to which bins may be asked for at `now` (infinity: all is known)."""
        return now - max(0.0, LATE * self.interval - BEHIND)


def _numbers(data: Any) -> array[float]:
    values = array("d", data)
    if not math.isfinite(sum(values)):
        raise ValueError("a bin holds no number")
    return values


class Series(Kept):
    """What happened in each of at most `size` equal bins of time, in fixed memory.

    A rolling series keeps the newest bins. Any other keeps all of the run: when it is full, neighbours merge and the
    bins become twice as wide. A bin holds the sum of what was added in it, or the highest value noted in it (a peak);
    a gauge holds the highest of what it stood at in it, and stands where it was last; a mean holds a level that is told
    for stretches of time, and stays at the last one.
    """

    __slots__ = ("first", "kind", "level", "rolling", "size", "step", "until", "values")
    KEPT = (
        value("first", whole),
        value("step", finite),
        value("values", _numbers),
        several("stands", value("level", finite), value("until", finite), later=True),
    )

    def __init__(self, size: int, step: float, kind: Kind, *, rolling: bool) -> None:
        self.size = size
        self.step = step
        self.kind = kind
        self.rolling = rolling
        self.first = 0
        self.level = 0.0
        """Where a gauge or a mean stands."""
        self.until = 0.0
        """Up to when a mean has been told."""
        self.values = array("d")

    def add(self, begin: float, end: float, amount: float) -> None:
        """Spread an amount evenly over the time from `begin` to `end`."""
        values = self.values
        if not values:
            self._bin(begin)
        elif begin >= (self.first + len(values) - 1) * self.step and end < (self.first + len(values)) * self.step:
            values[-1] += amount
            return
        bin_ = self._bin(end)
        start = int(begin / self.step)
        if start >= bin_ or amount == 0:
            self.values[bin_ - self.first] += amount
            return
        for i in range(max(start, self.first), bin_ + 1):
            overlap = min(end, (i + 1) * self.step) - max(begin, i * self.step)
            self.values[i - self.first] += amount * max(0.0, overlap) / (end - begin)

    def note(self, time: float, value: float) -> None:
        """Take a value at `time` in."""
        values = self.values
        if not values or time >= (self.first + len(values)) * self.step:
            self._bin(time)
        if value > self.values[-1]:
            self.values[-1] = value
        self.level = float(value)

    def hold(self, begin: float, end: float, level: float) -> None:
        """Stand at a level from `begin` to `end`, and from then on."""
        self.add(begin, end, level * (end - begin))
        self.level, self.until = level, end

    def _bin(self, time: float) -> int:
        """The bin of a time, made if it isn't there yet; times before the last bin fall into it."""
        bin_ = int(time / self.step)
        values = self.values
        if not values:
            self.first = bin_
            values.append(0.0)
            return bin_
        while not self.rolling and bin_ - self.first >= self.size:
            self._halve()
            values = self.values
            bin_ = int(time / self.step)
        last = self.first + len(values) - 1
        if bin_ <= last:
            return last
        filler = self.level if self.kind == "gauge" else 0.0
        values.extend([filler] * min(bin_ - last, self.size))
        if len(values) > self.size:
            del values[: len(values) - self.size]
        self.first = bin_ - len(values) + 1
        return bin_

    def _halve(self) -> None:
        merged: dict[int, float] = {}
        for i, new in enumerate(self.values, self.first):
            old = merged.get(i // 2, 0.0)
            merged[i // 2] = old + new if self.kind in ("sum", "mean") else max(old, new)
        self.first = self.first // 2
        self.values = array("d", merged.values())
        self.step *= 2

    def points(self, now: float) -> tuple[float, ...]:
        """The complete bins up to `now` (infinity: all), oldest first: sums as things a second, the rest as it is."""
        values = self.values
        if math.isinf(now):
            kept = values
        else:
            done = int(max(0.0, now - BEHIND) / self.step) - self.first
            if done <= 0 or not values:
                return ()
            kept = values[:done]
            missing = min(done - len(kept), self.size)
            if self.kind == "mean" and len(values) <= done:  # the last bin that is known, to its end
                kept[-1] += self.level * max(0.0, (self.first + len(values)) * self.step - self.until)
            if missing > 0:
                kept.extend([self.level * self.step if self.kind == "mean" else self.level] * missing)
                kept = kept[-self.size :]
        if self.kind not in ("sum", "mean") or self.step == 1.0:
            return tuple(kept)
        return tuple(value / self.step for value in kept)

    def under_way(self, now: float) -> float | None:
        """The bin that is not complete at `now`, if it is a wide one and has begun a while ago; as in `points`."""
        bin_ = int(max(0.0, now - BEHIND) / self.step) if self.step > 1.0 and not math.isinf(now) else -1
        so_far = now - BEHIND - bin_ * self.step
        if bin_ < self.first or so_far < 1.0:
            return None
        if bin_ - self.first >= len(self.values):
            return self.level
        value = self.values[bin_ - self.first]
        return value / so_far if self.kind in ("sum", "mean") else value

    def restore(self, data: Any) -> Series:
        """Become the series that `to_json` described."""
        self.until = 1e12  # earlier versions kept no level
        super().restore(data)
        if self.step <= 0 or len(self.values) > self.size:
            raise ValueError("no series")
        return self


class Track(Kept):
    """One quantity over the last minute, the last five minutes and the whole run."""

    __slots__ = ("five_minutes", "minute", "whole")
    KEPT = (part("minute"), part("five_minutes"), part("whole"))
    POSITIONAL = True

    def __init__(self, kind: Kind) -> None:
        self.minute = Series(60, 1.0, kind, rolling=True)
        self.five_minutes = Series(60, 5.0, kind, rolling=True)
        self.whole = Series(120, 1.0, kind, rolling=False)

    def add(self, begin: float, end: float, amount: float) -> None:
        """Spread an amount evenly over the time from `begin` to `end`."""
        self.minute.add(begin, end, amount)
        self.five_minutes.add(begin, end, amount)
        self.whole.add(begin, end, amount)

    def note(self, time: float, value: float) -> None:
        """Take a value at `time` in."""
        self.minute.note(time, value)
        self.five_minutes.note(time, value)
        self.whole.note(time, value)


_TIMED = (
    value("_second", whole, key="second"),
    value("_base", latency_from_json, key="base", write=latency_to_json),
)
"""When durations were last taken in, and their distribution then."""


class Past(Kept):
    """What charts show of an operator, a service or a run: rate, queue, 95th percentile and failures over time.

    `shares` are those of an operator's time in the last minute: busy, waiting, blocked.
    """

    __slots__ = ("_base", "_failed", "_second", "failed", "p95", "queue", "rate", "shares", "spacing")
    KEPT = (
        part("rate"),
        part("queue"),
        part("p95"),
        *_TIMED,
        several("failed", value("_failed", whole), part("failed.whole"), later=True),
        several("failed_lately", part("failed.minute"), part("failed.five_minutes"), later=True),
        value("shares", group(*[lambda data: _shares().restore(data)] * 3), later=True),
        value("spacing.interval", finite, key="interval", later=True),
    )

    def __init__(self) -> None:
        self.rate = Track("sum")
        self.queue = Track("gauge")
        self.p95 = Track("peak")
        self.failed = Track("sum")
        self.shares = (_shares(), _shares(), _shares())
        self.spacing = Spacing()
        self._failed = 0
        self._second = 0
        self._base = Latency()

    def note(self, time: float, queue: int, latency: Latency) -> float:
        """Take the depth of the queue and the cumulative distribution at `time` in.

        Returns:
            Once a second, the 95th percentile of what was timed since the last time, else 0.
        """
        self.queue.note(time, queue)
        if int(time) <= self._second:
            return 0.0
        gained = since(latency, self._base)
        self.p95.note(time, gained.p95)
        self._second, self._base = int(time), latency
        return gained.p95

    def fail(self, time: float, total: int) -> None:
        """Take the number of failures until `time` in."""
        if total > self._failed:
            self.failed.add(time, time, total - self._failed)
            self._failed = total

    def spend(self, begin: float, end: float, *shares: float) -> None:
        """Take in the shares of an operator's time between two times, and from then on: busy, waiting, blocked."""
        for series, share in zip(self.shares, shares, strict=True):
            series.hold(begin, end, share)

    def history(self, now: float) -> tuple[float, ...]:
        """The rate in each second of the last minute that is known of at `now`."""
        return self.rate.minute.points(self.spacing.known(now))

    def second(self, now: float) -> float:
        """Which second the history at `now` ends with (infinity: all is over)."""
        return float(int(max(0.0, self.spacing.known(now) - BEHIND))) if now < math.inf else now

    def charts(self, span: Span, now: float) -> Charts:
        """The charts over a span of time that ends at `now` (infinity: at the last bin)."""
        now = self.spacing.known(now)
        tracks = (self.rate, self.queue, self.p95, self.failed)
        rate, queue, p95, errors = (_chart(getattr(track, span), now) for track in tracks)
        if span == "minute":
            busy, waiting, blocked = (_chart(series, now) for series in self.shares)
            return Charts(rate, queue, p95, errors, busy, waiting, blocked)
        return Charts(rate, queue, p95, errors)


def _shares() -> Series:
    return Series(60, 1.0, "mean", rolling=True)


class Ages(Kept):
    """What a method of a service was like at each age of the run: calls, 95th percentile and failures."""

    __slots__ = ("_base", "_failed", "_second", "failed", "p95", "rate", "spacing")
    KEPT = (
        part("rate"),
        part("p95"),
        several("failed", value("_failed", whole), part("failed")),
        *_TIMED,
        value("spacing.interval", finite, key="interval", later=True),
    )

    def __init__(self) -> None:
        self.rate = Series(120, 1.0, "sum", rolling=False)
        self.p95 = Series(120, 1.0, "peak", rolling=False)
        self.failed = Series(120, 1.0, "sum", rolling=False)
        self.spacing = Spacing()
        self._failed = 0
        self._second = 0
        self._base = Latency()

    def add(self, begin: float, end: float, gained: int, errors: int, latency: Latency) -> None:
        """Take in so many calls between two times, the failures until then, and the cumulative distribution."""
        self.rate.add(begin, end, gained)
        if errors > self._failed:
            self.failed.add(end, end, errors - self._failed)
            self._failed = errors
        if int(end) > self._second:
            self.p95.note(end, since(latency, self._base).p95)
            self._second, self._base = int(end), latency

    def charts(self, now: float) -> Charts:
        """The whole past up to `now` (infinity: up to the last bin)."""
        now = self.spacing.known(now)
        return Charts(_chart(self.rate, now), NO_CHART, _chart(self.p95, now), errors=_chart(self.failed, now))


class Slowest(Kept):
    """The operator with the highest 95th percentile of the last second in which any was known."""

    __slots__ = ("_before", "_now")
    KEPT = (value("_before", group(whole, finite, text)), value("_now", group(whole, finite, text)))
    POSITIONAL = True

    def __init__(self) -> None:
        self._now: tuple[int, float, str] = (0, 0.0, "")
        self._before = self._now

    def note(self, time: float, key: str, p95: float) -> None:
        """Take in what was timed at an operator in the second before the run's time `time`."""
        second = int(time)
        if p95 <= 0:
            return
        if second > self._now[0]:
            self._before, self._now = self._now, (second, p95, key)
        elif p95 > self._now[1]:
            self._now = (self._now[0], p95, key)

    def name(self, time: float) -> str | None:
        """The slowest operator at the run's time `time` (infinity: at the end); None if none was ever timed.

        In a second that is not over yet not all operators have been heard from.
        """
        _, _, key = self._now if time >= self._now[0] + 1 or not self._before[2] else self._before
        return key or None


def _chart(series: Series, now: float) -> Chart:
    points = series.points(now)
    end = series.first + len(series.values) if math.isinf(now) else int(max(0.0, now - BEHIND) / series.step)
    return Chart(series.step, end * series.step, points, None if series.rolling else series.under_way(now))
