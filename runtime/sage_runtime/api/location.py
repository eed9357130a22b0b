"""Where a user's class or callable stands: its file and line, for the dashboard's source view."""

from __future__ import annotations

import linecache
import re
import sys
from types import CodeType
from typing import Any

_OWN = (__name__.partition(".")[0] + ".", "sage.")
"""Modules whose classes are the library's and not the user's."""


def class_location(cls: type[Any]) -> tuple[str | None, int | None]:
    """File and first line of a class, as far as they can be told cheaply; (None, None) for the library's own."""
    module = cls.__module__
    if module.startswith(_OWN):
        return None, None
    file = getattr(sys.modules.get(module), "__file__", None)
    line = vars(cls).get("__firstlineno__")  # from Python 3.13 on
    if isinstance(line, int):
        return file, line
    codes = [code for code in map(_code, vars(cls).values()) if code is not None]
    if file is None and codes:
        file = codes[0].co_filename
    below = min((code.co_firstlineno for code in codes if code.co_filename == file), default=None)
    return file, _heading(file, cls.__name__, below)


def callable_location(function: Any) -> tuple[str | None, int | None]:
    """File and line of a function, lambda, method or callable object; (None, None) for built-ins."""
    code = _code(getattr(function, "__func__", function))
    if code is None:
        code = _code(vars(type(function)).get("__call__"))
    if code is None:
        inner = getattr(function, "func", None)  # functools.partial
        return (None, None) if inner is None else callable_location(inner)
    return code.co_filename, code.co_firstlineno


def _code(member: Any) -> CodeType | None:
    for candidate in (member, getattr(member, "__func__", None), getattr(member, "fget", None)):
        code = getattr(candidate, "__code__", None)
        if isinstance(code, CodeType):
            return code
    return None


def _heading(file: str | None, name: str, below: int | None) -> int | None:
    """The line of `class name`: the nearest above `below`, else the first in the file; `below` if there is none."""
    if file is None:
        return below
    lines = linecache.getlines(file)
    heading = re.compile(rf"\s*class\s+{re.escape(name)}\b")
    if below is not None:
        for number in range(min(below, len(lines)), 0, -1):
            if heading.match(lines[number - 1]):
                return number
        return below
    return next((number for number, line in enumerate(lines, 1) if heading.match(line)), None)
