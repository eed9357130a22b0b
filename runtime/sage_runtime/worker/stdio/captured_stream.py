"""Text streams that know who writes: `sys.stdout` and `sys.stderr` of a worker.

Each thread has its own end of each stream (`ThreadStream`), with its own unfinished line and its own source. In a
forked child, and at the very end of a process, the same streams write to the descriptors 1 and 2.
"""

from __future__ import annotations

import io
import os
import sys
import threading
from collections.abc import Iterable
from typing import Any

from sage_runtime.events import MAX_TEXT
from sage_runtime.worker.event_bus import EventBus
from sage_runtime.worker.stdio.thread_stream import StreamSettings, ThreadStream


class Streams:
    """Both streams of a process and what their ends share. The main thread makes and releases them."""

    def __init__(self, bus: EventBus) -> None:
        self.bus = bus
        self.pid = os.getpid()
        self.lock = threading.RLock()
        self.last: ThreadStream | None = None
        self.stdout = CapturedStream(StreamSettings(self, "stdout", 1, sys.stdout))
        self.stderr = CapturedStream(StreamSettings(self, "stderr", 2, sys.stderr))

    def leave_source(self) -> None:
        """This thread is about to work for somebody else: what it has written belongs to its source so far."""
        self.stdout.end.leave_source()
        self.stderr.end.leave_source()

    def finish_own(self) -> None:
        """Send the unfinished lines of this thread as they are."""
        self.stdout.end.finish()
        self.stderr.end.finish()

    def write_whole_again(self) -> None:
        """Nobody's text is deferred from now on."""
        deferred = self.bus.deferred
        if deferred is not None:
            deferred.retire()

    def release(self) -> None:
        """From now on the streams write to the descriptors: the bus is about to close, or this is a forked child."""
        self.write_whole_again()
        for stream in (self.stdout, self.stderr):
            stream.settings.write_to_descriptor()
            stream.end.catch_up()


class CapturedStream(threading.local):
    """`sys.stdout` or `sys.stderr`: `io.TextIOWrapper`'s interface; `end` and `write` are the calling thread's own."""

    def __init__(self, settings: StreamSettings) -> None:
        self.settings = settings
        self.end = ThreadStream(self, settings)
        self.write = self.end.write

    mode = "w"
    newlines = None
    write_through = False
    _CHUNK_SIZE = 8192

    @property
    def buffer(self) -> CapturedBuffer:
        """The stream of bytes beneath."""
        return CapturedBuffer(self)

    @property
    def name(self) -> str:
        """As Python's own."""
        return f"<{self.settings.name}>"

    @property
    def encoding(self) -> str:
        """The encoding that Python chose, or the script."""
        return self.settings.encoding

    @property
    def errors(self) -> str:
        """What happens to characters that the encoding doesn't have."""
        return self.settings.errors

    @property
    def line_buffering(self) -> bool:
        """As the script has set it; lines are never held back anyway."""
        return self.settings.line_buffering

    @property
    def closed(self) -> bool:
        """Whether the script has closed it."""
        return self.settings.closed

    def reconfigure(
        self,
        *,
        encoding: str | None = None,
        errors: str | None = None,
        newline: Any = ...,
        line_buffering: bool | None = None,
        write_through: bool | None = None,
    ) -> None:
        """As `io.TextIOWrapper.reconfigure`; the other threads' ends follow when they next write."""
        settings = self.settings
        if encoding is not None:
            "".encode(encoding)
            settings.encoding = encoding
            settings.errors = errors or "strict"
        elif errors is not None:
            settings.errors = errors
        if newline is not ...:
            settings.newline = newline
        if line_buffering is not None:
            settings.line_buffering = line_buffering
        self.end.reconfigure()
        self.write = self.end.write

    def flush(self) -> None:
        """Hand over what is written."""
        if not self.settings.closed:
            self.end.flush()

    def writelines(self, lines: Iterable[str]) -> None:
        """Write one after the other."""
        for line in lines:
            self.write(line)

    def close(self) -> None:
        """What is written from now on raises, as with Python's own."""
        self.flush()
        self.end.reconfigure()
        self.write = self.end.write
        self.settings.closed = True

    def detach(self) -> CapturedBuffer:
        """The stream of bytes beneath."""
        self.flush()
        return self.buffer

    def fileno(self) -> int:
        """The descriptor that a child process inherits as this stream."""
        return self.settings.descriptor

    def isatty(self) -> bool:
        """Never: what reads it is the session."""
        return False

    def writable(self) -> bool:
        """Always."""
        return True

    def readable(self) -> bool:
        """Never."""
        return False

    def seekable(self) -> bool:
        """Never."""
        return False

    def read(self, size: int = -1) -> str:
        """Raises, as Python's own."""
        raise io.UnsupportedOperation("not readable")

    readline = read

    def seek(self, offset: int, whence: int = 0) -> int:
        """Raises, as Python's own."""
        raise io.UnsupportedOperation("underlying stream is not seekable")

    def tell(self) -> int:
        """Raises, as Python's own."""
        raise io.UnsupportedOperation("underlying stream is not seekable")

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

    def isatty(self) -> bool:
        """Never."""
        return False

    def writable(self) -> bool:
        """Always."""
        return True
