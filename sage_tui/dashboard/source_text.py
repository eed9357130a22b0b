"""The source of an operator or a service: the class or function that a line belongs to, highlighted."""

from __future__ import annotations

import ast
from pathlib import Path

from sage_runtime.frozen import Frozen
from sage_tui.dashboard.base.strips import Span
from sage_tui.state import format as fmt

LONGEST = 2 * 1024 * 1024
"""Bytes of a file that is read."""

AROUND = 20
"""Lines shown around a line that is in no class and no function."""


class SourceText(Frozen):
    """The lines of a file from `first` on, and why there are none otherwise."""

    first: int
    lines: tuple[tuple[Span, ...], ...]
    problem: str = ""


def source_of(file: str | None, line: int | None) -> SourceText:
    """The source around a line of a file, as the file is now. Reads the file."""
    if file is None or line is None:
        return SourceText(1, (), "It is not known where this was written")
    path = Path(file)
    try:
        if path.stat().st_size > LONGEST:
            return SourceText(1, (), f"{path.name} is too long to show")
        text = path.read_text(errors="replace")
    except OSError as error:
        return SourceText(1, (), f"{path.name} can't be read: {error.strerror or error}")
    first, last = extent(text, line)
    shown = highlighted(text)[first - 1 : last]
    if not shown:
        return SourceText(1, (), f"{path.name} has no line {line} any more")
    return SourceText(first, tuple(shown))


def extent(text: str, line: int) -> tuple[int, int]:
    """The first and the last line of the outermost class or function around a line; some lines where there is none."""
    lines = text.count("\n") + 1
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError):
        tree = ast.Module([], [])
    for node in tree.body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
            last = node.end_lineno or node.lineno
            if first <= line <= last and (isinstance(node, ast.ClassDef) or last - line < AROUND * 4):
                return first, last
    return max(1, line - AROUND // 2), min(lines, line + AROUND)


_LOOKS = (
    ("Token.Comment", "muted"),
    ("Token.Literal.String", "good"),
    ("Token.Literal.Number", "accent"),
    ("Token.Keyword", "key"),
    ("Token.Name.Class", "strong"),
    ("Token.Name.Function", "strong"),
    ("Token.Name.Decorator", "accent"),
    ("Token.Name.Builtin", "source-1"),
    ("Token.Operator.Word", "key"),
)


def highlighted(text: str) -> list[tuple[Span, ...]]:
    """The lines of a Python file as spans; Pygments, which Textual brings along, is loaded when this is first asked."""
    from pygments.lexers.python import PythonLexer  # type: ignore[import-untyped]

    lines: list[list[Span]] = [[]]
    for kind, value in PythonLexer(stripnl=False, ensurenl=False).get_tokens(text):
        name = str(kind)
        look = next((look for prefix, look in _LOOKS if name.startswith(prefix)), "")
        for i, part in enumerate(value.split("\n")):
            if i:
                lines.append([])
            if part:
                lines[-1].append(Span(fmt.clean(part), look))
    return [tuple(line) for line in lines]
