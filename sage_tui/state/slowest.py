"""Which operator took longest for its records, second by second."""

from __future__ import annotations

from typing import Any

from sage_tui.state.sanitize import finite, text, whole


class Slowest:
    """The operator with the highest 95th percentile of the last second in which any was known."""

    __slots__ = ("_before", "_now")

    def __init__(self) -> None:
        self._now = self._before = (0, 0.0, "")

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

        A second that is not over yet has not heard of all operators.
        """
        _, _, key = self._now if time >= self._now[0] + 1 or not self._before[2] else self._before
        return key or None

    def to_json(self) -> list[Any]:
        """The last two seconds as plain data."""
        return [list(self._before), list(self._now)]

    @classmethod
    def from_json(cls, data: list[Any]) -> Slowest:
        """What `to_json` described."""
        slowest = cls()
        slowest._before, slowest._now = ((whole(second), finite(p95), text(key)) for second, p95, key in data)
        return slowest
