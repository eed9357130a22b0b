"""Recordings that `sage-tui FILE` replays: a packed file, a session's folder, or the folder of one run.

A packed file is a zip archive of a session's journals, read with limits and repaired where it is cut off. It holds
`sage-tui.json` and `run-N.sagerun/NNNNNN.jsonl`, each compressed on its own, so a segment is unpacked when somebody
looks at it. It holds nothing executable; names are matched, never joined to a path.
"""

from __future__ import annotations

import os
import struct
import threading
import zipfile
import zlib
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from sage_tui.journal.journal_reader import JournalReader
from sage_tui.journal.marker import MARKER, is_live
from sage_tui.journal.segments import RUN_NAME, SEGMENT_NAME, JournalError, SegmentFolder, Segments, segment_name

MAX_MEMBERS = 200_000
MAX_SEGMENT_BYTES = 256 * 1024 * 1024
"""A segment that would unpack to more is not read: ours stay far below."""
CACHED_SEGMENTS = 4
HEAD_BYTES = 1024 * 1024
"""Who reads no more than the beginning of a segment has no more than that unpacked."""
_LOCAL_HEADER = struct.Struct("<4s5H3I2H")
_CHUNK = 256 * 1024


class RecordingError(JournalError):
    """A file or folder that is no recording, or of which nothing can be read."""


@dataclass(frozen=True, slots=True)
class Member:
    """A segment in an archive: where its compressed bytes lie, how long it is, and its CRC-32."""

    offset: int
    packed: int
    size: int
    stored: bool
    checksum: int


@dataclass(slots=True)
class Archive:
    """The segments of an archive by run and number, and what was wrong with it."""

    path: Path
    members: dict[int, dict[int, Member]] = field(default_factory=dict)
    damage: list[str] = field(default_factory=list)

    def note(self, message: str) -> None:
        """Add to `damage`."""
        if message not in self.damage:
            self.damage.append(message)

    def add(self, name: str, member: Member) -> None:
        """Note a member; names that are none of ours are left out, and so are segments that are too long."""
        run, _, segment = name.partition("/")
        run_found, segment_found = RUN_NAME.fullmatch(run), SEGMENT_NAME.fullmatch(segment)
        if not run_found or not segment_found:
            return
        if member.size > MAX_SEGMENT_BYTES:
            self.damage.append(f"{name} would be {member.size} bytes long: not read")
            return
        self.members.setdefault(int(run_found[1]), {}).setdefault(int(segment_found[1]), member)


class ArchiveSegments:
    """The segments of one run in an archive; the last few that were looked at stay unpacked in memory."""

    def __init__(self, archive: Archive, run: int) -> None:
        self.name = f"run-{run}.sagerun"
        self._archive = archive
        self._members = archive.members[run]
        self._unpacked: OrderedDict[int, bytes] = OrderedDict()
        self._lock = threading.Lock()

    def numbers(self) -> list[int]:
        return sorted(self._members)

    def size(self, number: int) -> int:
        member = self._members.get(number)
        return member.size if member is not None else 0

    def read(self, number: int, offset: int, size: int) -> bytes:
        with self._lock:
            data = self._unpacked.get(number)
            if data is None:
                member = self._members.get(number)
                if member is None:
                    return b""
                if offset == 0 and size <= HEAD_BYTES:
                    return self._unpack(number, member, min(size, member.size))
                data = self._unpacked[number] = self._unpack(number, member, member.size)
                while len(self._unpacked) > CACHED_SEGMENTS:
                    self._unpacked.popitem(last=False)
            else:
                self._unpacked.move_to_end(number)
        return data[offset : offset + size]

    def _unpack(self, number: int, member: Member, size: int) -> bytes:
        """The first `size` bytes of a member, as far as they can be read."""
        try:
            with self._archive.path.open("rb") as file:
                file.seek(member.offset)
                data = file.read(min(size, member.packed)) if member.stored else _inflate(file, member, size)
        except OSError as error:
            self._archive.note(f"{self.name}/{segment_name(number)} can't be read: {error}")
            return b""
        if len(data) < size:
            self._archive.note(
                f"{self.name}/{segment_name(number)} is damaged: {len(data)} of {member.size} bytes can be read"
            )
        elif size == member.size and zlib.crc32(data) != member.checksum:
            self._archive.note(f"{self.name}/{segment_name(number)} is damaged: it is not what was written")
        return data


