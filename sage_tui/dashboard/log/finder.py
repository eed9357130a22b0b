"""The line at the bottom of a pane where a search or a filter is typed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.message import Message
from textual.widgets import Input, Label

from sage_tui.dashboard.log.query import Query, QueryError, parse

Purpose = Literal["search", "filter"]


class Finder(Horizontal):
    """Takes a query; hidden until it is opened."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "cancel", "Cancel", id="finder.cancel")]

    @dataclass
    class Entered(Message):
        """A query was entered; None clears it."""

        purpose: Purpose
        query: Query | None

    @dataclass
    class Cancelled(Message):
        """Nothing changed."""

    def __init__(self) -> None:
        super().__init__(classes="finder")
        self.purpose: Purpose = "search"
        self.display = False

    def compose(self) -> ComposeResult:
        yield Label("", markup=False)
        yield Input(compact=True, select_on_focus=True)

    def open(self, purpose: Purpose, query: Query | None) -> None:
        """Ask for a query, beginning with the present one."""
        self.purpose = purpose
        self.query_one(Label).update("/" if purpose == "search" else "filter ")
        field = self.query_one(Input)
        field.value = "" if query is None else query.text
        field.placeholder = (
            "text, or re:…" if purpose == "search" else "text  re:…  source:NAME  level:warning  is:stderr"
        )
        self.display = True
        self.screen.set_focus(field, scroll_visible=False)  # at once: the next key is already meant for it

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        try:
            query = parse(event.value)
        except QueryError as error:
            self.app.notify(str(error), severity="error", markup=False)
            return
        self.display = False
        self.post_message(self.Entered(self.purpose, query))

    def action_cancel(self) -> None:
        """Close without a change."""
        self.display = False
        self.post_message(self.Cancelled())
