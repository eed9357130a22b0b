"""Writing to a standard stream's descriptor as a script would: at once, waiting where the reader is slow."""

from __future__ import annotations

import contextlib
import os
import select
import threading

_CHUNK = 4096
"""Bytes a write; a pipe that reports room takes this many without blocking (POSIX's PIPE_BUF on Linux)."""


class OutputClosedError(Exception):
    """The other end of the descriptor has gone, or nothing can be written to it; `reason` is the `OSError`."""

    def __init__(self, reason: OSError) -> None:
        super().__init__(reason.strerror)
        self.reason = reason


class OutputAbandonedError(Exception):
    """`abandon` or `close` was called: what is not yet written is dropped."""


class DescriptorWriter:
    """Writes bytes to one descriptor, all of them, in order.

    One thread calls `write`; any thread may call `abandon` and `close`. The descriptor itself stays open.
    """

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._woken, self._wake = os.pipe()
        self._writing = threading.Lock()
        self._closed = False

    def __enter__(self) -> DescriptorWriter:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def write(self, data: bytes) -> None:
        """Write `data` and return when the descriptor has taken it; while its reader is slow this waits.

        Raises:
            OutputClosedError: the descriptor takes no more.
            OutputAbandonedError: `abandon` was called before everything was written.
        """
        with self._writing:
            if self._closed:
                raise OutputAbandonedError
            rest = memoryview(data)
            try:
                while rest:
                    woken, _, _ = select.select([self._woken], [self._fd], [])
                    if woken:
                        raise OutputAbandonedError
                    with contextlib.suppress(BlockingIOError):
                        rest = rest[os.write(self._fd, rest[:_CHUNK]) :]
            except OSError as error:
                raise OutputClosedError(error) from None

    def abandon(self) -> None:
        """Make a `write` that waits, and every later one, raise `OutputAbandonedError`."""
        os.write(self._wake, b"x")

    def close(self) -> None:
        """Abandon, and let go of what a `write` waits with. Called once, after the last `abandon`."""
        self.abandon()
        with self._writing:
            self._closed = True
            os.close(self._woken)
            os.close(self._wake)
