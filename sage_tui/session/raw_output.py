"""What native code and child processes write to the worker's descriptors 1 and 2, as `output` events."""

from __future__ import annotations

import codecs
import time
from collections.abc import Callable

from sage_runtime.events import MAX_TEXT, Output

UNFINISHED_AFTER = 0.05
"""Seconds after which an unfinished line is sent."""


class RawOutput:
    """Turns the bytes of one descriptor into output texts without losing one. The reader's thread uses it.

    Whole lines are sent at once, several in one event; a line that isn't finished after `UNFINISHED_AFTER` is sent as
    it is, never in the middle of a UTF-8 sequence. Bytes that aren't UTF-8 become lone surrogates, as everywhere.
    """

    def __init__(
        self, stream: str, emit: Callable[[Output], None], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._stream = stream
        self._emit = emit
        self._clock = clock
        self._decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
        self._rest = ""
        self._since = 0.0

    def feed(self, data: bytes) -> None:
        """Take bytes as they were read."""
        text = self._rest + self._decoder.decode(data)
        end = text.rfind("\n") + 1
        if end:
            self._send_lines(text[:end])
        if len(text) - end > MAX_TEXT:
            end = self._send_pieces(text, end)
        if not self._rest or end:
            self._since = self._clock()
        self._rest = text[end:]

    def wait(self) -> float | None:
        """Seconds until an unfinished line is due; None if there is none."""
        if not self._rest:
            return None
        return max(0.0, self._since + UNFINISHED_AFTER - self._clock())

    def flush_due(self) -> None:
        """Send the unfinished line if it has waited long enough."""
        if self._rest and self._clock() >= self._since + UNFINISHED_AFTER:
            self.flush()

    def flush(self, *, final: bool = False) -> None:
        """Send the unfinished line now; `final`: also bytes that should have become a character."""
        if final:
            self._rest += self._decoder.decode(b"", final=True)
        text, self._rest = self._rest, ""
        if text:
            self._send_pieces(text + "", 0, everything=True)

    def _send_lines(self, text: str) -> None:
        """Send whole lines, as many in one event as fit."""
        start = 0
        while start < len(text):
            stop = len(text)
            if stop - start > MAX_TEXT:
                stop = text.rfind("\n", start, start + MAX_TEXT + 1) + 1
                if stop <= start:
                    start = self._send_pieces(text, start, text.find("\n", start))
                    continue
            self._emit(Output(stream=self._stream, text=text[start : stop - 1], end="\n"))
            start = stop

    def _send_pieces(self, text: str, start: int, stop: int | None = None, *, everything: bool = False) -> int:
        """Send an unfinished line in pieces of `MAX_TEXT`; returns where what was not sent begins."""
        stop = len(text) if stop is None else stop
        while stop - start > MAX_TEXT:
            self._emit(Output(stream=self._stream, text=text[start : start + MAX_TEXT], end=""))
            start += MAX_TEXT
        if everything and start < stop:
            cut = text.rfind("\r", start, stop)
            if cut >= 0:  # a progress bar: what was drawn, then what overwrites it
                self._emit(Output(stream=self._stream, text=text[start:cut], end="\r"))
                start = cut + 1
            if start < stop:
                self._emit(Output(stream=self._stream, text=text[start:stop], end=""))
            start = stop
        return start
