"""Background search through the lines of runs, and the positions of its matches."""

from __future__ import annotations

import sys
import threading
import time
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sage_runtime.events import ServiceCall
from sage_tui.dashboard.log.query import Query, wanted
from sage_tui.dashboard.log.transcript import RowId, Transcript
from sage_tui.journal.lines import Line, LineSource

CHUNK = 512
"""Lines in the first step."""

LARGEST = 16 * CHUNK
"""The most lines in a step."""

STEP = 0.004
"""Seconds that a step should take: the number of lines in one follows from it."""

REST = 0.001
"""Seconds of rest between two turns, for the thread that draws."""

TURN = 0.01
"""Seconds of searching between two rests."""


@dataclass(slots=True)
class _Found:
    """Matches in one run. The scanning thread appends; the dashboard's thread merges."""

    source: LineSource
    count: int
    low: int
    high: int
    older: list[array[int]] = field(default_factory=list)
    newer: array[int] = field(default_factory=lambda: array("q"))
    merged: array[int] = field(default_factory=lambda: array("q"))
    merged_older: int = 0
    merged_newer: int = 0


class Scan:
    """A search through the lines of some runs, on a thread of its own so that the keys never wait for it.

    Lines before a given one are searched first, the nearest of them first. `start`, `stop`, `wake`, `numbers` and the
    counts are for the dashboard's thread, `step` for the scanning thread (or for a test without one).
    """

    def __init__(self, queries: Sequence[Query]) -> None:
        self.queries = tuple(queries)
        self.wanted = wanted(queries)
        self._runs: dict[int, _Found] = {}
        self._near: int | None = None
        self._wake = threading.Event()
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None

    def add(self, run: int, source: LineSource, near: int | None = None) -> None:
        """Search this run too; with `near`, the lines before that one come before all others."""
        if run not in self._runs:
            count = begin = source.count()
            if near is not None:
                begin, self._near = min(count, max(near, source.first())), run
            self._runs = {**self._runs, run: _Found(source, count, begin, begin)}
            self._wake.set()

    def start(self) -> None:
        self._thread = threading.Thread(target=self._work, name="search", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the search; its matches remain."""
        self._stopped.set()
        self._wake.set()

    def wake(self) -> None:
        """There may be new lines."""
        self._wake.set()

    def _work(self) -> None:
        lines = CHUNK
        while not self._stopped.is_set():
            self._wake.clear()
            turn = began = time.perf_counter()
            while self.step(lines):
                now = time.perf_counter()
                lines = max(CHUNK // 4, min(LARGEST, int(lines * min(2.0, STEP / max(now - began, 1e-9)))))
                if now - turn >= TURN:
                    if self._stopped.wait(REST):
                        return
                    turn = now = time.perf_counter()
                began = now
            self._wake.wait()

    def step(self, lines: int = CHUNK) -> bool:
        """Search some lines: those before `near`, else the newest, else older ones; false at the end."""
        runs = self._runs
        newest_first = sorted(runs, reverse=True)
        if self._near is not None:
            for run in newest_first:
                if run <= self._near and self._step_back(runs[run], lines):
                    if runs[run].older[-1]:
                        self._near = None
                    return True
            self._near = None
        for run in newest_first:
            found = runs[run]
            count = found.source.count()
            if found.high < count:
                stop = min(count, found.high + lines)
                found.newer.extend(self._search(found.source, found.high, stop))
                found.high = stop
                return True
        return any(self._step_back(runs[run], lines) for run in newest_first)

    def _step_back(self, found: _Found, lines: int) -> bool:
        first = found.source.first()
        if found.low <= first:
            return False
        start = max(first, found.low - lines)
        found.older.append(self._search(found.source, start, found.low))
        found.low = start
        return True

    def _search(self, source: LineSource, start: int, stop: int) -> array[int]:
        return array("q", source.pick(start, stop, self.wanted))

    @property
    def searched_before(self) -> bool:
        """Whether a match before `near` was found, or there is none."""
        return self._near is None

    @property
    def complete(self) -> bool:
        """Whether all lines that there were at the start have been searched."""
        return all(found.low <= found.source.first() and found.high >= found.count for found in self._runs.values())

    def total(self) -> int:
        """Matches so far."""
        return sum(len(self.numbers(run)) for run in self._runs)

    def numbers(self, run: int) -> array[int]:
        """The numbers of the matching lines of a run, ascending."""
        found = self._runs.get(run)
        if found is None:
            return array("q")
        older = len(found.older)
        if older != found.merged_older:
            merged = array("q")
            for part in reversed(found.older[:older]):
                merged.extend(part)
            found.merged, found.merged_older, found.merged_newer = merged, older, 0
        newer = len(found.newer)
        if newer > found.merged_newer:
            found.merged.extend(found.newer[found.merged_newer : newer])
            found.merged_newer = newer
        return found.merged


RANKED = 500
"""How many lines of an order are kept."""

Order = Callable[[ServiceCall], Any]

ORDERS: Mapping[str, Order] = {
    "took": lambda call: (-call.duration, -call.t),
    "waited": lambda call: (-call.waited, -call.t),
    "caller": lambda call: (call.caller or "script", -call.duration),
    "method": lambda call: (call.method, -call.duration),
}
"""The orders other than by time, each as the sort key of a call."""


class Ranking(Scan):
    """The first `RANKED` of all matching calls in an order. `first` is for any thread, the rest as in `Scan`."""

    def __init__(self, queries: Sequence[Query], order: str) -> None:
        super().__init__(queries)
        self.order = order
        self._key = ORDERS[order]
        self._best: list[tuple[Any, Line]] = []
        self._best_lock = threading.Lock()
        self._first: tuple[Line, ...] | None = ()

    def first(self) -> tuple[Line, ...]:
        """The lines in order; the same object while nothing has changed."""
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
                best = sorted([*self._best, *found], key=lambda pair: pair[0])[:RANKED]
                if (
                    len(best) != len(self._best)
                    or best[-1] is not self._best[-1]
                    or any(a is not b for a, b in zip(best, self._best, strict=True))
                ):
                    self._best, self._first = best, None
        return numbers


FIRST, LAST = RowId(-1, -1), RowId(sys.maxsize, -1)
"""Places before and behind all lines."""


def match_position(transcript: Transcript, scan: Scan, place: RowId) -> int | None:
    """Which match is at a place, counted from 1 for the oldest; None if there is none."""
    before = 0
    for lines in transcript.runs:
        numbers = scan.numbers(lines.run)
        if transcript.place_in(lines.run, place.number) == place:
            index = bisect_left(numbers, place.number)
            found = index < len(numbers) and numbers[index] == place.number
            return before + index + 1 if found else None
        before += len(numbers)
    return None


def next_match(transcript: Transcript, scan: Scan, direction: int, here: RowId) -> RowId | None:
    """The next older (-1) or newer (1) match from a place; None if there is none on that side."""
    for lines in transcript.runs if direction > 0 else reversed(transcript.runs):
        numbers = scan.numbers(lines.run)
        first = transcript.place_in(lines.run, numbers[0]) if numbers else None
        if first is None or (first.run - here.run) * direction < 0:
            continue
        at = 0 if direction > 0 else len(numbers) - 1
        if first.run == here.run:
            at = bisect_right(numbers, here.number) if direction > 0 else bisect_left(numbers, here.number) - 1
        if 0 <= at < len(numbers):
            return first._replace(number=numbers[at])
    return None
