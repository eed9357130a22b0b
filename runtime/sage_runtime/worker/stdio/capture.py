"""What a worker captures: it replaces `sys.stdout`, `sys.stderr` and `os.write`, and listens to logging."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable
from typing import Any

from sage_runtime import attribution
from sage_runtime.attribution import Source, current_source
from sage_runtime.events import MAX_TEXT, Log
from sage_runtime.safe_repr.preview import preview
from sage_runtime.stdlib_internals import pass_for
from sage_runtime.worker.event_bus import EventBus
from sage_runtime.worker.stdio.captured_stream import CapturedStream, StreamSettings


class Capture:
    """The streams of a worker, and its other captures. One per worker, made by the main thread."""

    def __init__(self, bus: EventBus) -> None:
        self.bus = bus
        self.on_prompt: Callable[[str], None] | None = None
        self._stdout = CapturedStream(StreamSettings(bus, "stdout", 1, sys.stdout))
        self._stderr = CapturedStream(StreamSettings(bus, "stderr", 2, sys.stderr))

    def install(self) -> None:
        """Replace Python's streams, and follow changes of attribution and logging."""
        for stream in (sys.stdout, sys.stderr):
            if stream is not None:
                stream.flush()
        sys.stdout = sys.__stdout__ = self._stdout  # type: ignore[assignment, misc]
        sys.stderr = sys.__stderr__ = self._stderr  # type: ignore[assignment, misc]
        os.write = self._in_order(os.write)
        attribution.before_change = self._set_source
        follow_logging(self.bus)

    def release(self) -> None:
        """From now on the streams write to the descriptors: the bus is about to close, or this is a forked child."""
        self._stdout.release()
        self._stderr.release()

    def before_input(self, prompt: object) -> None:
        """Before `input(prompt)`: the next flush on this thread sends the unfinished line, which is the prompt."""
        self._stdout.end.prompting = True
        if self.on_prompt is not None:
            self.on_prompt(prompt if type(prompt) is str else preview(prompt))

    def _set_source(self, source: Source) -> None:
        self._stdout.end.set_source(source)
        self._stderr.end.set_source(source)

    def _in_order(self, write: Callable[[int, Any], int]) -> Callable[[int, Any], int]:
        """A replacement of `os.write` that keeps bytes for the descriptors 1 and 2 in order with the text.

        The session reads these descriptors separately from the events, which suffices for native code and child
        processes. A descriptor that the script has redirected is written directly.
        """

        def write_in_order(fd: int, data: Any, /) -> int:
            if fd in (1, 2):
                stream = self._stdout if fd == 1 else self._stderr
                if stream.settings.captures:
                    return stream.buffer.write(data)
            return write(fd, data)

        write_in_order.__name__ = write_in_order.__qualname__ = "write"
        write_in_order.__doc__ = write.__doc__
        return write_in_order


def follow_logging(bus: EventBus) -> None:
    """Publish every record that a logger handles as a `log` event, also of loggers that don't propagate.

    The script's own handlers work as usual.
    """
    call_handlers = logging.Logger.callHandlers

    def publish_and_call(self: logging.Logger, record: logging.LogRecord) -> None:
        _publish_record(bus, record)
        call_handlers(self, record)

    pass_for(publish_and_call, call_handlers)  # type: ignore[arg-type]
    logging.Logger.callHandlers = publish_and_call  # type: ignore[method-assign]


def _publish_record(bus: EventBus, record: logging.LogRecord) -> None:
    pipeline, source = current_source()
    try:
        message = record.getMessage()
        if record.exc_info and record.exc_info[0] is not None:
            message += "\n" + _FORMATTER.formatException(record.exc_info)
    except Exception as error:  # noqa: BLE001 - a user's arguments may raise anything; logging itself reports it
        message = f"{record.msg!r} ({type(error).__name__} while it was formatted)"
    bus.publish(
        Log(
            pipeline=pipeline,
            level=str(record.levelname),
            logger=str(record.name),
            source=source,
            message=str.__str__(message)[:MAX_TEXT],
        )
    )


_FORMATTER = logging.Formatter()
