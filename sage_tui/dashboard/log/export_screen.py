"""A box that asks into which file a pane is written."""

from __future__ import annotations

import os
from pathlib import Path
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from sage_tui.state import format as fmt


class ExportScreen(ModalScreen[Path | None]):
    """Gives the path that was chosen: of a file that is not there yet, in a folder that is."""

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
            hint = "a name that ends in .jsonl takes the events as --json prints them" if self._json else ""
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
        """Write nothing."""
        self.dismiss(None)


def _folder() -> str:
    """The current folder; it may have been removed since."""
    try:
        return fmt.clean(str(Path.cwd()))
    except OSError:
        return "no folder: the current one is gone, a name needs its whole path"


def _problem(name: str, path: Path) -> str:
    if not name:
        return "It needs a name."
    try:
        if path.exists():
            return "There is such a file already; choose another name."
        if not path.parent.is_dir():
            return f"There is no folder {path.parent}."
        path.absolute()
    except (OSError, ValueError) as error:
        return f"That can't be a file: {error}"
    return ""
