"""What there is to see of one operator beside its figures: its records, failures, lines and source."""

from __future__ import annotations

import os
import shlex
import subprocess
from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult, SuspendNotSupported
from textual.binding import Binding, BindingType
from textual.widget import Widget

from sage_runtime.events import Record
from sage_tui.dashboard.base.pane import Pane
from sage_tui.dashboard.base.strips import Span
from sage_tui.dashboard.base.text import Text
from sage_tui.dashboard.log.as_json import record_json
from sage_tui.dashboard.log.formatters import LogFormatter, OutputFormatter
from sage_tui.dashboard.log.run_lines import RunLinesFinder
from sage_tui.dashboard.log.scoped_lines import ScopedLines, lines_of_source
from sage_tui.dashboard.log.source_colours import SourceColours
from sage_tui.dashboard.source_text import source_of
from sage_tui.dashboard.widgets.failure_pane import FailuresPane, failures_of
from sage_tui.state import format as fmt
from sage_tui.state.views import OperatorView, SessionView

READ = 400
"""Entries of the channel of records that are looked at for those of one operator."""

SHOWN = 20
"""Records that are shown."""


NONE_YET = "No record has come by since this view was opened"
NONE_KEPT = "None is kept: records are, while somebody looks at the operator"


class RecordsPane(Pane):
    """The latest records at one side of the operator, the newest first. `port` is in or out."""

    def __init__(self, pipeline: str, operator: str, port: str, finder: RunLinesFinder) -> None:
        self._port = port
        self._operator = (pipeline, operator)
        self._finder = finder
        self._seen = (0, 0)
        self._records: list[Record] = []
        self.text = Text(NONE_YET)
        super().__init__()

    def compose(self) -> ComposeResult:
        yield self.text

    @property
    def main(self) -> Widget:
        return self.text

    def show_view(self, view: SessionView) -> None:
        source = self._finder.lines(view, view.shown.run, "record")
        count = 0 if source is None else source.count()
        if source is None or (view.shown.run, count) == self._seen:
            if not self._records and not view.live:
                self.text.say(NONE_KEPT)
            return
        self._seen = (view.shown.run, count)
        events = [line.event for line in source.read(max(source.first(), count - READ), count)]
        mine = [
            event
            for event in events
            if isinstance(event, Record)
            and (event.pipeline, event.operator) == self._operator
            and event.port == self._port
        ]
        self._records = mine[-SHOWN:][::-1]
        if self._records:
            self.text.show_lines(record_lines(self._records))
        else:
            self.text.say(NONE_YET if view.live else NONE_KEPT)

    def copied_json(self) -> str | None:
        """The record at the top of what is shown."""
        above = round(self.text.scroll_y)
        for record in self._records:
            above -= 1 + record.preview.count("\n") + 1
            if above < 0:
                return record_json(record)
        return None

    def copied(self) -> str | None:
        return self.text.plain() or None


class InPane(RecordsPane):
    """What goes in."""

    pane = "in"
    label = "In"
    short = "In"


class OutPane(RecordsPane):
    """What comes out."""

    pane = "out"
    label = "Out"
    short = "Out"


def record_lines(records: Sequence[Record]) -> list[list[Span]]:
    """Records as lines: time and number, then the value as the worker has printed it, prettily."""
    lines: list[list[Span]] = []
    for record in records:
        time = fmt.clock(record.t, milliseconds=True)
        lines.append([Span(f" {time}", "muted"), Span(f"  #{fmt.exact(record.sequence)}", "accent")])
        lines += ([Span("   " + fmt.clean(line))] for line in record.preview.split("\n"))
    return lines


class OperatorOutput(ScopedLines):
    """What this operator printed."""

    pane = "operator-output"
    label = "Output"
    short = "Output"
    channel = "output"
    empty = "This operator has printed nothing"

    def __init__(self, pipeline: str, operator: str, colours: SourceColours, finder: RunLinesFinder) -> None:
        super().__init__(OutputFormatter(colours), finder, lines_of_source(pipeline, operator))


class OperatorLog(ScopedLines):
    """What this operator logged."""

    pane = "operator-log"
    label = "Log"
    short = "Log"
    channel = "log"
    empty = "This operator has logged nothing"

    def __init__(self, pipeline: str, operator: str, colours: SourceColours, finder: RunLinesFinder) -> None:
        super().__init__(LogFormatter(colours), finder, lines_of_source(pipeline, operator))


class OperatorFailures(FailuresPane):
    """The failures of this operator."""

    pane = "operator-failures"

    def __init__(self, pipeline: str, operator: str, colours: SourceColours) -> None:
        super().__init__(colours)
        self._operator = (pipeline, operator)
        self.table.empty = "Nothing has failed here"

    def show_view(self, view: SessionView) -> None:
        pipeline, operator = self._operator
        groups = [one for one in failures_of(view) if one.group.source == operator]
        self.table.show_rows([(one.key, one.group) for one in groups if one.group.pipeline in (pipeline, None)])


class SourcePane(Pane):
    """The class of the operator as its file holds it now. `e` opens the editor there."""

    pane = "source"
    label = "Source"
    short = "Source"

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("e", "edit", "Edit", tooltip="Open $EDITOR at the line", id="source.edit"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self.text = Text()
        self._place: tuple[str | None, int | None] | None = None
        self._stamp: tuple[int, int] | None = None

    def compose(self) -> ComposeResult:
        yield self.text

    @property
    def main(self) -> Widget:
        return self.text

    def show_operator(self, operator: OperatorView | None) -> None:
        """Show the source of this operator, anew when its file was saved."""
        if operator is None:
            return
        place, stamp = (operator.file, operator.line), _stamp(operator.file)
        if (place, stamp) == (self._place, self._stamp):
            return
        moved = place != self._place
        self._place, self._stamp = place, stamp
        source = source_of(*place)
        if not source.lines:
            self.text.say(fmt.clean(source.problem))
            return
        lines = [
            [Span(f"{number:>5} ", "key" if number == operator.line else "faint"), *line]
            for number, line in enumerate(source.lines, start=source.first)
        ]
        self.text.show_lines(lines, 0 if moved else None)
        self.set_note(fmt.clean(f"{operator.file}:{operator.line}") + " · e edits")

    def action_edit(self) -> None:
        """Open the editor at the operator's line; the dashboard comes back when it is closed."""
        file, line = self._place or (None, None)
        command = editor_command(os.environ.get("VISUAL") or os.environ.get("EDITOR") or "", file, line)
        if command is None:
            words = "Set $EDITOR to open files here." if file else "It is not known where this was written."
            self.app.notify(words, severity="warning", markup=False)
            return
        problem = ""
        try:
            with self.app.suspend():
                problem = run_editor(command)
        except SuspendNotSupported:
            problem = "This terminal can't be lent to an editor."
        if problem:
            self.app.notify(problem, severity="error", markup=False)
        self.app.refresh()

    def copied(self) -> str | None:
        return self.text.plain() or None


def run_editor(command: list[str]) -> str:
    """Run an editor until it is closed; what went wrong, empty if nothing did. Never raises.

    What is raised while the terminal is lent would leave it so: the dashboard would be gone from the screen.
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
