"""Text streams that know who writes: `sys.stdout` and `sys.stderr` of a worker.

Each thread has its own end of each stream (`ThreadStream`): a `TextIOWrapper` whose bytes go to the bus with the
thread's source. Usually each write is handed over at once, which takes some microseconds. When a thread prints a flood,
its wrapper buffers the text as it does for a file; the pump, and everybody else who publishes, first fetches what is
buffered, so the order stays exact.

In a forked child, and at the very end of a process, the same streams write to the descriptors 1 and 2.
"""

from __future__ import annotations

import io
import os
import sys
import threading
from collections.abc import Iterable
from functools import partial
from typing import Any

from sage_runtime.attribution import Source, current_source
from sage_runtime.events import MAX_TEXT
from sage_runtime.worker.encoder import Origin
from sage_runtime.worker.event_bus import EventBus, in_one_step
from sage_runtime.worker.faults import file_behind

_DEEPEST = 12
"""How many calls below a write its thread may wait."""


class StreamSettings:
    """What the ends of one stream share; `before` is Python's own stream."""

    def __init__(self, bus: EventBus, name: str, descriptor: int, before: Any) -> None:
        self.bus = bus
        self.name = name
        self.descriptor = descriptor
        encoding = getattr(before, "encoding", None) or "utf-8"
        errors = getattr(before, "errors", None) or ("strict" if descriptor == 1 else "backslashreplace")
        self.format: tuple[str, str, str | None] = (encoding, errors, "\n")
        """The encoding, the handling of characters that it lacks, and what a newline becomes."""
        self.closed = False
        self.raw: io.TextIOWrapper | None = None
        self._file = file_behind(descriptor)

    @property
    def captures(self) -> bool:
        """Whether the stream goes to the bus and its descriptor is still the same pipe."""
        return self.raw is None and not self.closed and self._file == file_behind(self.descriptor)

    def wrap(self, buffer: Any) -> io.TextIOWrapper:
        """A text stream over a stream of bytes."""
        return io.TextIOWrapper(buffer, *self.format)

    def write_to_descriptor(self) -> None:
        """Have all ends write to the descriptor from now on."""
        if self._file is None or self._file != file_behind(self.descriptor):  # the script has closed it
            raw = _Unbuffered(os.devnull, "wb")
        else:
            raw = _Unbuffered(self.descriptor, "wb", closefd=False)
        self.raw = self.wrap(raw)
        self.raw.reconfigure(line_buffering=True)


class _Unbuffered(io.FileIO):
    """A descriptor without a buffer, whose lock a daemon thread could hold for ever when the interpreter ends."""

    def write(self, data: Any) -> int:
        rest = memoryview(data)
        while rest:
            rest = rest[super().write(rest) or 0 :]
        return len(data)


class ThreadStream(io.BufferedIOBase):
    """One thread's end of a stream, and the stream of bytes beneath its wrapper. Its thread writes; see `Writer`."""

    closed = False  # looked at with each write

    def __init__(self, stream: CapturedStream) -> None:
        self.thread = threading.get_ident()
        self.prompting = False
        self.lock = threading.RLock()
        self._fetcher = 0
        self._stream = stream
        self._settings = settings = stream.settings
        self.origin = Origin(settings.name, *current_source())
        self._bus = settings.bus
        self._format = settings.format
        self.wrapper = settings.wrap(self)
        self._names: dict[str, Any] = {}
        self._pieces = self._fetched = 0

    # --- its thread ---

    def write_text(self, text: str) -> int:
        """Write text, as `io.TextIOBase.write`: raises `UnicodeEncodeError` for what the encoding lacks."""
        settings = self._settings
        if settings.raw is not None:
            return settings.raw.write(text)
        if settings.closed:
            raise ValueError("I/O operation on closed file.")
        if self._format != settings.format:
            self.reconfigure(*settings.format)
        written = self.wrapper.write(text)
        self.wrapper.flush()
        return written

    def write_bytes(self, data: bytes) -> None:
        """Write to the stream's `buffer`."""
        raw = self._settings.raw
        if raw is not None:
            raw.flush()
            raw.buffer.write(data)
        else:
            self.write_text("")
            self.write(data)

    def flush_text(self) -> None:
        """Hand over what is written; an unfinished line still waits for its rest, unless it is a prompt."""
        if self._settings.raw is not None:
            self._settings.raw.flush()
            return
        self.wrapper.flush()
        if self.prompting:
            self.prompting = False
            self._bus.finish_lines(self.thread)

    def reconfigure(self, encoding: str | None, errors: str | None, newline: Any = ...) -> None:
        """Change how text is encoded, for the other threads' ends as well."""
        wrapper, settings = self.wrapper, self._settings
        newline = settings.format[2] if newline is ... else newline
        wrapper.reconfigure(encoding=encoding, errors=errors, newline=newline)
        self._format = settings.format = (wrapper.encoding, wrapper.errors or "strict", newline)

    def set_source(self, source: Source) -> None:
        """What its thread writes from now on belongs to `source`."""
        self.wrapper.flush()
        self.origin = Origin(self._settings.name, *source)

    # --- the bus ---

    def is_writing(self) -> bool:
        """Whether its thread is inside a write: `print` writes a line and its end one after the other."""
        frame = sys._current_frames().get(self.thread)
        for _ in range(_DEEPEST):
            if frame is None or frame.f_code.co_filename == __file__:
                break
            frame = frame.f_back
        return frame is not None and frame.f_code.co_filename == __file__

    def fetch(self) -> bool:
        """Hand over all that is written; whether there was anything since the last time."""
        me = threading.get_ident()
        if self._fetcher != me:  # else a signal handler prints while its thread is in here
            try:
                in_one_step(self.lock.acquire, partial(setattr, self, "_fetcher", me))
                self.wrapper.flush()
            finally:
                if self._fetcher == me:  # no call before the release, for a handler could run there
                    self._fetcher = 0
                    self.lock.release()
        before, self._fetched = self._fetched, self._pieces
        return self._pieces != before

    def buffer_writes(self) -> None:
        """From now on its thread, which calls this, writes straight into the wrapper."""
        self._names = self._stream.__dict__
        if self._settings.raw is None and self._names.get("write") == self.write_text:
            self._names["write"] = self.wrapper.write

    def stop_buffering(self) -> None:
        """Each write is handed over again."""
        if self._names.get("write") == self.wrapper.write:
            self._names["write"] = self.write_text

    # --- the wrapper ---

    def write(self, data: Any) -> int:
        """Take bytes from the wrapper, on the thread that flushes it."""
        self._pieces += 1
        self._bus.put_output(self, data, fetched=self._fetcher == threading.get_ident())
        return len(data)

    def flush(self) -> None:
        """Nothing: nothing is kept here."""

    close = flush

    def writable(self) -> bool:
        """Always."""
        return True


