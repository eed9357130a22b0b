"""How an operator spends its time: a step function, and its mean over the last seconds."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import Any, NamedTuple

from sage_tui.state.rates import WINDOW
from sage_tui.state.sanitize import finite

FRESH = 0.25
"""Seconds that stats speak of at least; before that all was as in the stats before, which are not sent again."""


class SharePiece(NamedTuple):
    """From when until when, in the run's time; the share of it that was paused, and the shares of the rest."""

    begin: float
    end: float
    paused: float
    shares: tuple[float, ...]


class ShareHistory:
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
        """The pieces as plain data, the last shares first."""
        return [] if self._last is None else [[*self._last], *([*piece] for piece in self._pieces)]

    @classmethod
    def from_json(cls, data: list[Any]) -> ShareHistory:
        """The shares that `to_json` described."""
        shares = cls()
        if data:
            shares._last, *pieces = (
                SharePiece(finite(begin), finite(end), finite(paused), tuple(map(finite, values)))
                for begin, end, paused, values in data
            )
            shares._pieces.extend(pieces)
            if any(len(piece.shares) != len(shares._last.shares) for piece in pieces):
                raise ValueError("no shares")
        return shares


def _to_three_digits(paused: float, shares: Iterable[float]) -> tuple[float, tuple[float, ...]]:
    return round(paused, 3), tuple(round(share, 3) for share in shares)
