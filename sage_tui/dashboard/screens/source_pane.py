"""The source of an operator: the class or function that a line belongs to, highlighted, and an editor opened there."""

from __future__ import annotations

import ast
import os
import shlex
import subprocess
from pathlib import Path
from typing import ClassVar

from textual.app import SuspendNotSupported
from textual.binding import Binding, BindingType

from sage_runtime.frozen import Frozen
from sage_tui.dashboard.base.pane import TextPane
from sage_tui.dashboard.base.strips import Span
from sage_tui.state import format as fmt
from sage_tui.state.views import OperatorView

LONGEST = 2 * 1024 * 1024
"""Bytes of the largest file that is read."""

AROUND = 20
"""Lines shown around a line that is in no class and no function."""


class SourcePane(TextPane):
    """The class of the operator as it is in its file now. `e` opens the editor there."""

    pane = "source"
    label = "Source"
    short = "Source"

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("e", "edit", "Edit", tooltip="Open $EDITOR at the line", id="source.edit"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._place: tuple[str | None, int | None] | None = None
        self._stamp: tuple[int, int] | None = None

    def show_operator(self, operator: OperatorView | None) -> None:
        """Show the source of this operator; read it again when its file was saved."""
        if operator is None:
            return
        place, stamp = (operator.file, operator.line), _stamp(operator.file)
        if (place, stamp) == (self._place, self._stamp):
            return
        moved = place != self._place
        self._place, self._stamp = place, stamp
        source = source_of(*place)
        if not source.lines:
            self.text.show_empty(fmt.clean(source.problem))
            return
        lines = [
            [Span(f"{number:>5} ", "key" if number == operator.line else "faint"), *line]
            for number, line in enumerate(source.lines, start=source.first)
        ]
        self.text.show_lines(lines, 0 if moved else None)
        self.set_note(fmt.clean(f"{operator.file}:{operator.line}") + " · e edits")

    def action_edit(self) -> None:
        """Open the editor at the operator's line; the dashboard is suspended until it is closed."""
        file, line = self._place or (None, None)
        command = editor_command(os.environ.get("VISUAL") or os.environ.get("EDITOR") or "", file, line)
        if command is None:
            words = "Set $EDITOR to open files here." if file else "The source location is not known."
            self.app.notify(words, severity="warning", markup=False)
            return
        problem = ""
        try:
            with self.app.suspend():
                problem = run_editor(command)
        except SuspendNotSupported:
            problem = "This terminal can't be suspended for an editor."
        if problem:
            self.app.notify(problem, severity="error", markup=False)
        self.app.refresh()


def run_editor(command: list[str]) -> str:
    """Run an editor until it is closed. Returns what went wrong; empty if nothing did.

    It never raises: an exception while the terminal is lent would leave the dashboard off the screen.
    """
    try:
        status = subprocess.run(command, check=False).returncode
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        return f"$EDITOR can't be started: {fmt.clean(command[0])}: {reason}"
    return f"{fmt.clean(command[0])} ended with status {status}" if status > 0 else ""


def editor_command(editor: str, file: str | None, line: int | None) -> list[str] | None:
    """The command that opens a file at a line: `+LINE FILE` for vi, nano and emacs, `-g FILE:LINE` for VS Code."""
    try:
        words = shlex.split(editor)
    except ValueError:
        return None
    if not words or file is None:
        return None
    if line is None:
        return [*words, file]
    if os.path.basename(words[0]) in ("code", "codium", "cursor"):  # noqa: PTH119
        return [*words, "-g", f"{file}:{line}"]
    return [*words, f"+{line}", file]


def _stamp(file: str | None) -> tuple[int, int] | None:
    try:
        found = os.stat(file) if file is not None else None  # noqa: PTH116
    except OSError:
        return None
    return None if found is None else (found.st_mtime_ns, found.st_size)


class SourceText(Frozen):
    """The lines of a file from line `first` on; if there are none, `problem` says why."""

    first: int
    lines: tuple[tuple[Span, ...], ...]
    problem: str = ""


def source_of(file: str | None, line: int | None) -> SourceText:
    """The source around a line of a file, as the file is now. Reads the file."""
    if file is None or line is None:
        return SourceText(1, (), "The source location is not known")
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
    """The first and last line of the outermost class or function around a line; some lines around it otherwise."""
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
    """The lines of a Python file as spans. Pygments is imported when this is first called."""
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
