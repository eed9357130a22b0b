"""What a worker puts in the place of `sys.stdout` and `sys.stderr`, and how it listens to Python's logging."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable

from sage_runtime import attribution
from sage_runtime.attribution import current_source
from sage_runtime.events import MAX_TEXT, Log
from sage_runtime.safe_repr.preview import preview
from sage_runtime.worker.event_bus import EventBus
from sage_runtime.worker.stdio.captured_stream import Streams
from sage_runtime.worker.stdio.descriptor_writes import in_order


class Capture:
    """Installs the streams and listens to logging. One a worker, made by the main thread."""

    def __init__(self, bus: EventBus) -> None:
        self.bus = bus
        self.streams = Streams(bus)
        self.on_prompt: Callable[[str], None] | None = None

    def install(self) -> None:
        """Put the streams in the place of Python's own, and follow changes of attribution and logging."""
        for stream in (sys.stdout, sys.stderr):
            if stream is not None:
                stream.flush()
        sys.stdout = sys.__stdout__ = self.streams.stdout  # type: ignore[assignment, misc]
        sys.stderr = sys.__stderr__ = self.streams.stderr  # type: ignore[assignment, misc]
        os.write = in_order(os.write, self.streams)
        attribution.before_change = self.streams.leave_source
        follow_logging(self.bus)

    def before_input(self, prompt: object) -> None:
        """`input(prompt)` is called: the next flush on this thread sends the unfinished line, which is the prompt."""
        self.streams.stdout.end.prompting = True
        if self.on_prompt is not None:
            self.on_prompt(prompt if type(prompt) is str else preview(prompt))


def follow_logging(bus: EventBus) -> None:
    """Publish every record of Python's logging as a `log` event; the script's own handlers work as ever."""
    call_handlers = logging.Logger.callHandlers

    def publish_and_call(self: logging.Logger, record: logging.LogRecord) -> None:
        _publish_record(bus, record)
        call_handlers(self, record)

    # logging itself looks at the file names of frames to tell its own from the script's
    publish_and_call.__code__ = publish_and_call.__code__.replace(co_filename=call_handlers.__code__.co_filename)
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
