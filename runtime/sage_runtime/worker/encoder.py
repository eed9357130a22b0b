"""From what is published to the event pipe's lines: numbering, and output joined and cut into events."""

from __future__ import annotations

from collections import deque
from json import encoder as _json
from typing import Any, NamedTuple

from sage_runtime.events import MAX_TEXT, Event, Notice, encode_stamped

_ERRORS = (TypeError, ValueError, RecursionError, AttributeError)
"""What encoding a user's values may raise."""


class Origin(NamedTuple):
    """Whose output it is: one of these for each source and stream."""

    stream: str
    pipeline: str | None
    source: str | None


class OutputPiece(NamedTuple):
    """A piece of output: whole lines, or the unfinished end of one."""

    t: float
    origin: Origin
    text: str


class Published(NamedTuple):
    """An event and when it was published."""

    t: float
    event: Event


class Encoder:
    """Numbers events and makes their lines. Whoever holds the bus's turn uses it."""

    def __init__(self, run: int) -> None:
        self._run = run
        self.seq = 0
        """The number of the last event."""
        self._flushes = 0
        self._origins: dict[Origin, str] = {}

    def count_flush(self) -> int:
        """A number for a `Flush`."""
        self._flushes += 1
        return self._flushes

    def event(self, item: Published) -> bytes:
        """The next line: an event, or a notice that it can't be sent."""
        self.seq += 1
        event = item.event
        try:
            return encode_stamped(event, run=self._run, t=item.t, worker=0, seq=self.seq)
        except _ERRORS as error:
            notice = Notice(level="error", message=f"a {event.type} event could not be sent: {error}")
            return encode_stamped(notice, run=self._run, t=item.t, worker=0, seq=self.seq)

    def peek(self, item: OutputPiece | Published) -> bytes | None:
        """The line that the next event would have, without counting it; None if it needs more than a line."""
        if type(item) is OutputPiece:
            return None if "\r" in item.text else self._line(item.t, item.origin, item.text, self.seq + 1)
        assert isinstance(item, Published)
        try:
            return encode_stamped(item.event, run=self._run, t=item.t, worker=0, seq=self.seq + 1)
        except _ERRORS:
            return None

    def output(self, first: OutputPiece, queue: deque[Any]) -> bytes:
        """The events of a piece of output and of the pieces of the same origin that follow it in the queue."""
        text, origin = first.text, first.origin
        size = len(text)
        if size < MAX_TEXT and queue:
            texts = [text]
            while size < MAX_TEXT and queue:
                following = queue[0]
                if type(following) is not OutputPiece or following.origin != origin:
                    break
                queue.popleft()
                texts.append(following.text)
                size += len(following.text)
            text = "".join(texts)
        if size <= MAX_TEXT and "\r" not in text:
            self.seq += 1
            return self._line(first.t, origin, text, self.seq)
        parts = cut_text(text)
        begin = self.seq + 1
        self.seq += len(parts)
        return b"".join([self._line(first.t, origin, part, seq) for seq, part in enumerate(parts, begin)])

    def _line(self, t: float, origin: Origin, text: str, seq: int) -> bytes:
        """What `encode` gives for this `Output`, without the detour."""
        end = '""'
        if text.endswith("\n"):
            text, end = text[:-1], r'"\n"'
        elif text.endswith("\r"):
            text, end = text[:-1], r'"\r"'
        named = self._origins.get(origin)
        if named is None:
            fields = (_json_text(part) for part in (origin.pipeline, origin.stream, origin.source))
            named = self._origins[origin] = '"pipeline":{},"stream":{},"source":{}'.format(*fields)
        head = f'{{"type":"output","run":{self._run},"t":{t!r},"worker":0,"seq":{seq},{named},"text":'
        try:
            return f'{head}{_json.encode_basestring(text)},"end":{end}}}\n'.encode()
        except UnicodeEncodeError:  # a lone surrogate stands for an undecodable byte
            return f'{head}{_json.encode_basestring_ascii(text)},"end":{end}}}\n'.encode()


def _json_text(text: str | None) -> str:
    return "null" if text is None else _json.encode_basestring_ascii(text)


def cut_text(text: str) -> list[str]:
    """The text in one part for each event: `MAX_TEXT` at most, and cut around lines that overwrite themselves."""
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
    """The text cut so that the last state of a line that carriage returns overwrite stands alone.

    Of a progress bar's line there are two parts: the states that were overwritten, and the last one. A carriage return
    before a newline overwrites nothing.
    """
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
