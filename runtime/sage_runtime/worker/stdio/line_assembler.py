"""From what one thread writes to one stream to whole lines on the bus, so that lines of two threads are never torn."""

from __future__ import annotations

import threading
from codecs import utf_8_decode
from collections.abc import Callable
from time import monotonic

from sage_runtime.events import MAX_TEXT
from sage_runtime.worker.encoder import Origin
from sage_runtime.worker.event_bus import EventBus
from sage_runtime.worker.interrupt_safe_lock import depth, restore


class LineAssembler:
    """Cuts the text of one thread and stream behind its last line's end and keeps the rest until more comes.

    Its own thread feeds it; any thread may `finish` it. A line ends in a newline, or in a carriage return that no
    newline follows. The lock is never held while somebody waits for room on the bus: whoever feeds lets the bus `carry`
    it afterwards.

    `grows` tells whether its thread is just writing: then it is not for the clock to say that no more comes.
    """

    __slots__ = ("__weakref__", "_bus", "_bytes", "_parts", "_returned", "_size", "began", "grows", "lock", "origin")

    def __init__(self, bus: EventBus, origin: Origin, grows: Callable[[], bool] = lambda: False) -> None:
        self.grows = grows
        self.origin = origin
        self.lock = threading.RLock()  # a signal handler may print while its thread is in here
        self.began: float | None = None
        self._bus = bus
        self._parts: list[str] = []
        self._size = 0
        self._returned = False
        self._bytes = b""

    def feed(self, text: str) -> bool:
        """Take text that the thread wrote: lines that are now whole go to the bus; whether there were any."""
        if not text:
            return False
        held = depth(self.lock)
        try:
            with self.lock:
                return self._take(text)
        except BaseException:
            restore(self.lock, held)
            raise

    def _take(self, text: str) -> bool:
        sent = False
        if self._bytes:
            text = self._decode_rest() + text
        if self._returned:  # what is kept ends in a carriage return: is it an update or half a line's end?
            self._returned = False
            if text[0] != "\n":
                self._send("")
                sent = True
        size = len(text)
        cut = text.rfind("\n") + 1
        if "\r" in text:
            cut = max(cut, text.rfind("\r", 0, size - 1) + 1)
            self._returned = text[-1] == "\r"
        if cut == size:
            self._send(text)
            return True
        if cut:
            self._send(text[:cut])
            text = text[cut:]
        if self.began is None:
            self.began = monotonic()
        self._parts.append(text)
        self._size += len(text)
        if self._size >= MAX_TEXT and not self._returned:
            self._send("")
            return True
        self._bus.await_rest(self)
        return sent or cut > 0

    def feed_bytes(self, data: bytes) -> None:
        """Take encoded text; a character may be cut anywhere, and undecodable bytes become lone surrogates."""
        held = depth(self.lock)
        try:
            with self.lock:
                if self._bytes:
                    data = self._bytes + data
                    self._bytes = b""
                text, used = utf_8_decode(data, "surrogateescape", False)
                self.feed(text)
                if used < len(data):
                    self._bytes = data[used:]
                    if self.began is None:
                        self.began = monotonic()
                        self._bus.await_rest(self)
        except BaseException:
            restore(self.lock, held)
            raise

    def finish(self) -> None:
        """Send what is kept, though no line's end has come."""
        with self.lock:
            text = self._decode_rest()
            self._returned = False
            if text or self._parts:
                self._send(text)
        self._bus.nudge()

    def _decode_rest(self) -> str:
        text = utf_8_decode(self._bytes, "surrogateescape", True)[0]
        self._bytes = b""
        return text

    def _send(self, last: str) -> None:
        if self._parts:
            last = "".join(self._parts) + last
            self._parts = []
            self._size = 0
        self.began = None
        self._bus.put_text(self.origin, last)
