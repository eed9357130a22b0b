"""Search through lines on a thread of its own, the nearest first, so that the keys never wait for it."""

from __future__ import annotations

import threading
import time
from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field

from sage_tui.dashboard.log.query import Query, wanted
from sage_tui.journal.lines import LineSource

CHUNK = 512
"""Lines that are searched in the first step."""

LARGEST = 16 * CHUNK
"""Lines that are searched in a step at most."""

STEP = 0.004
"""Seconds that a step should take: there are more lines in one where lines are searched quickly."""

BREATH = 0.001
"""Seconds between two turns, for the thread that draws."""

TURN = 0.01
"""Seconds of searching between two breaths."""


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
    """Finds the lines of some runs that match queries: first those before a line, the nearest of them first.

    `start`, `stop`, `wake`, `numbers` and the counts belong to the dashboard's thread; `step` to the scanning thread
    (or to a test that does without one).
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
        """Search this run too; with `near`, what lies before that line of it is searched before all else."""
        if run not in self._runs:
            count = begin = source.count()
            if near is not None:
                begin, self._near = min(count, max(near, source.first())), run
            self._runs = {**self._runs, run: _Found(source, count, begin, begin)}
            self._wake.set()

    def start(self) -> None:
        """Begin to search in the background."""
        self._thread = threading.Thread(target=self._work, name="search", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the search; what was found remains."""
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
                    if self._stopped.wait(BREATH):
                        return
                    turn = now = time.perf_counter()
                began = now
            self._wake.wait()

    def step(self, lines: int = CHUNK) -> bool:
        """Search some lines: of those before `near`, else of the newest, else of the latest older ones; false at the
        end."""
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
        """Whether something was found before `near`, or nothing is there."""
        return self._near is None

    @property
    def complete(self) -> bool:
        """Whether everything has been searched that was there when the search began."""
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