_AS_THE_WRAPPER = (
    *("isatty", "read", "readable", "readline", "seek", "seekable", "tell", "truncate", "writable"),
    *("line_buffering", "newlines", "write_through", "_CHUNK_SIZE"),
)


class CapturedStream(threading.local):
    """`sys.stdout` or `sys.stderr`: `io.TextIOWrapper`'s interface; `end` and `write` are the calling thread's own."""

    mode = "w"

    def __init__(self, settings: StreamSettings) -> None:
        self.settings = settings
        self.name = f"<{settings.name}>"
        self.end = ThreadStream(self)
        self.write = self.end.write_text
        for name in _AS_THE_WRAPPER:  # `__getattr__` would slow down each look-up of `write`
            setattr(self, name, getattr(self.end.wrapper, name))

    @property
    def buffer(self) -> CapturedBuffer:
        """The stream of bytes beneath."""
        return CapturedBuffer(self)

    @property
    def encoding(self) -> str:
        """The encoding that Python chose, or the script, on whatever thread."""
        return self.settings.format[0]

    @property
    def errors(self) -> str:
        """What happens to characters that the encoding lacks."""
        return self.settings.format[1]

    @property
    def closed(self) -> bool:
        """Whether the script has closed it."""
        return self.settings.closed

    def reconfigure(
        self, *, encoding: str | None = None, errors: str | None = None, newline: Any = ..., **options: Any
    ) -> None:
        """As `io.TextIOWrapper.reconfigure`; other threads' ends follow with their next write."""
        self.end.reconfigure(encoding, errors, newline)
        self.end.wrapper.reconfigure(**options)
        self.line_buffering = self.end.wrapper.line_buffering

    def flush(self) -> None:
        """Hand over what is written."""
        if not self.settings.closed:
            self.end.flush_text()

    def writelines(self, lines: Iterable[str]) -> None:
        """Write one after the other."""
        for line in lines:
            self.write(line)

    def close(self) -> None:
        """What is written from now on raises, as with Python's own."""
        self.flush()
        self.settings.closed = True
        self.write = self.end.write_text

    def release(self) -> None:
        """From now on the stream writes to its descriptor."""
        self.settings.write_to_descriptor()
        self.write = self.end.write_text

    def detach(self) -> CapturedBuffer:
        """The stream of bytes beneath."""
        self.flush()
        return self.buffer

    def fileno(self) -> int:
        """The descriptor that a child process inherits as this stream."""
        return self.settings.descriptor

    def __enter__(self) -> CapturedStream:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<_io.TextIOWrapper name='{self.name}' mode='w' encoding='{self.encoding}'>"


io.TextIOBase.register(CapturedStream)


class CapturedBuffer(io.BufferedIOBase):
    """The bytes beneath a captured stream: `sys.stdout.buffer`. Closing it does nothing."""

    mode = "wb"

    def __init__(self, stream: CapturedStream) -> None:
        self._stream = stream
        self.name = stream.name

    @property
    def raw(self) -> CapturedBuffer:
        """Itself: nothing is buffered here."""
        return self

    def write(self, data: Any) -> int:
        """Write bytes, in order with the text."""
        if isinstance(data, str):
            raise TypeError("a bytes-like object is required, not 'str'")
        content = bytes(memoryview(data))
        for start in range(0, len(content), MAX_TEXT):
            self._stream.end.write_bytes(content[start : start + MAX_TEXT])
        return len(content)

    def flush(self) -> None:
        """Hand over what is written."""
        self._stream.flush()

    def close(self) -> None:
        """Nothing: the descriptor stays open."""

    def fileno(self) -> int:
        """The stream's descriptor."""
        return self._stream.fileno()

    def writable(self) -> bool:
        """Always."""
        return True
