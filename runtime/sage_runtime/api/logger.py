"""Loggers: what reaches the script's console (`sys.stderr`), and `CustomLogger` in the forms of the eras.

Log records reach the worker's log in any case; the console comes on top of that, and the engine's own loggers never
write there. The two forms of `CustomLogger` accept each other's arguments: a name or a list of outputs comes first. An
output is `("console", level)` or `(file, level)`; levels are names or numbers.
"""

from __future__ import annotations

import itertools
import logging
import os
import sys
from typing import Any, ClassVar, Self

from sage_runtime.api.eras import ERA_2, ERA_3, Era

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
    """Let an operator's or service's logger write messages of `level` and above to the console."""
    if not any(isinstance(handler, ConsoleHandler) for handler in logger.handlers):
        logger.addHandler(ConsoleHandler(era, level))


def set_console_level(pipeline: str, level: str) -> None:
    """Change the lowest level that a pipeline's operators and services write to the console."""
    prefix = f"{PREFIX}{pipeline}."
    for name, logger in list(logging.Logger.manager.loggerDict.items()):
        if name.startswith(prefix) and isinstance(logger, logging.Logger):
            for handler in logger.handlers:
                if isinstance(handler, ConsoleHandler):
                    handler.setLevel(level)


# --- CustomLogger -----------------------------------------------------------------------------------------------------


_LEVELS = {
    "DEBUG": logging.DEBUG,
    "INFO": logging.INFO,
    "WARNING": logging.WARNING,
    "WARN": logging.WARNING,
    "ERROR": logging.ERROR,
    "CRITICAL": logging.CRITICAL,
    "FATAL": logging.CRITICAL,
}
_numbers = itertools.count(1)
Outputs = list[tuple[str, str | int]]


class _Logger:
    """What both forms do. Log records always reach the worker's log; outputs come on top of that."""

    _era: ClassVar[Era] = ERA_2

    def __init__(
        self,
        outputs: str | Outputs | None = None,
        name: str | Outputs | None = None,
        log_base_folder: str | os.PathLike[str] | None = None,
    ) -> None:
        if isinstance(outputs, str) or isinstance(name, list):
            outputs, name = name, outputs
        assert not isinstance(outputs, str)
        assert not isinstance(name, list)
        self.name = name or "sage"
        self.log_base_folder = log_base_folder
        self.logger = logging.getLogger(f"{PREFIX}{name}" if name else f"{PREFIX}logger-{next(_numbers)}")
        for handler in self.logger.handlers[:]:
            self.logger.removeHandler(handler)
            handler.close()
        self.output_configs: list[dict[str, Any]] = []
        for target, level in [("console", "INFO")] if outputs is None else outputs:
            self.add_output(target, level)

    # --- messages ---

    def debug(self, message: object, *args: Any, **kwargs: Any) -> None:
        """Log a debug message."""
        self._log(logging.DEBUG, message, args, kwargs)

    def info(self, message: object, *args: Any, **kwargs: Any) -> None:
        """Log an informational message."""
        self._log(logging.INFO, message, args, kwargs)

    def warning(self, message: object, *args: Any, **kwargs: Any) -> None:
        """Log a warning."""
        self._log(logging.WARNING, message, args, kwargs)

    def error(self, message: object, *args: Any, **kwargs: Any) -> None:
        """Log an error; with `exc_info=True`, with the traceback of what is being handled."""
        self._log(logging.ERROR, message, args, kwargs)

    def critical(self, message: object, *args: Any, **kwargs: Any) -> None:
        """Log a critical error."""
        self._log(logging.CRITICAL, message, args, kwargs)

    def exception(self, message: object, *args: Any, **kwargs: Any) -> None:
        """Log an error with the traceback of what is being handled."""
        self._log(logging.ERROR, message, args, {"exc_info": True, **kwargs})

    def _log(self, level: int, message: object, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self.logger.log(level, message, *args, **{"stacklevel": 3, **kwargs})

    # --- outputs ---

    def add_output(self, output_target: str, level: str | int) -> None:
        """Add an output for messages of `level` and above: `console`, or a file (relative to `log_base_folder`)."""
        number = level_number(level)
        handler: logging.Handler | None = None
        if output_target != "console":
            path = os.path.join(self.log_base_folder or ".", output_target)  # noqa: PTH118 - pathlib takes milliseconds
            os.makedirs(os.path.dirname(path), exist_ok=True)  # noqa: PTH103, PTH120
            handler = logging.FileHandler(path, encoding="utf-8", delay=True)
            handler.setLevel(number)
            handler.setFormatter(logging.Formatter("%(asctime)s | %(levelname)s | %(name)s | %(message)s"))
        elif Switch.console or self._era.terse_console:
            handler = ConsoleHandler(self._era, number, lasting=True)
        if handler is not None:
            self.logger.addHandler(handler)
        self.output_configs.append({"target": output_target, "level": number, "handler": handler})

    def update_output_level(self, target_index_or_name: int | str, new_level: str | int) -> None:
        """Change the lowest level that an output takes.

        Raises:
            ValueError: there is no such output.
        """
        config = self._output(target_index_or_name)
        config["level"] = level_number(new_level)
        if config["handler"] is not None:
            config["handler"].setLevel(config["level"])

    def _output(self, target: int | str) -> dict[str, Any]:
        for index, config in enumerate(self.output_configs):
            if target in (index, config["target"]):
                return config
        raise ValueError(f"logger {self.name!r} has no output {target!r}")

    @classmethod
    def get_logger(cls, name: str | None = None) -> Self:
        """A logger of that name."""
        return cls(name=name)


class CustomLogger(_Logger):
    """The logger of eras 1 and 2: one console line for each message at or above the output's level."""

    @classmethod
    def disable_global_console_debug(cls) -> None:
        """Keep operators, services and loggers made from now on off the console."""
        Switch.console = False

    @classmethod
    def enable_global_console_debug(cls) -> None:
        """Let them write to the console again."""
        Switch.console = True

    @classmethod
    def is_global_console_debug_enabled(cls) -> bool:
        """Whether they may write to the console."""
        return Switch.console


class RuntimeCustomLogger(_Logger):
    """The logger of era 3: bare messages on the console, and a switch for debug messages only."""

    _era = ERA_3

    def debug(self, message: object, *args: Any, **kwargs: Any) -> None:
        """Log a debug message, unless these are disabled."""
        if Switch.debug:
            self._log(logging.DEBUG, message, args, kwargs)

    def update_output_level(self, target_index_or_name: int | str, new_level: str | int) -> None:
        """Change the lowest level that it writes, whatever output is named."""
        for config in self.output_configs:
            super().update_output_level(config["target"], new_level)

    @classmethod
    def disable_global_console_debug(cls) -> None:
        """Drop debug messages."""
        Switch.debug = False

    @classmethod
    def enable_global_console_debug(cls) -> None:
        """Take debug messages again."""
        Switch.debug = True

    @classmethod
    def is_global_console_debug_enabled(cls) -> bool:
        """Whether debug messages are taken."""
        return Switch.debug


RuntimeCustomLogger.__name__ = RuntimeCustomLogger.__qualname__ = "CustomLogger"


def get_logger(name: str | None = None) -> CustomLogger:
    """A logger of that name."""
    return CustomLogger(name=name)


def level_number(level: str | int) -> int:
    """A level's number, from its name in any case or a number.

    Raises:
        ValueError: no such name.
    """
    if isinstance(level, int):
        return level
    try:
        return _LEVELS[level.upper()]
    except KeyError:
        raise ValueError(f"no log level {level!r}; there are {', '.join(_LEVELS)}") from None
