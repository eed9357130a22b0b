"""A box over the screen that shows one thing whole: a line, a service call, a group of failures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from sage_tui.state import format as fmt

LONGEST = 100_000
"""Characters of one text that are shown; a note says how many there are."""


@dataclass(frozen=True, slots=True)
class Section:
    """A heading and a text of several lines below it; `look` is a style such as `$look-bad`."""

    heading: str
    text: str
    look: str = ""


@dataclass(frozen=True, slots=True)
class Detail:
    """What the box shows: facts as pairs of name and value, then sections."""

    title: str
    facts: Sequence[tuple[str, str]]
    sections: Sequence[Section]

    def plain(self) -> str:
        """All of it as text, for copying."""
        facts = [f"{name}: {value}" for name, value in self.facts]
        sections = [f"\n{section.heading}\n{section.text}" for section in self.sections]
        return "\n".join([self.title, *facts, *sections])


def safe_text(text: str) -> str:
    """A text of several lines with each of them safe to show, cut where it is far too long."""
    shown = text[:LONGEST]
    lines = "\n".join(fmt.clean(line) for line in shown.split("\n"))
    if len(text) > LONGEST:
        lines += f"\n… {fmt.exact(len(text) - LONGEST)} more characters"
    return lines


class DetailScreen(ModalScreen[None]):
    """Escape, Enter or `q` closes it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,enter", "dismiss", "Close", id="detail.close"),
        Binding("y", "copy", "Copy all", id="detail.copy"),
        Binding("up,k", "scroll(-1)", "Up", show=False, id="detail.up"),
        Binding("down,j", "scroll(1)", "Down", show=False, id="detail.down"),
    ]

    def __init__(self, detail: Detail) -> None:
        super().__init__()
        self.detail = detail

    def compose(self) -> ComposeResult:
        # the facts scroll with the rest, to which they would leave little room on a small screen
        with Vertical(classes="box"), VerticalScroll(can_focus=True):
            yield Static(id="facts", markup=False)
            yield Static(id="sections", markup=False)

    def on_mount(self) -> None:
        self.show_detail(self.detail)

    def show_detail(self, detail: Detail) -> None:
        """Show this instead."""
        self.detail = detail
        box = self.query_one(".box")
        box.border_title = Content(fmt.clean(detail.title))
        box.border_subtitle = Content("esc closes · y copies")
        self.query_one("#facts", Static).update(_facts(detail.facts))
        self.query_one("#sections", Static).update(_sections(detail.sections))

    def action_copy(self) -> None:
        """Copy what the mouse has selected, else everything."""
        self.app.copy_to_clipboard(self.get_selected_text() or self.detail.plain())

    def action_scroll(self, by: int) -> None:
        """Scroll by a line."""
        self.query_one(VerticalScroll).scroll_relative(y=by, animate=False)

    async def action_dismiss(self, result: None = None) -> None:
        """Close the box."""
        self.dismiss(result)


def _facts(facts: Sequence[tuple[str, str]]) -> Content:
    width = max((len(name) for name, _ in facts), default=0)
    lines = [
        Content.assemble((f"{name:>{width}}  ", "$look-muted"), fmt.clean(value)) for name, value in facts if value
    ]
    return Content("\n").join(lines)


def _sections(sections: Sequence[Section]) -> Content:
    parts: list[Content] = []
    for section in sections:
        parts.append(Content.assemble((section.heading, "$look-muted underline")))
        parts.append(Content.assemble((safe_text(section.text), section.look)))
        parts.append(Content(""))
    return Content("\n").join(parts[:-1])
