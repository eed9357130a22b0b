"""Settings of the dashboard: a TOML file that people write and sage-tui only reads.

    theme = "sage-dark"
    refresh = 10               # frames a second at most
    watch = ["~/shared"]       # files and folders to watch beside the script's own
    journal-limit = "2 GB"     # of one run on disk; beyond it the oldest part goes

    [keys]                     # by the names that the command palette and the README list
    "run.reload" = "ctrl+r"

What can't be used is named with its file, line and reason; its default is used.
"""

from __future__ import annotations

import errno
import math
import os
import re
import stat
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

FILE_NAME = "settings.toml"

SLOWEST, FASTEST = 1, 30
"""Frames a second that may be asked for."""

LEAST_JOURNAL = 16 * 1024**2

LONGEST_FILE = 64 * 1024
"""Characters of a file that is read as settings."""

_UNITS = {"B": 1, "KB": 1000, "MB": 1000**2, "GB": 1000**3, "KIB": 1024, "MIB": 1024**2, "GIB": 1024**3}


@dataclass(frozen=True, slots=True)
class Problem:
    """Something in the file that can't be used: its line from 1 (None: the whole file) and why."""

    path: Path
    line: int | None
    reason: str

    def __str__(self) -> str:
        place = f"{self.path}:{self.line}" if self.line is not None else f"{self.path}"
        return f"{place}: {self.reason}"


@dataclass(frozen=True, slots=True)
class Settings:
    """What the file says, or the defaults. `refresh` is frames a second, `journal_limit` bytes a run.

    `keys` maps names of bindings to keys, several with commas between. `lines` are the lines on which things stand.
    """

    path: Path | None = None
    theme: str | None = None
    refresh: float = 10.0
    watch: tuple[Path, ...] = ()
    journal_limit: int = 2 * 1024**3
    keys: Mapping[str, str] = field(default_factory=dict)
    lines: Mapping[str, int] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()

    def problem(self, name: str, reason: str) -> Problem:
        """A problem with something in the file that only its user can find."""
        return Problem(self.path or Path(FILE_NAME), self.lines.get(name), reason)


def settings_path() -> Path:
    """Where the file is, whether there is one or not: in the user's configuration folder of this platform."""
    import platformdirs

    return platformdirs.user_config_path("sage-tui", appauthor=False) / FILE_NAME


def read_settings(path: Path) -> Settings:
    """The settings in a file; the defaults where there is none."""
    try:
        text = _read(path)
    except FileNotFoundError:
        return Settings(path)
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror or str(error) if isinstance(error, OSError) else "it is not UTF-8 text"
        return Settings(path, problems=(Problem(path, None, f"can't be read: {why}; the defaults are used"),))
    return parse_settings(text, path)


def _read(path: Path) -> str:
    """The text of a file, without the mark that some editors begin it with.

    Raises:
        OSError: it can't be read, or is no file of settings: a pipe, a device, far too long.
        UnicodeDecodeError: it is not UTF-8.
    """
    with open(path, encoding="utf-8-sig", opener=_open_file) as file:
        text = file.read(LONGEST_FILE + 1)
    if len(text) > LONGEST_FILE:
        raise OSError(errno.EFBIG, f"it is longer than {LONGEST_FILE // 1024} KiB")
    return text


def _open_file(name: str, flags: int) -> int:
    fd = os.open(name, flags | os.O_NONBLOCK)
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)
        raise OSError(errno.EINVAL, "it is no file")
    return fd


def _parse(text: str) -> dict[str, Any]:
    """What the text says.

    Raises:
        ValueError: it is no TOML, or more than can be read.
    """
    try:
        return tomllib.loads(text)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def parse_settings(text: str, path: Path) -> Settings:
    """The settings in the text of a file."""
    try:
        data = _parse(text)
    except ValueError as error:
        line, reason = _toml_error(str(error), text)
        return Settings(path, problems=(Problem(path, line, f"{reason}; the defaults are used"),))
    found, lines = Settings(path), _lines(text)
    problems: list[Problem] = []
    for name, value in data.items():
        take = _TAKERS.get(name, _unknown)
        found, bad = take(found, name, value)
        problems += (Problem(path, lines.get(where), reason) for where, reason in bad)
    return replace(found, lines=lines, problems=tuple(problems))


# --- the parts -------------------------------------------------------------------------------------------------------


_Bad = Sequence[tuple[str, str]]
"""What can't be used: where it stands (a key of `_lines`) and why."""


