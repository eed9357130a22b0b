"""The calls that come first in some order, found on a thread of their own over the whole run."""

from __future__ import annotations

import threading
from array import array
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sage_runtime.events import ServiceCall
from sage_tui.dashboard.log.query import Query
from sage_tui.dashboard.log.scan import Scan
from sage_tui.journal.lines import Line, LineSource

KEPT = 500
"""Lines that are kept of an order."""

Order = Callable[[ServiceCall], Any]

ORDERS: Mapping[str, Order] = {
    "took": lambda call: (-call.duration, -call.t),
    "waited": lambda call: (-call.waited, -call.t),
    "caller": lambda call: (call.caller or "script", -call.duration),
    "method": lambda call: (call.method, -call.duration),
}
"""The orders beside that of time, each as the key of a call: what is smallest comes first."""


class Ranking(Scan):
    """The first `KEPT` of all matching calls in an order. `first` is for any thread, the rest as in `Scan`."""

    def __init__(self, queries: Sequence[Query], order: str) -> None:
        super().__init__(queries)
        self.order = order
        self._key = ORDERS[order]
        self._best: list[tuple[Any, Line]] = []
        self._best_lock = threading.Lock()
        self._first: tuple[Line, ...] | None = ()

    def first(self) -> tuple[Line, ...]:
        """The lines in order; the identical object while nothing changed."""
        with self._best_lock:
            if self._first is None:
                self._first = tuple(line for _, line in self._best)
            return self._first

    def _search(self, source: LineSource, start: int, stop: int) -> array[int]:
        queries, key = self.queries, self._key
        numbers = array("q")
        found: list[tuple[Any, Line]] = []
        for line in source.read(start, stop):
            if isinstance(line.event, ServiceCall) and all(query.matches(line) for query in queries):
                numbers.append(line.number)
                found.append((key(line.event), line))
        if found:
            with self._best_lock:
                best = sorted([*self._best, *found], key=lambda pair: pair[0])[:KEPT]
                if (
                    len(best) != len(self._best)
                    or best[-1] is not self._best[-1]
                    or any(a is not b for a, b in zip(best, self._best, strict=True))
                ):
                    self._best, self._first = best, None
        return numbers
