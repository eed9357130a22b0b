"""Search through lines on a thread of its own, the newest first, so that the keys never wait for it."""

from __future__ import annotations

import threading
from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field

from sage_tui.dashboard.matching import Query
from sage_tui.journal.lines import LineSource

CHUNK = 512
"""Lines that are read and tested before the other threads get their turn."""

BREATH = 0.001
"""Seconds between two chunks, for the thread that draws."""


@dataclass(slots=True)
class _Found:
    """Matches in one run. The scanning thread appends; the dashboard's thread merges."""

    source: LineSource
    low: int
    high: int
    older: list[array[int]] = field(default_factory=list)
    newer: array[int] = field(default_factory=lambda: array("q"))
    merged: array[int] = field(default_factory=lambda: array("q"))
    merged_older: int = 0
    merged_newer: int = 0


class Scan:
    """Finds the lines of some runs that match queries.

    `start`, `stop`, `wake`, `numbers` and the counts belong to the dashboard's thread; `step` to the scanning thread
    (or to a test that does without one).
    """

    def __init__(self, queries: Sequence[Query]) -> None:
        self.queries = tuple(queries)
        self._runs: dict[int, _Found] = {}
        self._wake = threading.Event()
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None

    def add(self, run: int, source: LineSource) -> None:
        """Search this run too."""
        if run not in self._runs:
            count = source.count()
            self._runs = {**self._runs, run: _Found(source, count, count)}
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
        while not self._stopped.is_set():
            self._wake.clear()
            while self.step():
                if self._stopped.wait(BREATH):
                    return
            self._wake.wait()

    def step(self) -> bool:
        """Search one chunk: of the newest lines, else of the latest older ones; false if there are none."""
        runs = self._runs
        for run in sorted(runs, reverse=True):
            found = runs[run]
            count = found.source.count()
            if found.high < count:
                stop = min(count, found.high + CHUNK)
                found.newer.extend(self._search(found.source, found.high, stop))
                found.high = stop
                return True
        for run in sorted(runs, reverse=True):
            found = runs[run]
            if found.low > found.source.first():
                start = max(found.source.first(), found.low - CHUNK)
                found.older.append(self._search(found.source, start, found.low))
                found.low = start
                return True
        return False

    def _search(self, source: LineSource, start: int, stop: int) -> array[int]:
        queries = self.queries
        return array(
            "q",
            [
                line.number
                for line in source.read(start, stop)
                if not line.partial and all(query.matches(line) for query in queries)
            ],
        )

    @property
    def complete(self) -> bool:
        """Whether everything older than the search has been searched."""
        return all(found.low <= found.source.first() for found in self._runs.values())

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