def _inflate(file: BinaryIO, member: Member, size: int) -> bytes:
    """What can be unpacked of a member, `size` bytes at most; never raises for damaged data."""
    unpacker = zlib.decompressobj(-zlib.MAX_WBITS)
    parts: list[bytes] = []
    left, room = member.packed, size
    while left > 0 and room > 0:
        packed = file.read(min(_CHUNK, left))
        if not packed:
            break
        left -= len(packed)
        try:
            while packed and room > 0:
                part = unpacker.decompress(packed, room)
                parts.append(part)
                room -= len(part)
                packed = unpacker.unconsumed_tail
        except zlib.error:
            break
        if unpacker.eof:
            break
    return b"".join(parts)


def read_archive(path: Path) -> Archive:
    """The contents of an archive; of one that is cut off, what comes before.

    Raises:
        RecordingError: it is no archive of ours.
        OSError: it can't be opened.
    """
    archive = Archive(path)
    with path.open("rb") as file:
        if file.read(4) != b"PK\x03\x04":
            raise RecordingError(f"{path} is no recording")
        try:
            with zipfile.ZipFile(file) as packed:
                entries = packed.infolist()
                if len(entries) > MAX_MEMBERS:
                    raise RecordingError(f"{path} has {len(entries)} members: too many for a recording")
                for info in entries:
                    _add_entry(archive, file, info)
                if _packed_bytes(archive) > os.fstat(file.fileno()).st_size:
                    raise zipfile.BadZipFile("its members lie upon one another")
        except (zipfile.BadZipFile, NotImplementedError, UnicodeDecodeError, struct.error, ValueError) as error:
            archive.members.clear()
            archive.damage.append(f"{path.name} is damaged or incomplete ({error}): what could be found is shown")
            _salvage(archive, file)
    if not archive.members:
        raise RecordingError(f"{path} holds no run" + "".join(f"; {text}" for text in archive.damage))
    return archive


def _packed_bytes(archive: Archive) -> int:
    return sum(member.packed for segments in archive.members.values() for member in segments.values())


def _add_entry(archive: Archive, file: BinaryIO, info: zipfile.ZipInfo) -> None:
    if info.compress_type not in (zipfile.ZIP_DEFLATED, zipfile.ZIP_STORED) or info.flag_bits & 1:
        return
    file.seek(info.header_offset)
    head = file.read(_LOCAL_HEADER.size)
    if len(head) < _LOCAL_HEADER.size or head[:4] != b"PK\x03\x04":
        raise zipfile.BadZipFile(f"{info.filename} has no header")
    name_length, extra_length = _LOCAL_HEADER.unpack(head)[-2:]
    offset = info.header_offset + _LOCAL_HEADER.size + name_length + extra_length
    stored = info.compress_type == zipfile.ZIP_STORED
    archive.add(info.filename, Member(offset, info.compress_size, info.file_size, stored, info.CRC))


def _salvage(archive: Archive, file: BinaryIO) -> None:
    """Find the members from the headers that stand before each, up to where the file is cut off."""
    at = 0
    for _ in range(MAX_MEMBERS):
        file.seek(at)
        head = file.read(_LOCAL_HEADER.size)
        if len(head) < _LOCAL_HEADER.size or head[:4] != b"PK\x03\x04":
            return
        _, _, flags, method, _, _, checksum, packed, size, name_length, extra_length = _LOCAL_HEADER.unpack(head)
        name = file.read(name_length).decode("ascii", "replace")
        start = at + _LOCAL_HEADER.size + name_length + extra_length
        if method not in (zipfile.ZIP_DEFLATED, zipfile.ZIP_STORED) or flags & 9:
            return
        archive.add(name, Member(start, packed, size, method == zipfile.ZIP_STORED, checksum))
        at = start + packed


