"""The run's own time, and the rates and shares of its last seconds.

All times but those that `RunClock` takes are the run's own: seconds, never going back.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import Any, NamedTuple

from sage_tui.state.snapshot import Kept, finite, group, many, optional, recent, value, whole

BACKWARD = 5.0
"""Event times may be out of order by this many seconds (several writers); further back, the clock was set."""

LONGEST = 7 * 86400.0
"""No step between two events counts as longer than this many seconds."""

WINDOW = 2.0
"""Rates and shares are taken over this many seconds."""

GRACE = 0.5
"""A rate stays as it is for at least this many seconds after its last sample; then it falls to 0 within `WINDOW`."""

LATE = 1.5
"""It also stays for this many intervals between readings: the next one may confirm it."""

GAP = 2.0
"""Only changes are published: after a longer silence than this, what is new is taken to have happened in the last
second, or since the last reading where that is longer ago."""

FRESH = 0.25
"""Seconds that stats cover at least. Before them the previous stats still held: equal stats are not sent again."""


class RunClock(Kept):
    """A monotonic clock derived from event times: seconds since the run's first event, without leaps."""

    __slots__ = ("offset", "origin", "time")
    KEPT = (value("origin", optional(finite)), value("offset", finite), value("time", finite))

    def __init__(self) -> None:
        self.origin: float | None = None
        self.offset = 0.0
        self.time = 0.0

    def tick(self, t: float) -> float:
        """Take an event's Unix time in; returns the run's time."""
        if self.origin is None:
            self.origin = t
            return self.time
        time = t - self.origin + self.offset
        if time < self.time - BACKWARD:
            self.offset += self.time - time
        elif time > self.time + LONGEST:
            self.offset -= time - (self.time + LONGEST)
            self.time += LONGEST
        elif time > self.time:
            self.time = time
        return self.time

    def at(self, now: float) -> float:
        """The run's time at Unix time `now`, never before its last event."""
        if self.origin is None:
            return self.time
        time = now - self.origin + self.offset
        return min(max(time, self.time), self.time + LONGEST)


class RateMeter(Kept):
    """The rate of one cumulative total over the last `WINDOW` seconds."""

    __slots__ = ("interval", "samples")
    KEPT = (value("samples", many(group(finite, whole), recent())), value("interval", finite))

    def __init__(self) -> None:
        self.samples: deque[tuple[float, int]] = deque()
        self.interval = 0.0

    def add(self, time: float, total: int, interval: float = 0.0) -> tuple[float, int]:
        """Take a total in, and for how many seconds it was not read before (0: not known).

        Returns:
            Since when what is new has happened, and how much it is (never negative).
        """
        samples = self.samples
        self.interval = interval
        if not samples:
            samples.append((time, total))
            return time, 0
        last, before = samples[-1]
        if total < before:  # a counter that began again
            samples.clear()
            samples.append((time, total))
            return time, 0
        if time <= last:
            samples[-1] = (last, total)
            return last, total - before
        if time - last > max(GAP, LATE * interval):
            samples.clear()
            last = time - max(1.0, interval)
            samples.append((last, before))
        samples.append((time, total))
        while len(samples) > 2 and samples[1][0] <= time - WINDOW:
            samples.popleft()
        return last, total - before

    def rate(self, now: float) -> float:
        """Things a second at time `now`; finite and never negative."""
        samples = self.samples
        if len(samples) < 2:
            return 0.0
        first, last = samples[0][0], samples[-1][0]
        end = max(last, now - max(GRACE, LATE * self.interval))
        begin = max(first, end - WINDOW)
        if begin >= last:
            return 0.0
        (t0, n0), (t1, n1) = samples[0], samples[1]
        for sample in samples:
            t1, n1 = sample
            if t1 > begin:
                break
            t0, n0 = sample
        at_begin = n0 + (n1 - n0) * (begin - t0) / (t1 - t0) if begin > t0 else n0
        return max(0.0, (samples[-1][1] - at_begin) / max(end - begin, 0.1))

    def restore(self, data: Any) -> RateMeter:
        """Become the meter that `to_json` described; earlier versions wrote only the samples."""
        return super().restore({"samples": data, "interval": 0.0} if isinstance(data, list) else data)


class SharePiece(NamedTuple):
    """From when until when, in the run's time; the share of it that was paused, and the shares of the rest."""

    begin: float
    end: float
    paused: float
    shares: tuple[float, ...]


class ShareHistory(Kept):
    """Shares of the time as a step function, kept for `WINDOW` seconds. Which ones they are is the caller's."""

    __slots__ = ("_last", "_pieces")

    def __init__(self) -> None:
        self._pieces: deque[SharePiece] = deque()
        self._last: SharePiece | None = None

    def add(self, time: float, paused: float, shares: tuple[float, ...], interval: float = 0.0) -> list[SharePiece]:
        """Take in what is known of the interval that ends at `time`; returns the pieces of time that tells of."""
        last, self._last = self._last, SharePiece(time, time, paused, shares)
        if last is None:
            return []
        begin = max(last.end, time - max(interval, FRESH))
        time = max(last.end, time)
        self._last = SharePiece(time, time, paused, shares)
        pieces = (last._replace(begin=last.end, end=begin), SharePiece(begin, time, paused, shares))
        new = [piece for piece in pieces if piece.end > piece.begin]
        self._pieces.extend(new)
        while self._pieces and self._pieces[0].end <= time - WINDOW:
            self._pieces.popleft()
        return new

    def mean(self, now: float) -> tuple[float, tuple[float, ...]] | None:
        """What was paused of the last `WINDOW` seconds before `now`, and the shares of the rest; to three digits.

        None before anything is known. After the last piece all stays as it is.
        """
        last = self._last
        if last is None:
            return None
        if self.settled(now):
            return _to_three_digits(last.paused, last.shares)
        pieces = [*self._pieces, last._replace(end=max(last.end, now))]
        known = [(max(0.0, min(now, one.end) - max(now - WINDOW, one.begin)), one) for one in pieces]
        seconds = sum(length for length, _ in known)
        active = sum(length * (1.0 - one.paused) for length, one in known)
        if seconds <= 0 or active <= 0:
            return _to_three_digits(last.paused, last.shares)
        sums = (sum(n * (1.0 - one.paused) * one.shares[i] for n, one in known) for i in range(len(last.shares)))
        return _to_three_digits(1.0 - active / seconds, (total / active for total in sums))

    def settled(self, now: float) -> bool:
        """Whether the mean stays as it is from `now` on, if nothing more is heard."""
        return self._last is None or now >= self._last.end + WINDOW

    def to_json(self) -> list[Any]:
        """The pieces as JSON values, the last shares first."""
        return [] if self._last is None else [[*self._last], *([*piece] for piece in self._pieces)]

    def restore(self, data: Any) -> ShareHistory:
        """Become the history that `to_json` described."""
        pieces = [SharePiece(*_read_piece(piece)) for piece in data]
        if len({len(piece.shares) for piece in pieces}) > 1:
            raise ValueError("not the same shares in all pieces")
        self._last, self._pieces = pieces[0] if pieces else None, deque(pieces[1:])
        return self


_read_piece = group(finite, finite, finite, many(finite))


def _to_three_digits(paused: float, shares: Iterable[float]) -> tuple[float, tuple[float, ...]]:
    return round(paused, 3), tuple(round(share, 3) for share in shares)
