"""What goes to the terminal: written by a thread of its own, and thrown away where it would hold up the end."""

from __future__ import annotations

import os
import select
import termios
import threading
import time
from typing import TextIO

from textual.drivers._writer_thread import WriterThread

PIECE = 4096
"""Bytes that are written in one go: between two it is looked whether the rest is still wanted."""

SLOW = 0.25
"""Seconds after which a terminal that has not taken a piece is slow."""

LATELY = 30.0
"""A terminal that was slow so many seconds ago may still have most of it before it."""

GRACE = 0.3
"""Seconds that a terminal has, when we leave it, to take the rest."""

PATIENCE = 1.0
"""Seconds after which a terminal that takes nothing at all is given up."""


class TerminalOutput(WriterThread):
    """Textual's thread that writes, without its two waits: for room in a queue of thirty, and for the end of all.

    The dashboard's loop never waits for the terminal: how much is drawn is up to whoever draws (`feed.py`).
    """

    def __init__(self, file: TextIO) -> None:
        super().__init__(file)
        self._encoding, self._errors = file.encoding, file.errors or "replace"
        self._changed = threading.Condition()
        self._texts: list[str] = []
        self._busy = False
        self._ended = False
        self._dropped = 0
        self._gone = False
        self._slow_at = float("-inf")

    def write(self, text: str) -> None:
        """Have a text written; on any thread."""
        with self._changed:
            if not self._gone:
                self._texts.append(text)
                self._changed.notify_all()

    def run(self) -> None:
        while True:
            with self._changed:
                self._busy = False
                self._changed.notify_all()
                self._changed.wait_for(lambda: self._texts or self._ended)
                if not self._texts:
                    return
                text = "".join(self._texts)
                self._texts.clear()
                self._busy, dropped = True, self._dropped
            self._put(text.encode(self._encoding, self._errors), dropped)

    def _put(self, data: bytes, dropped: int) -> None:
        """Write it, until all is dropped once more than it had been."""
        terminal, began = self.fileno(), time.monotonic()
        while data and self._dropped == dropped:
            try:
                data = data[os.write(terminal, data[:PIECE]) :]
            except BlockingIOError:  # somebody has it so, with whom we share it
                select.select([], [terminal], [], SLOW)
                continue
            except OSError:  # hung up
                self._gone = True
                return
            now = time.monotonic()
            if now - began > SLOW:
                self._slow_at = now
            began = now

    def finish(self) -> bool:
        """Come to an end with what is to be written; whether it was thrown away.

        It is if the terminal doesn't take it in a moment, or was slow lately: then a screenful lies before it that it
        has not yet read, and that nobody wants to see any more.
        """
        with self._changed:
            written = self._changed.wait_for(self._idle, GRACE)
            if self._gone or (written and time.monotonic() - self._slow_at > LATELY):
                return False
            self._texts.clear()
            self._dropped += 1
        deadline = time.monotonic() + PATIENCE
        idle = False
        while not idle and time.monotonic() < deadline:
            self._flush()  # makes room for the piece that is being written
            with self._changed:
                idle = self._changed.wait_for(self._idle, SLOW / 10)
        self._flush()
        return True

    def _flush(self) -> None:
        try:
            termios.tcflush(self.fileno(), termios.TCOFLUSH)
        except termios.error:
            return

    def _idle(self) -> bool:
        return not (self._texts or self._busy)

    def stop(self) -> None:
        """Write what is left, and end; a terminal that takes nothing is not waited for."""
        with self._changed:
            self._ended = True
            self._changed.notify_all()
        self.join(PATIENCE)
