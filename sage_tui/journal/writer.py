"""Writing the journal of a run: event lines as they come, in segments, indexed while they are written."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from sage_runtime.events import Event
from sage_tui.journal.channel import ChannelLines
from sage_tui.journal.lines import CHANNELS, LineSource, line_count
from sage_tui.journal.segments import Block, SegmentFile, SegmentIndex, SegmentMemory, encode_snapshot

SEGMENT_BYTES = 8 * 1024 * 1024
MEMORY_SEGMENT_BYTES = 1024 * 1024
MEMORY_BYTES = 32 * 1024 * 1024
"""What is kept of a run that can't be written to disk."""
LIMIT_BYTES = 2 * 1024**3
"""What is kept of a run on disk."""

_Piece = SegmentFile | SegmentMemory


class JournalWriter:
    """The journal of a run while it runs. One thread appends and flushes; any thread reads lines.

    What has been appended can be read once it is flushed. When the disk fails or is full the journal goes on in
    memory, bounded, and `trouble` says so; nothing is raised, for the run must not suffer.

    Args:
        folder: the run's folder, created here with mode 0700; None keeps the journal in memory.
        snapshot: gives the run's state, after the last appended event, as JSON values.
        limit: bytes to keep; past it the oldest segments go.
        segment_bytes: the size at which a new segment begins.
    """

    def __init__(
        self,
        folder: Path | None,
        snapshot: Callable[[], Mapping[str, Any]],
        *,
        limit: int = LIMIT_BYTES,
        segment_bytes: int = SEGMENT_BYTES,
    ) -> None:
        self.trouble: str | None = None
        """Why the journal isn't, or no longer, written to disk."""
        self._folder = folder
        self._snapshot = snapshot
        self._limit = limit
        self._segment_bytes = segment_bytes
        self._lock = threading.Lock()
        self._pieces: dict[int, _Piece] = {}
        self._indexes: list[SegmentIndex] = []
        self._batch: list[bytes] = []
        self._batch_bytes = 0
        self._batch_lines: list[tuple[str, int, int]] = []
        self._last: tuple[int, float] = (-1, 0.0)
        if folder is not None:
            try:
                folder.mkdir(0o700)
            except OSError as error:
                self._give_up_disk(error)
        self._begin_segment()

    def append(self, line: bytes, event: Event) -> None:
        """Add an event's line (newline included) to the batch that the next `flush` writes."""
        lines = line_count(event)
        if lines:
            self._batch_lines.append((event.type, lines, self._batch_bytes))
        self._batch.append(line)
        self._batch_bytes += len(line)
        self._last = (event.seq, event.t)

    def flush(self) -> None:
        """Write what has been appended, so that readers, in this process or another, see it."""
        if not self._batch:
            return
        data = b"".join(self._batch)
        try:
            self._piece.append(data)
        except OSError as error:
            self._give_up_disk(error)
            self._begin_segment()
            self._piece.append(data)
        start = self._piece.size - len(data)
        with self._lock:
            index = self._indexes[-1]
            for channel, lines, offset in self._batch_lines:
                index.add(channel, lines, start + offset)
            index.scanned = self._piece.size
        self._batch, self._batch_bytes, self._batch_lines = [], 0, []
        if self._piece.size >= self._segment_bytes:
            self._begin_segment()
            self._drop_oldest()

    def close(self) -> None:
        """Flush and close; lines can still be read."""
        self.flush()
        with self._lock:
            for piece in self._pieces.values():
                piece.close()

    def lines(self, channel: str) -> LineSource:
        """A channel of this run as lines."""
        return ChannelLines(self, channel)

    # --- what ChannelLines asks; any thread -------------------------------------------------------------------------

    def line_count(self, channel: str) -> int:
        with self._lock:
            return self._indexes[-1].end(channel)

    def first_line(self, channel: str) -> int:
        with self._lock:
            return self._indexes[0].first[channel]

    def find(self, channel: str, start: int, stop: int) -> list[Block]:
        with self._lock:
            return [
                block
                for index in self._indexes
                if index.first[channel] < stop and index.end(channel) > start
                for block in index.blocks(channel, start, stop)
            ]

    def read_segment(self, segment: int, offset: int, size: int) -> bytes:
        with self._lock:
            piece = self._pieces.get(segment)
            try:
                return piece.read(offset, size) if piece is not None else b""
            except OSError:
                return b""

    # --- segments ----------------------------------------------------------------------------------------------------

    @property
    def _piece(self) -> _Piece:
        return self._pieces[self._indexes[-1].number]

    def _begin_segment(self) -> None:
        number = self._indexes[-1].number + 1 if self._indexes else 1
        first = {channel: self._indexes[-1].end(channel) if self._indexes else 0 for channel in CHANNELS}
        head = encode_snapshot(first, self._snapshot(), *self._last)
        try:
            piece = self._new_piece(number)
            piece.append(head)
        except OSError as error:
            self._give_up_disk(error)
            piece = self._new_piece(number)
            piece.append(head)
        index = SegmentIndex(number, first)
        index.scanned = piece.size
        with self._lock:
            if self._indexes:
                self._piece.close()
            self._pieces[number] = piece
            self._indexes.append(index)

    def _new_piece(self, number: int) -> _Piece:
        return SegmentMemory(number) if self._folder is None else SegmentFile(self._folder, number)

    def _drop_oldest(self) -> None:
        kind = type(self._piece)
        while len(self._indexes) > 1 and self._size_of(kind) > self._limit:
            with self._lock:
                oldest = self._pieces.pop(self._indexes.pop(0).number)
                if type(oldest) is not kind:
                    oldest.close()  # written before the disk failed: out of sight here, still there for a replay
                    continue
                try:
                    oldest.remove()
                except OSError:
                    return  # an undeletable file takes space, no more

    def _size_of(self, kind: type[_Piece]) -> int:
        return sum(piece.size for piece in self._pieces.values() if type(piece) is kind)

    def _give_up_disk(self, error: OSError) -> None:
        where = self._folder if self._folder is not None else "the journal"
        self.trouble = (
            f"{where} can't be written ({error.strerror or error}): the run goes on, its last "
            f"{MEMORY_BYTES // 1024**2} MB are kept in memory and not recorded"
        )
        self._folder = None
        self._segment_bytes = MEMORY_SEGMENT_BYTES
        self._limit = MEMORY_BYTES
