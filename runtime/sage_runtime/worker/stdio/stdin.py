"""`sys.stdin` of a worker whose session asks people for the lines."""

from __future__ import annotations

import io
import threading
from collections import deque

from sage_runtime.events import InputRequested
from sage_runtime.worker.event_bus import EventBus


class AskedInput(io.TextIOBase):
    """A text stream whose lines come from `answer`, each asked for with an `input_requested` event.

    Scripts read on any thread, one at a time; the commands' thread answers.
    """

    mode = "r"
    encoding = "utf-8"
    errors = "strict"
    name = "<stdin>"
    newlines = None

    def __init__(self, bus: EventBus) -> None:
        self._prompt = ""
        self._bus = bus
        self._answers: deque[str | None] = deque()
        self._arrived = threading.Condition()
        self._reading = threading.RLock()
        self._rest = ""
        self._bytes = AskedBytes(self)

    @property
    def buffer(self) -> AskedBytes:
        """The same as bytes."""
        return self._bytes

    def expect(self, prompt: str) -> None:
        """The next line is read by `input(prompt)`."""
        self._prompt = prompt

    def answer(self, line: str | None) -> None:
        """A line that somebody typed, or None for end-of-file."""
        with self._arrived:
            self._answers.append(line)
            self._arrived.notify()

    def readline(self, size: int = -1, /) -> str:  # type: ignore[override]
        """Ask for a line; empty at end-of-file."""
        with self._reading:
            line = self._rest or self._ask()
            if size is None or size < 0 or size >= len(line):
                self._rest = ""
                return line
            self._rest = line[size:]
            return line[:size]

    def read(self, size: int | None = -1, /) -> str:
        """Ask for lines until end-of-file, or until there are `size` characters."""
        with self._reading:
            if size is not None and size >= 0:
                return self.readline(size) if size else ""
            lines = []
            while line := self.readline():
                lines.append(line)
            return "".join(lines)

    def fileno(self) -> int:
        """The descriptor of the process's stdin, where nothing comes."""
        return 0

    def isatty(self) -> bool:
        """Never."""
        return False

    def readable(self) -> bool:
        """Always."""
        return True

    def close(self) -> None:
        """Nothing: there is nothing to close."""

    def _ask(self) -> str:
        prompt, self._prompt = self._prompt, ""
        self._bus.finish_lines()
        self._bus.publish(InputRequested(prompt=prompt))
        with self._arrived:
            while not self._answers:
                self._arrived.wait()
            line = self._answers.popleft()
        return "" if line is None else line.rstrip("\n") + "\n"


class AskedBytes(io.BufferedIOBase):
    """The lines of an `AskedInput` in UTF-8."""

    def __init__(self, text: AskedInput) -> None:
        self._text = text
        self._rest = b""

    def readline(self, size: int | None = -1, /) -> bytes:
        """Ask for a line; empty at end-of-file."""
        data = self._rest or self._text.readline().encode(errors="surrogateescape")
        if size is None or size < 0:
            size = len(data)
        self._rest = data[size:]
        return data[:size]

    def read(self, size: int | None = -1, /) -> bytes:
        """Ask for lines until end-of-file, or return `size` bytes of one at most."""
        if size is not None and size >= 0:
            return self.readline(size) if size else b""
        rest, self._rest = self._rest, b""
        return rest + self._text.read().encode(errors="surrogateescape")

    read1 = read

    def fileno(self) -> int:
        """The descriptor of the process's stdin."""
        return 0

    def readable(self) -> bool:
        """Always."""
        return True

    def close(self) -> None:
        """Nothing: there is nothing to close."""
