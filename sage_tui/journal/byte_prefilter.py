"""Finds the wanted lines of a journal in its bytes; only what the bytes can't decide is decoded."""

from __future__ import annotations

import re
from collections.abc import Sequence
from json import JSONDecoder

from sage_runtime.events import Event, EventError, decode
from sage_tui.journal.lines import LONGEST, Line, LineQuery, lines_of
from sage_tui.journal.segments import Block

SIFTED = {"output": b',"text":"', "log": b',"message":"'}
"""The channels that can be prefiltered, each with what stands before a text. A quote within a text has a backslash
before it, so this stands nowhere else, and what precedes it (but for the numbers in front) tells the event's source."""

_KINDS = {"output": b'"stream":', "log": b'"level":'}

_FINISHED = b'","end":"\\n"}'

_STRANGE = re.compile(rb"\\(?:u(?!00[01])|/)")
"""Escapes of characters that our encoder writes as they are, but beside a lone surrogate."""

_HEADERS_KEPT = 1024

_scan = JSONDecoder().raw_decode


class BytePrefilter:
    """Looks through the bytes of one channel's blocks. One thread uses it.

    Args:
        channel: one of `SIFTED`.
        wanted: which lines.
    """

    def __init__(self, channel: str, wanted: LineQuery) -> None:
        self._wanted = wanted
        self._prefix = f'{{"type":"{channel}"'.encode()
        self._mark = SIFTED[channel]
        self._kind = _KINDS[channel]
        self._single = channel != "output"
        self._fold = any(needle.fold for needle in wanted.needles)
        self._told = not wanted.unseen and all(needle.whole for needle in wanted.needles)
        """Whether the needles in a text without a backslash are all there is to be found."""
        self._needles = wanted.needles
        self._searches = [pattern.search for pattern in wanted.patterns]
        self._headers: dict[bytes, bool] = {}
        self._last: tuple[bytes, bool] = b"", False

    def pick(self, data: bytes, blocks: Sequence[Block]) -> list[int]:
        """The numbers of the wanted lines in blocks that follow one another; `data` begins and ends with them."""
        found: list[int] = []
        if not blocks:
            return found
        base = blocks[0].offset
        folded = data.lower() if self._fold else data
        if self._may_hold(data, folded, 0, len(data)):
            for block in blocks:
                start, end = block.offset - base, block.end - base
                if self._may_hold(data, folded, start, end):
                    found += self._in_block(data[start:end], folded[start:end], block)
        return found

    def _may_hold(self, data: bytes, folded: bytes, start: int, end: int) -> bool:
        for needle in self._wanted.needles:
            raw = folded if needle.fold else data
            if raw.find(needle.raw, start, end) < 0 and not any(data.find(odd, start, end) >= 0 for odd in needle.odd):
                return _STRANGE.search(data, start, end) is not None
        return True

    def _in_block(self, data: bytes, folded: bytes, block: Block) -> list[int]:
        rows = data.split(b"\n")
        lows = folded.split(b"\n") if self._fold else rows
        prefix = self._prefix
        events = [(raw, low) for raw, low in zip(rows, lows, strict=True) if raw.startswith(prefix)]
        if len(events) == block.lines:
            is_wanted = self._is_wanted
            return [number for number, (raw, low) in enumerate(events, block.first) if is_wanted(raw, low)]
        found: list[int] = []
        number = block.first
        for raw, low in events:
            places, lines = self._of_many(raw, low)
            found += [number + place for place in places]
            number += lines
        return found

    def _is_wanted(self, raw: bytes, low: bytes) -> bool:
        """Whether the only line of an event is wanted."""
        at = raw.find(self._mark)
        begin = at + len(self._mark)
        end = raw.find(b'"', begin)
        if at < 0 or raw.find(b"\\", begin, end) >= 0:
            return self._may_hold(raw, low, 0, len(raw)) and 0 in self._of_many(raw, low)[0]
        told = self._told and end - begin < LONGEST
        for raw_needle, fold, odd, _ in self._needles:
            if (low if fold else raw).find(raw_needle, begin, end) < 0:
                if not any(raw.find(other, begin, end) >= 0 for other in odd):
                    return False
                told = False
        if not told:
            text = raw[begin:end].decode(errors="replace")
            for search in self._searches:
                if search(text, 0, LONGEST) is None:
                    return False
        if not self._single and not raw.endswith(_FINISHED):
            return 0 in self._decoded(raw)[0]
        return self._admits(raw, at)

    def _of_many(self, raw: bytes, low: bytes) -> tuple[list[int], int]:
        """Which lines of an event are wanted, counted from 0, and how many it has."""
        at = raw.find(self._mark)
        if at < 0 or not (self._single or raw.endswith(_FINISHED)):
            return self._decoded(raw)
        try:
            text = _scan(raw[at + len(self._mark) - 1 :].decode())[0]
        except ValueError:
            return [], 0
        texts = [text] if self._single else text.split("\n")
        held = self._may_hold(raw, low, 0, len(raw)) and self._admits(raw, at)
        return self._wanted.among(texts) if held else [], len(texts)

    def _admits(self, raw: bytes, mark: int) -> bool:
        """Whether the event meets the conditions; asked once for all events of the same source and kind."""
        if not self._wanted.conditions:
            return True
        last, answer = self._last
        if last and raw.startswith(last, mark - len(last)):
            return answer
        header = raw[raw.find(b",", raw.find(b',"seq":') + 1) : mark]
        known = self._headers.get(header)
        if known is None:
            lines = _lines(raw)
            known = bool(lines) and self._wanted.admits(lines[0])
            if not (header.startswith(b',"pipeline":') and self._kind in header and b',"source":' in header):
                return known
            if len(self._headers) >= _HEADERS_KEPT:
                self._headers.clear()
            self._headers[header] = known
        self._last = header, known
        return known

    def _decoded(self, raw: bytes) -> tuple[list[int], int]:
        lines = _lines(raw)
        return self._wanted.pick(lines), len(lines)


def _lines(raw: bytes) -> list[Line]:
    """The lines of an event; none of one that is damaged."""
    try:
        event = decode(raw)
    except EventError:
        return []
    return lines_of(event, 0) if isinstance(event, Event) else []
