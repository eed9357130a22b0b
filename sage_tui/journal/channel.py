"""A channel of a run as a sequence of lines, decoded from the journal when somebody looks at them."""

from __future__ import annotations

from bisect import bisect_left
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Protocol

from sage_runtime.events import MAX_LINE_BYTES, Event, EventError, decode
from sage_tui.journal.lines import Line, line_count, lines_of
from sage_tui.journal.segments import Block

if TYPE_CHECKING:
    from sage_tui.journal.byte_prefilter import BytePrefilter
    from sage_tui.journal.lines import LineQuery

CHUNK_BYTES = 128 * 1024
CACHED_BLOCKS = 24

SIFTED_BYTES = 256 * 1024
"""Bytes that are looked through at once; blocks that are longer, for much else lies in them, are read."""


class Indexed(Protocol):
    """A journal that knows where the lines of its channels lie; safe to ask from any thread."""

    def line_count(self, channel: str) -> int:
        """Lines of a channel so far."""
        ...

    def first_line(self, channel: str) -> int:
        """The first line of a channel that is kept."""
        ...

    def find(self, channel: str, start: int, stop: int) -> list[Block]:
        """The blocks that hold lines from `start` up to `stop`."""
        ...

    def read_segment(self, segment: int, offset: int, size: int) -> bytes:
        """Bytes of a segment; fewer at its end, none if it is gone."""
        ...


def read_lines(read: Callable[[int, int], bytes], offset: int, chunk: int = CHUNK_BYTES) -> LineReader:
    """The whole lines from `offset` on; `read(offset, size)` gives bytes."""
    return LineReader(read, offset, chunk)


class LineReader:
    """Iterates over the whole lines of a segment from an offset on; `offset` is that of the line to come.

    What is longer than any event comes in pieces without a newline, which no reader takes for one.
    """

    def __init__(self, read: Callable[[int, int], bytes], offset: int, chunk: int) -> None:
        self._read, self._chunk = read, chunk
        self._data, self._at = b"", 0
        self.offset = offset

    def __iter__(self) -> LineReader:
        return self

    def __next__(self) -> bytes:
        while (end := self._data.find(b"\n", self._at)) < 0:
            rest = self._data[self._at :]
            if len(rest) > MAX_LINE_BYTES:
                end = len(self._data) - 1
                break
            more = self._read(self.offset + len(rest), self._chunk)
            if not more:
                raise StopIteration
            self._data, self._at = rest + more, 0
        line = self._data[self._at : end + 1]
        self._at = end + 1
        self.offset += len(line)
        return line


class ChannelLines:
    """One channel of one run (a `LineSource`): one thread reads, another one may pick, and any may ask the rest."""

    def __init__(self, journal: Indexed, channel: str) -> None:
        self._journal = journal
        self._channel = channel
        self._prefix = f'{{"type":"{channel}"'.encode()
        self._cache: OrderedDict[tuple[int, int, int], list[tuple[int, Event]]] = OrderedDict()
        self._sift: tuple[LineQuery, BytePrefilter] | None = None

    def count(self) -> int:
        return self._journal.line_count(self._channel)

    def first(self) -> int:
        return self._journal.first_line(self._channel)

    def read(self, start: int, stop: int) -> list[Line]:
        start = max(0, start)
        found: list[Line] = []
        for block in self._journal.find(self._channel, start, stop):
            for number, event in self._events(block):
                if number >= stop:
                    break
                found += lines_of(event, number, start, stop)
        return found

    def pick(self, start: int, stop: int, wanted: LineQuery) -> list[int]:
        sift = self._sift_for(wanted)
        found: list[int] = []
        for blocks in _stretches(self._journal.find(self._channel, max(0, start), stop)):
            size = blocks[-1].end - blocks[0].offset
            if sift is None or size > SIFTED_BYTES:
                for block in blocks:
                    for number, event in self._decode(block):
                        found += wanted.pick(lines_of(event, number))
            else:
                found += sift.pick(self._journal.read_segment(blocks[0].segment, blocks[0].offset, size), blocks)
        return found[bisect_left(found, start) : bisect_left(found, stop)]

    def _sift_for(self, wanted: LineQuery) -> BytePrefilter | None:
        from sage_tui.journal.byte_prefilter import SIFTED, BytePrefilter  # only who searches needs it

        if self._channel not in SIFTED:
            return None
        if self._sift is None or self._sift[0] is not wanted:
            self._sift = wanted, BytePrefilter(self._channel, wanted)
        return self._sift[1]

    def _events(self, block: Block) -> list[tuple[int, Event]]:
        """The events of a block, each with the number of its first line."""
        key = (block.segment, block.offset, block.lines)
        events = self._cache.get(key)
        if events is None:
            events = self._cache[key] = self._decode(block)
            while len(self._cache) > CACHED_BLOCKS:
                self._cache.popitem(last=False)
        else:
            self._cache.move_to_end(key)
        return events

    def _decode(self, block: Block) -> list[tuple[int, Event]]:
        events: list[tuple[int, Event]] = []
        number, end = block.first, block.first + block.lines
        for raw in read_lines(
            lambda offset, size: self._journal.read_segment(block.segment, offset, size), block.offset
        ):
            if not raw.startswith(self._prefix):
                continue
            try:
                event = decode(raw)
            except EventError:
                break
            if isinstance(event, Event):
                events.append((number, event))
                number += line_count(event)
            if number >= end:
                break
        return events


def _stretches(blocks: Sequence[Block]) -> Iterator[list[Block]]:
    """Blocks that follow one another in a segment, together as far as they are no longer than `SIFTED_BYTES`."""
    together: list[Block] = []
    for block in blocks:
        if together and (
            block.offset != together[-1].end
            or block.segment != together[-1].segment
            or block.end - together[0].offset > SIFTED_BYTES
        ):
            yield together
            together = []
        together.append(block)
    if together:
        yield together
