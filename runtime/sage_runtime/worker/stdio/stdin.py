"""`sys.stdin` of a worker whose session asks the user for the lines."""

from __future__ import annotations

import io
import threading
from collections import deque

from sage_runtime.events import InputRequested
from sage_runtime.worker.event_bus import EventBus


class AskedInput(io.BufferedIOBase):
    """The bytes beneath `text`, a stream whose lines come from `answer`, each asked for by `input_requested`.

    Scripts read on any thread, one at a time; the commands' thread answers.
    """

    name = "<stdin>"
    mode = "rb"

    def __init__(self, bus: EventBus) -> None:
        self._bus = bus
        self._prompt = ""
        self._answers: deque[str | None] = deque()
        self._arrived = threading.Condition()
        self._reading = threading.RLock()
        self._rest = b""
        self.text = io.TextIOWrapper(self, "utf-8", "surrogateescape", "\n")
        self.text.mode = "r"  # type: ignore[misc] # as Python has it

    def expect(self, prompt: str) -> None:
        """The next line is read by `input(prompt)`."""
        self._prompt = prompt

    def answer(self, line: str | None) -> None:
        """Take a line that the user typed, or None for end-of-file."""
        with self._arrived:
            self._answers.append(line)
            self._arrived.notify()

    def read1(self, size: int = -1, /) -> bytes:
        """Up to `size` bytes of a line, which is asked for; empty at end-of-file."""
        with self._reading:
            data = self._rest or self._ask()
            if size < 0:
                size = len(data)
            self._rest = data[size:]
            return data[:size]

    def readline(self, size: int | None = -1, /) -> bytes:
        """A line; empty at end-of-file."""
        return self.read1(-1 if size is None else size)

    def read(self, size: int | None = -1, /) -> bytes:
        """Lines until end-of-file, or at most `size` bytes of one."""
        if size is not None and size >= 0:
            return self.read1(size) if size else b""
        return b"".join(iter(self.read1, b""))

    def fileno(self) -> int:
        """The descriptor of the process's stdin, where nothing comes."""
        return 0

    def readable(self) -> bool:
        """Always."""
        return True

    def close(self) -> None:
        """Nothing: there is nothing to close."""

    def _ask(self) -> bytes:
        prompt, self._prompt = self._prompt, ""
        self._bus.finish_lines()
        self._bus.publish(InputRequested(prompt=prompt))
        with self._arrived:
            while not self._answers:
                self._arrived.wait()
            line = self._answers.popleft()
        return b"" if line is None else (line.rstrip("\n") + "\n").encode(errors="surrogateescape")
