"""One thread's end of `sys.stdout` or `sys.stderr` in a worker: its unfinished line, its source, its way to the bus.

Usually every write goes to the bus by itself, which takes some microseconds. A thread that prints a flood, and is alone
in that, writes straight into a `TextIOWrapper` of its own, as a program that prints into a file does; the pump and
everybody else who publishes fetch from there first what was written (`EventBus.deferred`), so the order stays exact.
"""

from __future__ import annotations

import io
import os
import sys
import threading
from functools import partial
from typing import TYPE_CHECKING, Any

from sage_runtime.attribution import current_source
from sage_runtime.worker.encoder import Origin
from sage_runtime.worker.faults import file_behind
from sage_runtime.worker.stdio.line_assembler import LineAssembler

if TYPE_CHECKING:
    from sage_runtime.worker.stdio.captured_stream import CapturedStream, Streams

_STREAK = 32
"""After so many writes in a row a thread's text is deferred, if there is too much for writing it through."""


class StreamSettings:
    """What the ends of one stream share."""

    def __init__(self, streams: Streams, name: str, descriptor: int, before: Any) -> None:
        self.streams = streams
        self.name = name
        self.descriptor = descriptor
        self.encoding: str = getattr(before, "encoding", None) or "utf-8"
        self.errors: str = getattr(before, "errors", None) or ("strict" if descriptor == 1 else "backslashreplace")
        self.newline: str | None = "\n"
        self.line_buffering = False
        self.closed = False
        self.raw: io.TextIOWrapper | None = None
        self._file = file_behind(descriptor)

    @property
    def direct(self) -> bool:
        """Whether text is its own encoding, as far as the bus is concerned."""
        return self.encoding.lower() in ("utf-8", "utf8") and self.newline in ("\n", "")

    @property
    def captures(self) -> bool:
        """Whether the stream goes to the bus, and its descriptor is the pipe that it was."""
        return self.raw is None and not self.closed and self._file == file_behind(self.descriptor)

    def wrap(self, buffer: Any) -> io.TextIOWrapper:
        return io.TextIOWrapper(buffer, self.encoding, self.errors, self.newline)

    def write_to_descriptor(self) -> None:
        if self._file is None or self._file != file_behind(self.descriptor):  # the script has closed it
            raw = _Unbuffered(os.devnull, "wb")
        else:
            raw = _Unbuffered(self.descriptor, "wb", closefd=False)
        self.raw = self.wrap(raw)
        self.raw.reconfigure(line_buffering=True)


class _Unbuffered(io.FileIO):
    """A descriptor without a buffer: its lock would be held for ever by a thread that Python's end meets in a write."""

    def write(self, data: Any) -> int:
        rest = memoryview(data)
        while rest:
            rest = rest[super().write(rest) or 0 :]
        return len(data)


class _Sink:
    """What the wrapper of an end writes to. Its thread writes, or whoever settles the end, holding its lines' lock."""

    closed = False

    def __init__(self, lines: LineAssembler, streams: Streams) -> None:
        self.fed = 0
        self._lines = lines
        self._bus = streams.bus
        self._pid = streams.pid
        self._thread = threading.get_ident()

    def write(self, data: bytes) -> int:
        if os.getpid() == self._pid:  # in a forked child it was the parent's to write
            self.fed += 1
            self._lines.feed_bytes(data)
            if threading.get_ident() == self._thread:
                self._bus.carry(len(data))
            else:
                self._bus.nudge()
        return len(data)

    def writable(self) -> bool:
        return True

    def readable(self) -> bool:
        return False

    def seekable(self) -> bool:
        return False

    def flush(self) -> None:
        pass

    def close(self) -> None:
        pass


