"""What a session writes to stdout and stderr: the script's own bytes, or JSON lines."""

from __future__ import annotations

import contextlib
import os
import select
import threading

from sage_runtime.events import Event, Notice, Output, ReloadFailed, RunStarted

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


def script_bytes(event: Output) -> bytes:
    """The bytes that were printed: undecodable ones come back as they were."""
    text = event.text + event.end
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:  # surrogates that stand for no byte: as Python shows them on stderr
        return text.encode("utf-8", "backslashreplace")


class PlainSink:
    """A session's listener that writes the script's output; called on the session's reader thread.

    Of warnings it says a line on stderr, and of reloads, which only happen where files are watched.
    """

    def __init__(self, stdout: DescriptorWriter, stderr: DescriptorWriter) -> None:
        self._stdout = stdout
        self._stderr = stderr

    def __call__(self, line: bytes, event: Event) -> None:
        """Write what the event holds of the script's output.

        Raises:
            OutputClosedError: stdout takes no more.
            OutputAbandonedError: the writers were told to stop.
        """
        match event:
            case Output(stream="stderr"):
                self._say(script_bytes(event))
            case Output():
                self._stdout.write(script_bytes(event))
            case RunStarted(reason="reload" | "restart"):
                files = ", ".join(event.changed)
                self._remark(f"run {event.run}{f', changed: {files}' if files else ''}")
            case ReloadFailed():
                place = event.file if event.line is None else f"{event.file}:{event.line}"
                self._remark(f"not reloaded, {place}: {event.message}")
            case Notice(level="warning" | "error"):
                self._remark(event.message)

    def _remark(self, text: str) -> None:
        """Say something of our own; names of files may hold anything."""
        from sage_tui.state.format import clean  # only where there are reloads

        self._say(f"sage-tui: {clean(text)}\n".encode())

    def _say(self, data: bytes) -> None:
        with contextlib.suppress(OutputClosedError):  # nobody reads stderr: the script goes on, as it would by itself
            self._stderr.write(data)


class JsonLinesSink:
    """A session's listener that writes each event's line; called on the session's reader thread."""

    def __init__(self, stdout: DescriptorWriter) -> None:
        self._stdout = stdout

    def __call__(self, line: bytes, event: Event) -> None:
        """Write the line.

        Raises:
            OutputClosedError: stdout takes no more.
            OutputAbandonedError: the writer was told to stop.
        """
        self._stdout.write(line)
