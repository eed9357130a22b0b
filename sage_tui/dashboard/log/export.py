"""Panes as text files: all that a pane shows, not only what is on the screen."""

from __future__ import annotations

import ast
import json
import os
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import ClassVar

from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.message import Message
from textual.notifications import SeverityLevel
from textual.screen import ModalScreen
from textual.widgets import Input, Static
from textual.worker import get_current_worker

from sage_runtime.events import Event, Record, encode
from sage_runtime.frozen import Frozen
from sage_tui.dashboard.log.query import Query
from sage_tui.dashboard.log.transcript import LONGEST_JOINED
from sage_tui.journal.lines import Line, LineSource
from sage_tui.state import format as fmt
from sage_tui.state.views import SessionView


def event_json(event: Event) -> str:
    """The event as `--json` prints it, in one line."""
    return encode(event).decode().rstrip("\n")


def record_json(record: Record) -> str:
    """The record as indented JSON; its event if the preview is cut, or is no literal."""
    try:
        value = ast.literal_eval(record.preview.strip())
        return json.dumps(value, ensure_ascii=False, indent=2, default=_plain)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return event_json(record)


def _plain(value: object) -> object:
    if isinstance(value, set | frozenset):
        return sorted(value, key=repr)
    if isinstance(value, complex | bytes) or value is Ellipsis:
        return repr(value)
    raise TypeError(type(value).__name__)


CHUNK = 512
"""Lines per read."""
LONGEST_STEM = 160
"""The most bytes of a script's name in a file name: file systems allow 255 in all."""


class RunPart(Frozen):
    """The lines of a run up to now, below the separator `rule` (empty for the first run)."""

    rule: str
    source: LineSource
    stop: int


class Export(Frozen):
    """What a pane exports: `text` makes its lines, `events` (if it has any) JSON lines. Any thread may call them."""

    name: str
    text: Callable[[], Iterable[str]]
    events: Callable[[], Iterable[str]] | None = None

    def lines(self, path: PurePath) -> Iterable[str]:
        """The lines for a file: JSON if its name ends that way, text otherwise."""
        json = path.suffix.lower() in (".json", ".jsonl", ".ndjson")
        return self.events() if json and self.events is not None else self.text()


def text_lines(parts: Sequence[RunPart], queries: Sequence[Query], write: Callable[[Line], str]) -> Iterator[str]:
    """The lines of the runs that match all queries, as text."""
    for part in parts:
        if part.rule:
            yield f"── {part.rule}"
        yield from (write(line) for line in matching(part, queries))


def json_lines(parts: Sequence[RunPart], queries: Sequence[Query]) -> Iterator[str]:
    """The events of those lines, each once."""
    for part in parts:
        last: object = None
        for line in matching(part, queries):
            if line.event is not last:
                last = line.event
                yield event_json(line.event)


def matching(part: RunPart, queries: Sequence[Query]) -> Iterator[Line]:
    """The lines of a run that match; pieces of a line are joined."""
    started: dict[tuple[str | None, str | None, str], Line] = {}
    position = part.source.first()
    while position < part.stop:
        stop = min(part.stop, position + CHUNK)
        for line in part.source.read(position, stop):
            key = (line.pipeline, line.source, line.kind)
            before = started.pop(key, None)
            if before is not None:
                line = _continued(before, line)
            if line.partial:
                started[key] = line
            elif all(query.matches(line) for query in queries):
                yield line
        position = stop
    yield from (line for line in started.values() if all(query.matches(line) for query in queries))


def _continued(before: Line, line: Line) -> Line:
    """A line joined to what it continues; the line alone if it replaces that."""
    replaces = getattr(before.event, "end", "") == "\r" and bool(line.text)
    if replaces or len(before.text) > LONGEST_JOINED:
        return line
    return line._replace(text=before.text + line.text)


def suggested_name(script: str, pane: str, run: int, taken: Callable[[str], bool]) -> str:
    """A file name that isn't taken, such as `hello-output-run3.txt`; the names of scripts are cut."""
    stem = re.sub(r"[^\w.-]+", "_", PurePath(script).stem) or "pipeline"
    stem = stem.encode()[:LONGEST_STEM].decode(errors="ignore")
    name = f"{stem}-{pane}-run{run}"
    number = 1
    while taken(f"{name}{f'-{number}' if number > 1 else ''}.txt"):
        number += 1
    return f"{name}{f'-{number}' if number > 1 else ''}.txt"