class ThreadStream:
    """One thread's end of a stream. Its thread writes; the pump and other publishers call `settle` and `retire`."""

    def __init__(self, stream: CapturedStream, settings: StreamSettings) -> None:
        streams = settings.streams
        self.prompting = False
        self._settings = settings
        self._streams = streams
        self._bus = streams.bus
        grows = partial(_is_writing, threading.get_ident())
        self._lines = LineAssembler(streams.bus, Origin(settings.name, *current_source()), grows)
        self._sink = _Sink(self._lines, streams)
        self._wrapper = settings.wrap(self._sink)
        self._direct = settings.direct
        self._has_deferred = False
        self._stale = False
        self._streak = 0
        self._seen = 0
        self._names: dict[str, Any] | None = None

    def write(self, text: str) -> int:
        """Write text, as `io.TextIOBase.write`: raises `UnicodeEncodeError` for what the encoding doesn't have."""
        settings = self._settings
        if settings.raw is not None:
            return settings.raw.write(text)
        if settings.closed:
            raise ValueError("I/O operation on closed file.")
        if self._streams.last is not self:
            self._take_over()
        else:
            self._streak += 1
            if self._streak >= _STREAK and self._bus.flooded:
                self._defer()
        if self._stale:
            self._stale = False
            self._lines.origin = Origin(settings.name, *current_source())
        if self._direct and type(text) is str and _is_text(text):
            if self._lines.feed(text):
                self._bus.carry(len(text))
            return len(text)
        written = self._wrapper.write(text)
        self._wrapper.flush()
        return written

    def write_bytes(self, data: bytes) -> None:
        """What is written to the stream's `buffer`."""
        if self._settings.raw is not None:
            self._settings.raw.flush()
            self._settings.raw.buffer.write(data)
            self._settings.raw.buffer.flush()
            return
        self.write("")
        self._wrapper.flush()
        self._sink.write(data)

    def flush(self) -> None:
        """Hand over what is written; an unfinished line still waits for its rest, unless it is a prompt."""
        if self._settings.raw is not None:
            self._settings.raw.flush()
            return
        self._wrapper.flush()
        if self.prompting:
            self.prompting = False
            self._lines.finish()

    def reconfigure(self) -> None:
        """The stream's settings have changed."""
        self._stop_deferring()
        self._wrapper = self._settings.wrap(self._sink)
        self._direct = self._settings.direct and not self._has_deferred

    def leave_source(self) -> None:
        """What was written so far belongs to the source that this thread has had until now."""
        if self._settings.raw is None:
            self._stop_deferring()
            self._lines.finish()
            self._stale = True

    def finish(self) -> None:
        """Send what its thread has written, though no line's end has come."""
        if self._has_deferred:
            self._wrapper.flush()
        if self._lines.began is not None:
            self._lines.finish()

    def catch_up(self) -> None:
        """After the settings turned to the descriptor: so does this thread's way to write."""
        if self._names is not None:
            self._names["write"] = self.write

    # --- deferred writing ---

    def settle(self) -> bool:
        """Hand over what its thread has written so far; whether there was anything since the last time."""
        with self._lines.lock:  # nothing written later may overtake it
            self._wrapper.flush()
        moved = self._sink.fed != self._seen
        self._seen = self._sink.fed
        return moved

    def retire(self) -> None:
        """Write by write again."""
        streams = self._streams
        with streams.lock:
            if self._bus.deferred is self:
                self._bus.deferred = None
                if self._names is not None:
                    self._names["write"] = self.write
                    self._names = None
                self._streak = 0
        self.settle()

    def _stop_deferring(self) -> None:
        if self._bus.deferred is self:
            self.retire()
        elif self._has_deferred:
            self._wrapper.flush()

    def _take_over(self) -> None:
        """Another end wrote last: first comes what it wrote."""
        self._streams.last = self
        self._streak = 0
        deferred = self._bus.deferred
        if deferred is not None and deferred is not self:
            deferred.retire()
        streams = self._streams
        other = streams.stderr if self._settings.name == "stdout" else streams.stdout
        other.end.finish()

    def _defer(self) -> None:
        """From now on this thread writes straight into its wrapper, until `retire`."""
        self._streak = 0
        settings = self._settings
        names = (self._streams.stdout if settings.name == "stdout" else self._streams.stderr).__dict__
        with self._streams.lock:
            if self._bus.deferred is None and not self._stale and names.get("write") == self.write:
                self._has_deferred = True
                self._direct = False  # the wrapper may hold text that must come first
                self._names = names
                self._bus.defer(self)
                names["write"] = self._wrapper.write


_WRITING = frozenset(method.__code__ for method in (ThreadStream.write, ThreadStream.write_bytes, _Sink.write))
_DEEPEST = 12
"""So many calls below a write its thread may wait for the interpreter, or for room on the bus."""


def _is_writing(thread: int) -> bool:
    """Whether a thread has not come back from a write yet: `print` writes a line and its end one after the other."""
    frame = sys._current_frames().get(thread)
    for _ in range(_DEEPEST):
        if frame is None or frame.f_code in _WRITING:
            break
        frame = frame.f_back
    else:
        return False
    return frame is not None


def _is_text(text: str) -> bool:
    """Whether text can be encoded: it holds no lone surrogate."""
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
