"""From what is published to the lines of the event pipe: output becomes whole lines, events get their numbers."""

from __future__ import annotations

from codecs import utf_8_decode
from collections.abc import Callable
from functools import partial
from json import JSONEncoder
from typing import NamedTuple, Protocol

from sage_runtime.events import MAX_TEXT, Event, Notice, PipeMessage, encode, encode_stamped

_text = JSONEncoder(ensure_ascii=False).encode
_ascii = JSONEncoder().encode

_ERRORS = (TypeError, ValueError, RecursionError, AttributeError)
"""What encoding a user's values may raise."""


class Origin(NamedTuple):
    """The stream that output was written to and the source that wrote it."""

    stream: str
    pipeline: str | None
    source: str | None


class WriterLock(Protocol):
    """A lock that its thread may take several times."""

    def acquire(self) -> bool:
        """Take it."""

    def release(self) -> None:
        """Give it back once."""


class Writer(Protocol):
    """One thread's stream: the thread's ident, and the origin of what it writes now. Any thread calls the methods."""

    thread: int
    origin: Origin

    @property
    def lock(self) -> WriterLock:
        """Held while bytes are fetched, and while others are queued."""

    def is_writing(self) -> bool:
        """Whether its thread is inside a write, be it waiting for the interpreter or for room on the bus."""

    def fetch(self) -> bool:
        """Hand over all that is written; whether there was anything since the last time."""

    def buffer_writes(self) -> None:
        """From now on keep what is written until there is much of it, or until `fetch`."""

    def stop_buffering(self) -> None:
        """Hand over each write again."""


class OutputPiece(NamedTuple):
    """Bytes that one thread wrote: lines, or parts of lines."""

    t: float
    writer: Writer
    origin: Origin
    data: bytes


class Published(NamedTuple):
    """An event and the time at which it was published."""

    t: float
    event: Event


class Unfinished(NamedTuple):
    """The beginning of a line whose end has not been written yet; `since` is when it began."""

    since: float
    writer: Writer
    origin: Origin
    data: bytes


Item = OutputPiece | Published | PipeMessage