def pack(session_folder: Path, file: Path) -> None:
    """Write a session's journals into one compressed file, replacing `file` only when all of it is written.

    Raises:
        OSError: the file can't be written.
        RecordingError: the folder holds no run.
    """
    runs = sorted(int(found[1]) for path in session_folder.iterdir() if (found := RUN_NAME.fullmatch(path.name)))
    if not runs:
        raise RecordingError(f"{session_folder} holds no run")
    part = file.with_name(f".sage-tui-{os.getpid()}.part")
    fd = os.open(part, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(fd, "w+b") as out, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as packed:
            marker = session_folder / MARKER
            if marker.is_file() and not marker.is_symlink():
                packed.writestr(_entry(MARKER), marker.read_bytes())
            for run in runs:
                _pack_run(packed, session_folder / f"run-{run}.sagerun")
        part.replace(file)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def _pack_run(packed: zipfile.ZipFile, folder: Path) -> None:
    segments = SegmentFolder(folder)
    for number in segments.numbers():
        size, at = segments.size(number), 0
        with packed.open(_entry(f"{folder.name}/{segment_name(number)}"), "w") as out:
            while at < size and (data := segments.read(number, at, min(_CHUNK, size - at))):
                out.write(data)
                at += len(data)


def _entry(name: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name)
    entry.compress_type = zipfile.ZIP_DEFLATED
    entry.external_attr = 0o600 << 16
    return entry


class Recording:
    """The runs of a recorded session, or of one that another process is still running.

    `damage` is what whoever reads for it finds out, now or later.

    `refresh` finds runs that have begun since; journals are opened when they are asked for. One thread uses it.
    """

    def __init__(
        self,
        path: Path,
        find: Callable[[], dict[int, Segments]],
        live: Callable[[], bool],
        damage: Sequence[str] = (),
    ) -> None:
        self.path = path
        self._find = find
        self._live = live
        self._segments = find()
        self._readers: dict[int, JournalReader] = {}
        self._found_damage = damage
        self._damage: list[str] = []

    @property
    def runs(self) -> tuple[int, ...]:
        """The numbers of the runs that it holds."""
        return tuple(sorted(self._segments))

    def live(self) -> bool:
        """Whether its session still runs."""
        return self._live()

    def refresh(self) -> None:
        """Look for runs that have begun since."""
        for run, segments in self._find().items():
            self._segments.setdefault(run, segments)

    def run(self, number: int) -> JournalReader:
        """The journal of a run.

        Raises:
            JournalError: nothing of it can be read.
        """
        reader = self._readers.get(number)
        if reader is None:
            if number not in self._segments:
                raise JournalError(f"{self.path} holds no run {number}")
            reader = self._readers[number] = JournalReader(self._segments[number])
        return reader

    def forget(self, number: int) -> None:
        """Let go of a run's index; it is made anew when somebody asks."""
        self._readers.pop(number, None)

    def note(self, message: str) -> None:
        """Add to `damage`."""
        if message not in self._damage:
            self._damage.append(message)

    @property
    def damage(self) -> tuple[str, ...]:
        """What could not be read, in sentences; more may turn up while reading."""
        found = [*self._damage, *self._found_damage]
        live = self.live()
        for reader in self._readers.values():
            found += reader.damage
            unfinished = None if live else reader.unfinished()
            if unfinished is not None:
                found.append(unfinished)
        return tuple(dict.fromkeys(found))


def is_recording(path: Path) -> bool:
    """Whether a path looks like something to replay, without reading much of it."""
    if path.is_dir():
        return any(RUN_NAME.fullmatch(found.name) or SEGMENT_NAME.fullmatch(found.name) for found in path.iterdir())
    try:
        with path.open("rb") as file:
            return file.read(4) == b"PK\x03\x04"
    except OSError:
        return False


def _never() -> bool:
    return False


def _session_runs(folder: Path) -> dict[int, Segments]:
    runs: dict[int, Segments] = {}
    for path in folder.iterdir():
        found = RUN_NAME.fullmatch(path.name)
        if found and path.is_dir() and not path.is_symlink():
            segments = SegmentFolder(path)
            if segments.numbers():
                runs[int(found[1])] = segments
    return runs


def open_recording(path: Path) -> Recording:
    """The recording at `path`.

    Raises:
        RecordingError: there is none, or nothing of it can be read; the message says why.
    """
    try:
        if path.is_dir():
            if any(RUN_NAME.fullmatch(found.name) for found in path.iterdir()):
                return _checked(Recording(path, lambda: _session_runs(path), lambda: is_live(path)))
            segments = SegmentFolder(path)
            if not segments.numbers():
                raise RecordingError(f"{path} is neither the folder of a session nor of a run")
            found = RUN_NAME.fullmatch(path.name)
            number = int(found[1]) if found else 1
            return _checked(Recording(path, lambda: {number: segments}, lambda: is_live(path.parent)))
        archive = read_archive(path)
    except OSError as error:
        raise RecordingError(f"{path} can't be read: {error.strerror or error}") from None
    runs: dict[int, Segments] = {run: ArchiveSegments(archive, run) for run in archive.members}
    return _checked(Recording(path, lambda: dict(runs), _never, archive.damage))


def _checked(recording: Recording) -> Recording:
    """The recording, if at least one of its runs can be opened."""
    if not recording.runs and not recording.live():
        raise RecordingError(f"{recording.path} holds no run")
    problems: list[str] = []
    for run in reversed(recording.runs):
        try:
            recording.run(run)
        except JournalError as error:
            problems.append(str(error))
        else:
            for problem in problems:
                recording.note(problem)
            return recording
    if problems and not recording.live():
        raise RecordingError(f"nothing of {recording.path} can be read: {'; '.join(problems)}")
    return recording