def write_lines(path: Path, lines: Iterable[str], stopped: Callable[[], bool]) -> int | None:
    """Write a new file and return its number of lines; None if it was `stopped`.

    An incomplete file is removed, since nothing in it would say that the rest is missing. Only its owner may read it,
    as with the journal that the lines come from.

    Raises:
        OSError: the file exists, or can't be written.
    """
    file = open(path, "x", encoding="utf-8", errors="backslashreplace", opener=_private)  # noqa: SIM115 - closed below
    count, whole = 0, False
    try:
        with file:
            for line in lines:
                file.write(line + "\n")
                count += 1
                if count % CHUNK == 0 and stopped():
                    return None
        whole = True
    finally:
        if not whole:
            path.unlink(missing_ok=True)
    return count


def _private(name: str, flags: int) -> int:
    return os.open(name, flags | os.O_NOFOLLOW, 0o600)


@dataclass
class ExportRequested(Message):
    """What a pane shows is to be written to a file; `title` names the pane."""

    title: str
    export: Export


class ExportScreen(ModalScreen[Path | None]):
    """Asks for a file name. Returns the path of a file that doesn't exist yet, in a folder that does."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "cancel", "Cancel", id="export.cancel")]

    def __init__(self, title: str, name: str, json: bool) -> None:
        super().__init__()
        self._title = title
        self._name = name
        self._json = json

    def compose(self) -> ComposeResult:
        with Vertical(classes="box") as box:
            box.border_title = Content(self._title)
            box.border_subtitle = Content("enter writes · esc cancels")
            yield Static(Content.assemble(("into ", "$look-muted"), _folder()), id="folder", markup=False)
            yield Input(self._name, compact=True, select_on_focus=False)
            hint = "a name that ends in .jsonl gets the events as --json prints them" if self._json else ""
            yield Static(Content.assemble((hint, "$look-muted")), id="problem", markup=False)

    def on_mount(self) -> None:
        self.query_one(Input).focus()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        name = event.value.strip()
        path = Path(os.path.expanduser(name))  # noqa: PTH111 - Path raises for a user that isn't
        problem = _problem(name, path)
        if problem:
            problem = fmt.clean(problem)
            self.query_one("#problem", Static).update(Content.assemble((problem, "$look-bad")))
        else:
            self.dismiss(path.absolute())

    def action_cancel(self) -> None:
        self.dismiss(None)


def _folder() -> str:
    """The current folder; it may have been removed."""
    try:
        return fmt.clean(str(Path.cwd()))
    except OSError:
        return "no folder: the current one was removed; enter an absolute path"


def _problem(name: str, path: Path) -> str:
    if not name:
        return "Enter a name."
    try:
        if path.exists():
            return "The file exists; choose another name."
        if not path.parent.is_dir():
            return f"No such folder: {path.parent}"
        path.absolute()
    except (OSError, ValueError) as error:
        return f"Not a usable name: {error}"
    return ""


NOTICE_SECONDS = 10.0


class ExportActions(App[None]):
    """A part of the app: asks for a file name, writes on another thread, and says what was written."""

    @dataclass
    class Written(Message):
        """A file was written, or could not be."""

        words: str
        failed: bool = False

    view: SessionView | None

    def on_export_requested(self, event: ExportRequested) -> None:
        export, view = event.export, self.view
        script, run = ("pipeline", 0) if view is None else (view.script, view.shown.run)
        name = suggested_name(script, export.name, run, os.path.lexists)
        screen = ExportScreen(f"Export {event.title}", name, json=export.events is not None)
        self.push_screen(screen, lambda path: self._write(export, path))

    def _write(self, export: Export, path: Path | None) -> None:
        if path is None:
            return

        def write() -> None:
            worker = get_current_worker()
            shown = fmt.clean(str(path))
            try:
                count = write_lines(path, export.lines(path), lambda: worker.is_cancelled)
            except OSError as error:
                self.post_message(self.Written(f"{shown} was not written: {error.strerror or error}", failed=True))
                return
            if count is not None:
                lines = f"{fmt.exact(count)} line{'s' if count != 1 else ''}"
                self.post_message(self.Written(f"Wrote {lines} to {shown}"))

        self.run_worker(write, thread=True, group="export", name="export")

    def on_export_actions_written(self, event: Written) -> None:
        severity: SeverityLevel = "error" if event.failed else "information"
        self.notify(event.words, severity=severity, timeout=NOTICE_SECONDS, markup=False)