class Encoder:
    """Joins pieces of output into lines, and numbers and encodes events. Used by whoever holds the bus's turn.

    A line ends in a newline, or in a carriage return that no newline follows. The unfinished line of a thread is kept
    until its rest comes, the thread writes something else, or it is finished from outside; so lines of two threads are
    never torn.
    """

    def __init__(self, run: int) -> None:
        self.seq = 0
        """The number of the last event."""
        self.unfinished: dict[int, Unfinished] = {}
        """By thread."""
        self.size = 0
        """How many bytes `take` would return at least."""
        self._run = run
        self._lines: list[bytes] = []
        self._joined: list[bytes] = []
        self._joined_size = 0
        self._joined_t = 0.0
        self._joined_origin = Origin("stdout", None, None)
        self._origins: dict[Origin, str] = {}

    # --- one item at a time, without a change until it is written ---

    def prepare(self, item: Item) -> tuple[bytes, tuple[Callable[[], object], ...]]:
        """The bytes that an item adds to the pipe, and the steps that take note of it once they are written."""
        if not isinstance(item, OutputPiece):
            return self._encode(item), (partial(setattr, self, "seq", self.seq + isinstance(item, Published)),)
        ready, rest = self._split(item)
        lines: list[bytes] = []
        for origin, data in ready:
            lines += self._output(item.t, origin, data, self.seq + len(lines) + 1)
        return b"".join(lines), (
            partial(setattr, self, "seq", self.seq + len(lines)),
            self._keep(item.writer.thread, rest),
        )

    # --- many items at a time ---

    def add(self, item: Item) -> None:
        """Encode an item; `take` returns the bytes. Neighbouring output of one origin becomes one event."""
        if isinstance(item, OutputPiece):
            ready, rest = self._split(item)
            self._keep(item.writer.thread, rest)()
            for origin, data in ready:
                self._join(item.t, origin, data)
            return
        self._end_output()
        line = self._encode(item)
        self.seq += isinstance(item, Published)
        self._lines.append(line)
        self.size += len(line)

    def finish(self, t: float, thread: int | None = None) -> None:
        """Send the unfinished line of a thread, or of all threads, as it is."""
        for key in list(self.unfinished) if thread is None else [thread]:
            rest = self.unfinished.pop(key, None)
            if rest is not None:
                self._join(t, rest.origin, rest.data)

    def finish_overdue(self, t: float, before: float) -> None:
        """Send the lines that were begun before a time, unless their threads are just writing."""
        for thread, rest in list(self.unfinished.items()):
            if rest.since <= before and not rest.writer.is_writing():
                self.finish(t, thread)

    def take(self) -> bytes:
        """The lines of all that was added since the last call."""
        self._end_output()
        lines, self._lines, self.size = self._lines, [], 0
        return b"".join(lines)

    # --- how ---

    def _split(self, piece: OutputPiece) -> tuple[list[tuple[Origin, bytes]], Unfinished | None]:
        """What is ready to be sent now that a thread has written a piece, and its unfinished line."""
        ready = []
        origin, data, since = piece.origin, piece.data, piece.t
        before = self.unfinished.get(piece.writer.thread)
        if before is not None and before.origin == origin:
            data, since = before.data + data, before.since
        elif before is not None:
            ready.append((before.origin, before.data))
        cut = max(data.rfind(b"\n"), data.rfind(b"\r", 0, len(data) - 1)) + 1
        if len(data) - cut >= MAX_TEXT:
            cut = len(data) - 3 + utf_8_decode(data[-3:], "surrogateescape", False)[1]  # no character is cut
        if cut:
            ready.append((origin, data[:cut]))
            since = piece.t
        return ready, Unfinished(since, piece.writer, origin, data[cut:]) if cut < len(data) else None

    def _keep(self, thread: int, rest: Unfinished | None) -> Callable[[], object]:
        if rest is None:
            return partial(self.unfinished.pop, thread, None)
        return partial(self.unfinished.__setitem__, thread, rest)

    def _join(self, t: float, origin: Origin, data: bytes) -> None:
        if self._joined_size >= MAX_TEXT or origin != self._joined_origin:
            self._end_output()
        if not self._joined:
            self._joined_t, self._joined_origin = t, origin
        self._joined.append(data)
        self._joined_size += len(data)
        self.size += len(data)

    def _end_output(self) -> None:
        if self._joined:
            lines = self._output(self._joined_t, self._joined_origin, b"".join(self._joined), self.seq + 1)
            self.seq += len(lines)
            self._lines += lines
            self._joined = []
            self._joined_size = 0

    def _encode(self, item: Published | PipeMessage) -> bytes:
        """The line of an event, or of a notice that it can't be sent."""
        if isinstance(item, PipeMessage):
            return encode(item)
        event = item.event
        try:
            return encode_stamped(event, run=self._run, t=item.t, worker=0, seq=self.seq + 1)
        except _ERRORS as error:
            notice = Notice(level="error", message=f"a {event.type} event could not be sent: {error}")
            return encode_stamped(notice, run=self._run, t=item.t, worker=0, seq=self.seq + 1)

    def _output(self, t: float, origin: Origin, data: bytes, seq: int) -> list[bytes]:
        """The events of some output, numbered from `seq`; undecodable bytes become lone surrogates."""
        text = data.decode(errors="surrogateescape")
        parts = [text] if len(text) <= MAX_TEXT and "\r" not in text else cut_text(text)
        return [self._line(t, origin, part, number) for number, part in enumerate(parts, seq)]

    def _line(self, t: float, origin: Origin, text: str, seq: int) -> bytes:
        """What `encode` returns for this `Output`, made faster."""
        end = '""'
        if text.endswith("\n"):
            text, end = text[:-1], r'"\n"'
        elif text.endswith("\r"):
            text, end = text[:-1], r'"\r"'
        named = self._origins.get(origin)
        if named is None:
            fields = map(_ascii, (origin.pipeline, origin.stream, origin.source))
            named = self._origins[origin] = '"pipeline":{},"stream":{},"source":{}'.format(*fields)
        head = f'{{"type":"output","run":{self._run},"t":{t!r},"worker":0,"seq":{seq},{named},"text":'
        try:
            return f'{head}{_text(text)},"end":{end}}}\n'.encode()
        except UnicodeEncodeError:  # lone surrogates
            return f'{head}{_ascii(text)},"end":{end}}}\n'.encode()


def cut_text(text: str) -> list[str]:
    """The texts of the events that a text takes: `MAX_TEXT` at most each, and the last state of a line of its own.

    Of a line that carriage returns overwrite, as a progress bar's, there are two parts: the states that were
    overwritten, and the last one. A carriage return before a newline overwrites nothing.
    """
    parts = []
    for part in _updates(text) if "\r" in text else [text]:
        start = 0
        while len(part) - start > MAX_TEXT:
            stop = start + MAX_TEXT
            cut = part.rfind("\n", start, stop) + 1 or stop
            if part[cut - 1] == "\r":
                cut -= 1
            parts.append(part[start:cut])
            start = cut
        parts.append(part[start:])
    return parts


def _updates(text: str) -> list[str]:
    """The text cut around the overwritten states of its lines."""
    parts = []
    begin = start = 0
    while start < len(text):
        newline = text.find("\n", start)
        stop = newline + 1 if newline >= 0 else len(text)
        end = stop - 1 if newline >= 0 else stop
        if end > start and text[end - 1] == "\r":
            end -= 1
        overwritten = text.rfind("\r", start, end) + 1
        if overwritten:
            if begin < start:
                parts.append(text[begin:start])
            parts.append(text[start:overwritten])
            begin = overwritten
        start = stop
    if begin < len(text):
        parts.append(text[begin:])
    return parts