def _unknown(settings: Settings, name: str, value: Any) -> tuple[Settings, _Bad]:
    return settings, [(name, f"unknown setting {name}; there are {', '.join(_TAKERS)}")]


def _theme(settings: Settings, name: str, value: Any) -> tuple[Settings, _Bad]:
    if not isinstance(value, str) or not value:
        return settings, [(name, "theme is not the name of a theme; the usual one is used")]
    return replace(settings, theme=value), ()


def _refresh(settings: Settings, name: str, value: Any) -> tuple[Settings, _Bad]:
    if not _is_number(value) or not SLOWEST <= value <= FASTEST:
        reason = f"refresh is not a number between {SLOWEST} and {FASTEST}; {settings.refresh:g} is used"
        return settings, [(name, reason)]
    return replace(settings, refresh=float(value)), ()


def _watch(settings: Settings, name: str, value: Any) -> tuple[Settings, _Bad]:
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        return settings, [(name, "watch is not a list of paths; none is used")]
    folder = settings.path.parent if settings.path is not None else Path()
    found = [folder / os.path.expanduser(one) for one in value]  # noqa: PTH111 - Path raises for a user that isn't
    there = [one for one in found if os.path.exists(one)]  # noqa: PTH110 - Path raises for one that can't be looked at
    bad = [(name, f"watch: no such file or folder: {one}") for one in found if one not in there]
    return replace(settings, watch=tuple(there)), bad


def _journal_limit(settings: Settings, name: str, value: Any) -> tuple[Settings, _Bad]:
    size = value if _is_number(value) else _bytes(value) if isinstance(value, str) else None
    if size is None or not LEAST_JOURNAL <= size < math.inf:
        return settings, [(name, 'journal-limit is no size of 16 MiB at least, such as "500 MB"; 2 GiB is used')]
    return replace(settings, journal_limit=int(size)), ()


def _keys(settings: Settings, name: str, value: Any) -> tuple[Settings, _Bad]:
    if not isinstance(value, dict):
        return settings, [(name, "keys is not a table of names and keys")]
    usable = {one: keys for one, keys in value.items() if isinstance(keys, str) and _are_keys(keys)}
    bad = [
        (f"keys.{one}", f'keys: {one} is not a key such as "ctrl+r" (or several, with commas); the usual one is used')
        for one in value
        if one not in usable
    ]
    return replace(settings, keys=usable), bad


_TAKERS: Mapping[str, Callable[[Settings, str, Any], tuple[Settings, _Bad]]] = {
    "theme": _theme,
    "refresh": _refresh,
    "watch": _watch,
    "journal-limit": _journal_limit,
    "keys": _keys,
}


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


_KEY = re.compile(r"(?:[a-z]+\+)*(?:\S|\w+)")
"""`x`, `?`, `f5`, `question_mark`, `ctrl+shift+left`."""


def _are_keys(text: str) -> bool:
    return all(_KEY.fullmatch(key.strip()) for key in text.split(","))


def _bytes(text: str) -> float | None:
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([kmg]?i?b)\s*", text, re.IGNORECASE)
    unit = None if found is None else _UNITS.get(found[2].upper())
    return None if found is None or unit is None else float(found[1]) * unit


# --- lines -----------------------------------------------------------------------------------------------------------

_KEY_LINE = re.compile(r"[ \t]*(?:\"([^\"\n]+)\"|'([^'\n]+)'|([\w.-]+))[ \t]*=")
_TABLE_LINE = re.compile(r"[ \t]*\[[ \t]*([\w-]+)[ \t]*\]")


def _lines(text: str) -> dict[str, int]:
    """The line of each setting, and of each key as `keys.NAME`."""
    lines: dict[str, int] = {}
    table = ""
    for number, line in enumerate(text.splitlines(), start=1):
        if found := _TABLE_LINE.match(line):
            table = f"{found[1]}."
            lines.setdefault(found[1], number)
        elif found := _KEY_LINE.match(line):
            lines.setdefault(table + next(name for name in found.groups() if name), number)
    return lines


def _toml_error(message: str, text: str) -> tuple[int | None, str]:
    """The line and the reason in the message of `tomllib`."""
    found = re.search(r" \(at (?:line (\d+), column \d+|end of document)\)$", message)
    if found is None:
        return None, f"not TOML: {message}"
    return int(found[1]) if found[1] else max(1, len(text.splitlines())), f"not TOML: {message[: found.start()]}"
