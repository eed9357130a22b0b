"""The segments that a journal is made of: `000001.jsonl`, …, in a folder, in an archive or in memory, and their index.

A segment's first line is `{"type":"snapshot",…}`: the state of the run before the segment's first event, and the number
of the first line of each channel in it. So any suffix of a journal can be read without what came before.
"""

from __future__ import annotations

import json
import os
import re
import stat
from array import array
from bisect import bisect_right
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from sage_runtime.frozen import Frozen
from sage_tui.journal.lines import CHANNELS

SNAPSHOT_PREFIX = b'{"type":"snapshot"'
MAX_SNAPSHOT_BYTES = 64 * 1024 * 1024
MAX_LINES = 2**53
"""So many lines no channel has had."""
SEGMENT_NAME = re.compile(r"(\d{6})\.jsonl")
RUN_NAME = re.compile(r"run-([1-9]\d{0,5})\.sagerun")


class JournalError(Exception):
    """A journal that can't be read; the message says which, where and why."""


def segment_name(number: int) -> str:
    """The file name of a segment, from 1."""
    return f"{number:06d}.jsonl"


class Segments(Protocol):
    """The readable segments of one journal. Any thread may ask."""

    name: str

    def numbers(self) -> list[int]:
        """The segments there are, ascending."""
        ...

    def size(self, number: int) -> int:
        """Bytes in a segment; 0 if it is gone."""
        ...

    def read(self, number: int, offset: int, size: int) -> bytes:
        """Up to `size` bytes from `offset` on; fewer at the end, none if the segment is gone."""
        ...


class SegmentFolder:
    """The segments in a folder, read where they lie; symbolic links and whatever else lies there are left alone."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.name = folder.name

    def numbers(self) -> list[int]:
        try:
            names = [path.name for path in self.folder.iterdir()]
        except OSError:
            return []
        return sorted(int(found[1]) for name in names if (found := SEGMENT_NAME.fullmatch(name)))

    def size(self, number: int) -> int:
        try:
            found = os.lstat(self.folder / segment_name(number))
        except OSError:
            return 0
        return found.st_size if stat.S_ISREG(found.st_mode) else 0

    def read(self, number: int, offset: int, size: int) -> bytes:
        try:
            # a pipe that somebody put there is opened without waiting for its other end
            flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
            fd = os.open(self.folder / segment_name(number), flags)
        except OSError:
            return b""
        try:
            return os.pread(fd, size, offset) if stat.S_ISREG(os.fstat(fd).st_mode) else b""
        except OSError:
            return b""
        finally:
            os.close(fd)


class SegmentFile:
    """A segment that is being written, owner-only, created here and nowhere else (no link is followed)."""

    def __init__(self, folder: Path, number: int) -> None:
        self.number = number
        self.size = 0
        self._path = folder / segment_name(number)
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
        self._fd = os.open(self._path, flags, 0o600)

    def append(self, data: bytes) -> None:
        """Write all of `data`, or nothing of it and raise `OSError`."""
        left = memoryview(data)
        try:
            while left:
                left = left[os.write(self._fd, left) :]
        except OSError:
            os.ftruncate(self._fd, self.size)
            raise
        self.size += len(data)

    def read(self, offset: int, size: int) -> bytes:
        """Up to `size` bytes from `offset` on."""
        fd = os.open(self._path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC) if self._fd < 0 else self._fd
        try:
            return os.pread(fd, size, offset)
        finally:
            if fd != self._fd:
                os.close(fd)

    def close(self) -> None:
        """Let go of the descriptor; the segment can still be read."""
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)

    def remove(self) -> None:
        """Delete the file."""
        self.close()
        self._path.unlink(missing_ok=True)


class SegmentMemory:
    """A segment in memory, for when there is no disk to write to."""

    def __init__(self, number: int) -> None:
        self.number = number
        self._data = bytearray()

    @property
    def size(self) -> int:
        """Bytes so far."""
        return len(self._data)

    def append(self, data: bytes) -> None:
        """Keep `data`."""
        self._data += data

    def read(self, offset: int, size: int) -> bytes:
        """Up to `size` bytes from `offset` on."""
        return bytes(self._data[offset : offset + size])

    def close(self) -> None:
        """Nothing to let go of."""

    def remove(self) -> None:
        """Forget the data."""
        self._data = bytearray()


class Snapshot(Frozen):
    """A segment's first line: `first` line of each channel in it, the `state` before it, and the line's length."""

    first: Mapping[str, int]
    state: Mapping[str, Any]
    seq: int
    t: float
    length: int


def encode_snapshot(first: Mapping[str, int], state: Mapping[str, Any], seq: int, t: float) -> bytes:
    """The first line of a segment; `seq` and `t` are those of the last event before it."""
    data = {"type": "snapshot", "version": 1, "seq": seq, "t": t, "lines": dict(first), "state": state}
    return json.dumps(data, separators=(",", ":")).encode() + b"\n"


def _read_line(segments: Segments, number: int, limit: int) -> bytes:
    parts: list[bytes] = []
    offset, chunk = 0, 64 * 1024
    while offset < limit:
        data = segments.read(number, offset, chunk)
        end = data.find(b"\n")
        if end >= 0 or len(data) < chunk:
            parts.append(data[: end + 1])
            break
        parts.append(data)
        offset += len(data)
        chunk = 1024 * 1024
    return b"".join(parts)


def read_snapshot(segments: Segments, number: int) -> Snapshot:
    """The snapshot that a segment begins with.

    Raises:
        JournalError: there is none, or it isn't whole.
    """
    where = f"{segments.name}/{segment_name(number)}"
    line = _read_line(segments, number, MAX_SNAPSHOT_BYTES)
    if not line.startswith(SNAPSHOT_PREFIX) or not line.endswith(b"\n"):
        raise JournalError(f"{where} does not begin with a snapshot")
    try:
        data = json.loads(line)
        lines = {channel: int(data["lines"].get(channel, 0)) for channel in CHANNELS}
        state = data["state"]
        if not isinstance(state, dict) or min(lines.values()) < 0 or max(lines.values()) > MAX_LINES:
            raise TypeError("a field has the wrong type, or a number that can't be")
        return Snapshot(lines, state, int(data["seq"]), float(data["t"]), len(line))
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError) as error:
        raise JournalError(f"{where} begins with a damaged snapshot: {error}") from None


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
    """Where the lines of each channel lie in one segment, in a few bytes a line at most. Not locked: its owner is.

    A block begins at an event of the channel and reaches to the channel's next block. A new one begins every
    `BLOCK_LINES` lines, or `BLOCK_BYTES` after the last one began, so reading a line means scanning that much at most.

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
