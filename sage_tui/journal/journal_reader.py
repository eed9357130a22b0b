"""Reading the journal of a run: its lines, its events, and its state at any moment; also while it is written."""

from __future__ import annotations

import threading
from bisect import bisect_right
from collections.abc import Iterator

from sage_runtime.events import Event, EventError, decode
from sage_runtime.frozen import Frozen
from sage_tui.journal.channel import CHUNK_BYTES, ChannelLines, read_lines
from sage_tui.journal.lines import CHANNELS, LineSource, line_count
from sage_tui.journal.segments import Block, JournalError, SegmentIndex, Segments, Snapshot, read_snapshot, segment_name
from sage_tui.state.run_state import RunState, StateError

CHECKED_BYTES = 32 * 1024 * 1024
"""Journals up to this size are indexed, and so checked, when they are opened; longer ones where they are looked at."""

_CHANNEL_OF_PREFIX = {f'{{"type":"{channel}"'.encode(): channel for channel in CHANNELS}

_TYPE_AT = len('{"type":"')


class Position(Frozen):
    """A place between two events: a segment and an offset in it."""

    segment: int
    offset: int


class Folded(Frozen):
    """A run's state after some event, the position behind that event, and its time."""

    state: RunState
    position: Position
    t: float


class JournalReader:
    """The journal of a run, finished or still being written (`refresh` takes in what has come since).

    Damage never raises after opening: what lies before it (and after the next segment's beginning) can be read, and
    `damage` names it. Any thread may ask; one thread calls `refresh`.

    Raises:
        JournalError: there is nothing that could be read.
    """

    def __init__(self, segments: Segments) -> None:
        self.damage: tuple[str, ...] = ()
        self._segments = segments
        self._lock = threading.RLock()
        self._heads: dict[int, Snapshot] = {}
        self._indexes: dict[int, SegmentIndex] = {}
        self._numbers: list[int] = []
        self._broken: set[int] = set()
        numbers = segments.numbers()
        if not numbers:
            raise JournalError(f"{segments.name} holds no journal")
        self.refresh()
        if not self._numbers:
            raise JournalError("; ".join(self.damage))
        if sum(segments.size(number) for number in self._numbers) <= CHECKED_BYTES:
            for number in self._numbers:
                self._index(number)

    def refresh(self) -> bool:
        """Take in what has been written since; whether there was anything."""
        with self._lock:
            known = set(self._numbers) | self._broken
            was_last = self._numbers[-1] if self._numbers else 0
            new = [number for number in self._segments.numbers() if number not in known]
            for number in new:
                try:
                    self._heads[number] = read_snapshot(self._segments, number)
                except JournalError as error:
                    if number == max(new) and self._numbers:
                        break  # its first line is being written
                    self._broken.add(number)
                    self._note(str(error))
                else:
                    self._numbers.append(number)
            if not self._numbers:
                return False
            growing = [number for number in self._numbers if number == was_last] + self._numbers[-1:]
            indexes = [self._index(number) for number in growing]
            before = [index.scanned for index in indexes]
            for index in indexes:
                self._scan(index)
            return bool(new) or before != [index.scanned for index in indexes]

    def lines(self, channel: str) -> LineSource:
        """A channel of the run as lines."""
        return ChannelLines(self, channel)

    # --- events and states -------------------------------------------------------------------------------------------

    def events(self, after: Position | None = None) -> Iterator[tuple[bytes, Event]]:
        """Every event from the beginning (or from a position) on, with its line, as far as the journal can be read."""
        for line, event, _ in self.positions(after):
            yield line, event

    def positions(self, after: Position | None = None) -> Iterator[tuple[bytes, Event, Position]]:
        """As `events`, each with the position behind it, from where reading can go on later."""
        for number in list(self._numbers):
            if after is not None and number < after.segment:
                continue
            start = after.offset if after is not None and number == after.segment else self._heads[number].length
            yield from self._segment_events(number, start)

    def _segment_events(self, number: int, start: int) -> Iterator[tuple[bytes, Event, Position]]:
        reader = read_lines(lambda offset, size: self._segments.read(number, offset, size), start)
        for raw in reader:
            try:
                event = decode(raw)
            except EventError as error:
                self._note(f"{self._where(number)} is damaged at byte {reader.offset - len(raw)}: {error}")
                return
            if isinstance(event, Event):
                yield raw, event, Position(number, reader.offset)

    def state(self, seq: int | None = None) -> RunState:
        """The run as it was after the event `seq` (None: after the last); see `fold`."""
        return self.fold(seq).state

    def fold(self, seq: int | None = None) -> Folded:
        """The run as it was after the event `seq` (None: after the last): the nearest snapshot and what follows it.

        Raises:
            JournalError: the snapshot is of another version, or damaged.
        """
        with self._lock:
            numbers = list(self._numbers)
        at = len(numbers) - 1
        if seq is not None:
            at = max(0, bisect_right([self._heads[number].seq for number in numbers], seq) - 1)
        begun = self._beginning(numbers[at])
        state, position, t = begun.state, begun.position, begun.t
        for _, event, behind in self._segment_events(position.segment, position.offset):
            if seq is not None and event.seq > seq:
                break
            state.apply(event)
            position, t = behind, event.t
        return Folded(state, position, t)

    def beginning(self, t: float) -> Folded:
        """The run at the beginning of the last segment that begins before Unix time `t`: from there one may fold on.

        Raises:
            JournalError: the snapshot is of another version, or damaged.
        """
        return self._beginning(self._segment_at(t))

    def beginning_t(self, t: float) -> float:
        """The time at which that segment begins."""
        return self._heads[self._segment_at(t)].t

    def _segment_at(self, t: float) -> int:
        with self._lock:
            numbers = list(self._numbers)
        return next((number for number in reversed(numbers) if self._heads[number].t <= t), numbers[0])

    def _beginning(self, number: int) -> Folded:
        head = self._heads[number]
        try:
            state = RunState.from_json(head.state)
        except StateError as error:
            raise JournalError(f"{self._where(number)} begins with {error}") from None
        return Folded(state, Position(number, head.length), head.t)

    # --- what ChannelLines asks --------------------------------------------------------------------------------------

    def line_count(self, channel: str) -> int:
        with self._lock:
            return self._index(self._numbers[-1]).end(channel)

    def first_line(self, channel: str) -> int:
        with self._lock:
            return self._heads[self._numbers[0]].first[channel]

    def find(self, channel: str, start: int, stop: int) -> list[Block]:
        with self._lock:
            firsts = [self._heads[number].first[channel] for number in self._numbers]
            at = max(0, bisect_right(firsts, start) - 1)
            while at > 0 and firsts[at] == start == firsts[at - 1]:
                at -= 1
            found: list[Block] = []
            while at < len(self._numbers) and firsts[at] < stop:
                if at + 1 == len(firsts) or firsts[at + 1] > start:
                    found += self._index(self._numbers[at]).blocks(channel, start, stop)
                at += 1
            return found

    def read_segment(self, segment: int, offset: int, size: int) -> bytes:
        return self._segments.read(segment, offset, size)

    # --- the index ---------------------------------------------------------------------------------------------------

    def _index(self, number: int) -> SegmentIndex:
        index = self._indexes.get(number)
        if index is None:
            head = self._heads[number]
            index = self._indexes[number] = SegmentIndex(number, head.first)
            index.scanned = head.length
            self._scan(index)
        return index

    def _scan(self, index: SegmentIndex) -> None:
        """Index what lies behind `index.scanned`; stops at damage, and before a last line that isn't whole."""
        number = index.number
        if self._segments.size(number) <= index.scanned or number in self._broken:
            return
        reader = read_lines(
            lambda offset, size: self._segments.read(number, offset, size), index.scanned, max(CHUNK_BYTES, 1024 * 1024)
        )
        add, channel_of = index.add, _CHANNEL_OF_PREFIX.get
        offset = index.scanned
        for raw in reader:
            if not raw.startswith(b'{"type":"') or not raw.endswith(b"}\n"):
                self._broken.add(number)
                self._note(f"{self._where(number)} is damaged at byte {offset}: what lies behind it is not shown")
                break
            channel = channel_of(raw[: raw.find(b'"', _TYPE_AT) + 1])
            if channel is not None:
                try:
                    add(channel, 1 if channel != "output" else _count_lines(raw), offset)
                except EventError as error:
                    self._broken.add(number)
                    self._note(f"{self._where(number)} is damaged at byte {offset}: {error}")
                    break
            offset += len(raw)
        index.scanned = offset

    def unfinished(self) -> str | None:
        """That the last line of the journal isn't whole, if so: its writer was killed, or is writing."""
        with self._lock:
            number = self._numbers[-1]
            rest = self._segments.size(number) - self._index(number).scanned
        if rest <= 0 or number in self._broken:
            return None
        return f"{self._where(number)} breaks off in the middle of an event ({rest} bytes are left out)"

    def _where(self, number: int) -> str:
        return f"{self._segments.name}/{segment_name(number)}"

    def _note(self, message: str) -> None:
        if message not in self.damage:
            self.damage = (*self.damage, message)


def _count_lines(raw: bytes) -> int:
    """How many lines an output has; only one that may have several is decoded."""
    if raw.endswith(b',"end":"\\n"}\n') and raw.count(b"\\n") == 1:
        return 1
    event = decode(raw)
    return line_count(event) if isinstance(event, Event) else 0
