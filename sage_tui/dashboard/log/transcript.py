"""The rows of a line pane: one channel of the session's recent runs, with a separator before each run but the first.

Rows differ from the journal's lines where an unfinished line was continued or replaced (`print(".", end="")`, progress
bars), where old lines are no longer kept, and where a filter is on.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right, insort
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from sage_tui.journal.lines import Line, LineSource

BLOCK = 64
"""Lines that are read and cached together."""

BLOCKS_KEPT = 64
RUNS_KEPT = 8
"""How many runs a pane can be scrolled back over."""

FOLD_AT_ONCE = 512
"""New lines checked for continuations per step; of a flood, only the last so many are."""

LONGEST_JOINED = 64 * 1024
"""The most characters of joined pieces."""


@dataclass(frozen=True, slots=True)
class RunSeparator:
    """The line between two runs. `run` is the number of the one that begins there."""

    run: int


class RowId(NamedTuple):
    """A position that stays valid while rows come and go: the run's index and the line's number (-1: separator)."""

    run: int
    number: int


class RunLines:
    """One channel of one run as rows. Only the dashboard's thread uses it; `source` may be read by any thread."""

    def __init__(self, run: int, source: LineSource) -> None:
        self.run = run
        self.source = source
        self.count = 0
        self.first = 0
        self._folded = 0
        self._hidden: list[int] = []
        self._joined: dict[int, str] = {}
        self._open: dict[tuple[str | None, str | None, str], Line] = {}
        self._blocks: OrderedDict[int, list[Line]] = OrderedDict()
        self.chosen: Sequence[int] | None = None
        """The numbers of the lines that a filter lets through, ascending; None without a filter."""

    def advance(self) -> None:
        """Take in the lines that have come since the last time."""
        self.count, self.first = self.source.count(), self.source.first()
        if self._folded < self.count:
            self._fold()
        if self._hidden and self._hidden[0] < self.first:
            del self._hidden[: bisect_left(self._hidden, self.first)]

    def _fold(self) -> None:
        """Hide unfinished lines that a later line of the same writer continues or replaces."""
        if self.count - self._folded > 8 * FOLD_AT_ONCE:
            self._folded = self.count - FOLD_AT_ONCE
            self._open.clear()
        for line in self.source.read(self._folded, min(self.count, self._folded + FOLD_AT_ONCE)):
            key = (line.pipeline, line.source, line.kind)
            before = self._open.pop(key, None)
            if before is not None:
                self._continue(before, line)
            if line.partial:
                self._open[key] = line
            self._folded = line.number + 1

    def _continue(self, before: Line, line: Line) -> None:
        start = self._joined.get(before.number, "") + before.text
        if len(start) > LONGEST_JOINED:
            return
        insort(self._hidden, before.number)
        self._joined.pop(before.number, None)
        replaced = getattr(before.event, "end", "") == "\r" and bool(line.text)
        if not replaced and start:
            self._joined[line.number] = start

    def rows(self) -> int:
        if self.chosen is not None:
            return bisect_left(self.chosen, self.count)  # the search may be ahead of what has been taken in
        return max(0, self.count - self.first - len(self._hidden))

    def number(self, row: int) -> int:
        if self.chosen is not None:
            return self.chosen[row]
        hidden = self._hidden
        row += self.first
        return row + bisect_right(range(len(hidden)), row, key=lambda i: hidden[i] - i)

    def row(self, number: int) -> int:
        """The row of a line; if it is hidden, of the next one with a row."""
        if self.chosen is not None:
            return bisect_left(self.chosen, number)
        return max(0, number - self.first - bisect_left(self._hidden, number))

    def line(self, number: int) -> Line | None:
        """The line of a number with what it continues; None if it is no longer kept."""
        block = self._block(number // BLOCK)
        index = number - block[0].number if block else -1
        if not 0 <= index < len(block):
            return None
        start = self._joined.get(number)
        return block[index] if start is None else block[index]._replace(text=start + block[index].text)

    def _block(self, index: int) -> list[Line]:
        blocks = self._blocks
        block = blocks.get(index)
        start, stop = index * BLOCK, (index + 1) * BLOCK
        if block is None or (len(block) < BLOCK and (not block or block[-1].number + 1 < min(stop, self.count))):
            block = blocks[index] = self.source.read(max(start, self.first), min(stop, self.count))
            if len(blocks) > BLOCKS_KEPT:
                blocks.popitem(last=False)
        blocks.move_to_end(index)
        return block


class Transcript:
    """The rows of a channel over the recent runs. Only the dashboard's thread uses it."""

    def __init__(self) -> None:
        self.runs: list[RunLines] = []
        self._dropped = 0

    def show_run(self, run: int, source: LineSource) -> bool:
        """Append a run; whether it was a new one."""
        if self.runs and self.runs[-1].run >= run:
            return False
        self.runs.append(RunLines(run, source))
        if len(self.runs) > RUNS_KEPT:
            del self.runs[0]
            self._dropped += 1
        return True

    def advance(self) -> None:
        """Take in new lines."""
        for lines in self.runs:
            lines.advance()

    def choose(self, chosen: Callable[[int], array[int]] | None) -> None:
        """Show only the lines that a filter let through, by run number; None shows all."""
        for lines in self.runs:
            lines.chosen = None if chosen is None else chosen(lines.run)

    def count(self) -> int:
        return sum(rule + lines.rows() for lines, rule in self._parts())

    def _parts(self) -> Iterator[tuple[RunLines, int]]:
        """Every run with 1 if there is a separator before its lines, else 0: not before the first lines."""
        above = False
        for lines in self.runs:
            rows = lines.rows()
            yield lines, int(above and (rows > 0 or lines is self.runs[-1]))
            above = above or rows > 0

    def total(self) -> int:
        """Lines in all, without a filter; their difference is how many are new."""
        return sum(lines.count - lines.first for lines in self.runs)

    def place(self, row: int) -> RowId | None:
        """The place of a row; None beyond the end."""
        for index, (lines, rule) in enumerate(self._parts(), start=self._dropped):
            if row < rule:
                return RowId(index, -1)
            row -= rule
            size = lines.rows()
            if row < size:
                return RowId(index, lines.number(row))
            row -= size
        return None

    def row(self, place: RowId) -> int:
        """The row of a place, or of the nearest shown one after it, within 0 and `count()`."""
        row = 0
        for index, (lines, rule) in enumerate(self._parts(), start=self._dropped):
            if index > place.run or (index == place.run and place.number < 0):
                break
            row += rule
            if index == place.run:
                return row + lines.row(place.number)
            row += lines.rows()
        return row

    def at(self, place: RowId) -> Line | RunSeparator | None:
        """The line or separator at a place."""
        index = place.run - self._dropped
        if not 0 <= index < len(self.runs):
            return None
        lines = self.runs[index]
        return RunSeparator(lines.run) if place.number < 0 else lines.line(place.number)

    def place_in(self, run: int, number: int) -> RowId | None:
        """The place of a line of a run, by the run's number."""
        for index, lines in enumerate(self.runs):
            if lines.run == run:
                return RowId(index + self._dropped, number)
        return None
