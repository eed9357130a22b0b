"""How an operator spends its time: a step function, and its mean over the last seconds."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Any

from sage_tui.state.series import WINDOW
from sage_tui.state.sound import finite

FRESH = 0.25
"""Seconds that stats speak of at most; before that all was as in the stats before, which are not sent again."""

Piece = tuple[float, float, tuple[float, ...]]
"""From when until when, in the run's time, the shares were what."""


class Shares:
    """Shares of the time as a step function, kept for `WINDOW` seconds; what they are shares of is the caller's."""

    __slots__ = ("_last", "_pieces")

    def __init__(self) -> None:
        self._pieces: deque[Piece] = deque()
        self._last: tuple[float, tuple[float, ...]] | None = None

    def add(self, time: float, shares: tuple[float, ...]) -> list[Piece]:
        """Take the shares of the interval that ends at `time` in; returns the pieces of time that are known by it."""
        if self._last is None:
            self._last = (time, shares)
            return []
        end, before = self._last
        begin = max(end, time - FRESH)
        new = [piece for piece in ((end, begin, before), (begin, time, shares)) if piece[1] > piece[0]]
        self._pieces.extend(new)
        self._last = (max(end, time), shares)
        while self._pieces and self._pieces[0][1] <= time - WINDOW:
            self._pieces.popleft()
        return new

    def mean(self, now: float) -> tuple[float, ...] | None:
        """The shares of the last `WINDOW` seconds before `now`, to three digits; None before there are any.

        After the last piece all stays as it is.
        """
        if self._last is None:
            return None
        end, last = self._last
        begin = now - WINDOW
        pieces: Sequence[Piece] = [*self._pieces, (end, max(end, now), last)]
        spans = [(min(now, b) - max(begin, a), shares) for a, b, shares in pieces]
        known = sum(seconds for seconds, _ in spans if seconds > 0)
        if known <= 0:
            return last
        sums = (sum(seconds * shares[i] for seconds, shares in spans if seconds > 0) for i in range(len(last)))
        return tuple(round(total / known, 3) for total in sums)

    def to_json(self) -> list[Any]:
        """The pieces as plain data, the last shares first."""
        return [] if self._last is None else [[*self._last], *([*piece] for piece in self._pieces)]

    @classmethod
    def from_json(cls, data: list[Any]) -> Shares:
        """The shares that `to_json` described."""
        shares = cls()
        if data:
            (time, last), *pieces = data
            shares._last = (finite(time), tuple(map(finite, last)))
            shares._pieces.extend((finite(a), finite(b), tuple(map(finite, values))) for a, b, values in pieces)
            if any(len(values) != len(last) for *_, values in shares._pieces):
                raise ValueError("no shares")
        return shares
