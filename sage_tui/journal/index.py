"""Where the lines of each channel lie in a journal: a sparse index that costs a few bytes a line at the very most.

A segment's index has blocks: a block begins at an event of the channel and reaches to the channel's next block. A new
block begins every `BLOCK_LINES` lines, or where the last one began `BLOCK_BYTES` before. So all events of a block lie
within `BLOCK_BYTES` (and one event) of its beginning, and reading a line anywhere means scanning that much at most.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from sage_tui.journal.lines import CHANNELS

BLOCK_LINES = 64
BLOCK_BYTES = 64 * 1024


class Block(NamedTuple):
    """Lines `first` up to `first + lines` of a channel, in the events from `offset` up to `end` of a segment."""

    segment: int
    offset: int
    first: int
    lines: int
    end: int


class SegmentIndex:
    """The blocks of one segment. Not locked: its owner is.

    Args:
        number: the segment's number, as in its file's name.
        first: for each channel, the number of the first line that lies in this segment.
    """

    __slots__ = ("_blocks", "count", "first", "number", "scanned")

    def __init__(self, number: int, first: Mapping[str, int]) -> None:
        self.number = number
        self.first = {channel: first.get(channel, 0) for channel in CHANNELS}
        self.count = dict.fromkeys(CHANNELS, 0)
        """Lines of each channel in this segment, as far as it has been indexed."""
        self.scanned = 0
        """Bytes of the segment that have been indexed."""
        self._blocks: dict[str, tuple[array[int], array[int]]] = {}

    def add(self, channel: str, lines: int, offset: int) -> None:
        """Note an event of `lines` lines that lies at `offset`; offsets ascend."""
        blocks = self._blocks.get(channel)
        if blocks is None:
            blocks = self._blocks[channel] = (array("Q"), array("Q"))
        firsts, offsets = blocks
        number = self.first[channel] + self.count[channel]
        if not firsts or number - firsts[-1] >= BLOCK_LINES or offset - offsets[-1] >= BLOCK_BYTES:
            firsts.append(number)
            offsets.append(offset)
        self.count[channel] += lines

    def end(self, channel: str) -> int:
        """The number of the line after the last one here."""
        return self.first[channel] + self.count[channel]

    def blocks(self, channel: str, start: int, stop: int) -> Iterator[Block]:
        """The blocks that hold lines from `start` up to `stop`."""
        if channel not in self._blocks:
            return
        firsts, offsets = self._blocks[channel]
        end = self.end(channel)
        at = max(0, bisect_right(firsts, start) - 1)
        while at < len(firsts) and firsts[at] < stop:
            following = firsts[at + 1] if at + 1 < len(firsts) else end
            if following > start:
                behind = offsets[at + 1] if at + 1 < len(offsets) else self.scanned
                yield Block(self.number, offsets[at], firsts[at], following - firsts[at], behind)
            at += 1

    def memory(self) -> int:
        """Bytes that the blocks take, about."""
        return sum(len(firsts) * 16 for firsts, _ in self._blocks.values())
