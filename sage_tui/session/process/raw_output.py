"""What native code and child processes write to the worker's descriptors 1 and 2, as `output` events."""

from __future__ import annotations

import codecs
import re
import time
from collections.abc import Callable

from sage_runtime.events import MAX_TEXT, Output

UNFINISHED_AFTER = 0.05
"""Seconds after which an unfinished line is sent."""


_RETURN = re.compile(r"\r(?!\n)")
"""Where a line goes back to be overwritten: a progress bar."""


class RawOutput:
    """Turns the bytes of one descriptor into output texts without losing one. The reader's thread uses it.

    Whole lines are sent at once, several in one event, and so is each state of a line that is overwritten; a line that
    isn't finished after `UNFINISHED_AFTER` is sent as it is, never in the middle of a UTF-8 sequence. Bytes that aren't
    UTF-8 become lone surrogates, as everywhere.
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
        cut = max(text.rfind("\n"), text.rfind("\r", 0, len(text) - 1)) + 1  # a last \r may be half of a \r\n
        if len(text) - cut > MAX_TEXT:
            cut = len(text)
        if cut or not self._rest:
            self._since = self._clock()
        self._send(text[:cut])
        self._rest = text[cut:]

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
        self._send(text)

    def _send(self, text: str) -> None:
        start = 0
        for found in _RETURN.finditer(text):
            self._send_block(text[start : found.start()], "\r")
            start = found.end()
        if text.endswith("\n"):
            self._send_block(text[start:-1], "\n")
        elif start < len(text):
            self._send_block(text[start:], "")

    def _send_block(self, text: str, end: str) -> None:
        """Send lines of which the last one ends in `end`; as many in one event as fit."""
        start = 0
        while start < len(text) and (end != "\n" or len(text) - start > MAX_TEXT):
            stop = text.rfind("\n", start, start + MAX_TEXT + 1)
            if stop < 0:
                if len(text) - start <= MAX_TEXT:
                    break
                self._output(text[start : start + MAX_TEXT], "")
                start += MAX_TEXT
            else:
                self._output(text[start:stop], "\n")
                start = stop + 1
        if start < len(text) or end:
            self._output(text[start:], end)

    def _output(self, text: str, end: str) -> None:
        self._emit(Output(stream=self._stream, text=text, end=end))
