"""What loggers write to the console (`sys.stderr`), and whether they may.

Log records reach the worker's log in any case; this is only about the script's own stderr. The engine's loggers never
write there.
"""

from __future__ import annotations

import logging
import sys

from sage_runtime.api.eras import Era

PREFIX = "sage."
"""Every logger of the API is below the logger `sage`."""

_LINE = logging.Formatter("%(asctime)s | %(levelname)s | %(short)s | %(filename)s:%(lineno)d → %(message)s", "%H:%M:%S")
_BARE = logging.Formatter("%(message)s")

logging.getLogger("sage").setLevel(logging.DEBUG)
logging.getLogger("sage").propagate = False  # a root handler of the script is not for SAGE's loggers
logging.getLogger("sage").addHandler(logging.NullHandler())


class Switch:
    """Whether consoles of eras 1 and 2 write at all, and whether those of era 3 write debug messages."""

    console = True
    debug = True


class ConsoleHandler(logging.Handler):
    """Writes records to whatever `sys.stderr` is at the time, in the format of an era.

    A `lasting` one is not muted by a later `disable_global_console_debug`.
    """

    def __init__(self, era: Era, level: str | int = "INFO", *, lasting: bool = False) -> None:
        super().__init__(level)
        self._terse = era.terse_console
        self._lasting = lasting
        self.setFormatter(_BARE if self._terse else _LINE)

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record, unless the console is disabled."""
        if not (Switch.console or self._terse or self._lasting):
            return
        record.short = record.name.removeprefix(PREFIX)
        stream = sys.stderr
        try:
            stream.write(self.format(record) + "\n")
            stream.flush()
        except (AttributeError, OSError, ValueError):
            self.handleError(record)  # no console, or a closed one


def attach_console(logger: logging.Logger, era: Era, level: str) -> None:
    """Let an operator's or service's own logger write to the console from `level` on."""
    if not any(isinstance(handler, ConsoleHandler) for handler in logger.handlers):
        logger.addHandler(ConsoleHandler(era, level))


def set_console_level(pipeline: str, level: str) -> None:
    """Change from which level on the loggers of a pipeline's operators and services write to the console."""
    prefix = f"{PREFIX}{pipeline}."
    for name, logger in list(logging.Logger.manager.loggerDict.items()):
        if name.startswith(prefix) and isinstance(logger, logging.Logger):
            for handler in logger.handlers:
                if isinstance(handler, ConsoleHandler):
                    handler.setLevel(level)
