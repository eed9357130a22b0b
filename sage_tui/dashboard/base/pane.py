"""A pane of the main screen: a frame whose top edge names it, and the panes that share its place as tabs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.widget import Widget

from sage_tui.dashboard.base.main_layout import PANES
from sage_tui.dashboard.base.strips import Frame
from sage_tui.dashboard.base.text_selection import TextSelection
from sage_tui.dashboard.log.export import Export
from sage_tui.dashboard.messages import ExportWanted, PaneChosen
from sage_tui.state.views import SessionView


@dataclass(frozen=True, slots=True)
class Tab:
    """One name in a pane's top edge. `badge` is a count that matters, such as failures."""

    pane: str
    label: str
    short: str
    badge: str = ""

    @property
    def key(self) -> str:
        """The key that goes there; none for the panes of other screens."""
        return str(PANES.index(self.pane) + 1) if self.pane in PANES else ""


def titles(tabs: Sequence[Tab], active: str, width: int) -> list[tuple[Tab, str]]:
    """The texts of the tabs, shorter ones where there is no room for all."""
    for level in range(4):
        texts = [(tab, _title(tab, level, tab.pane == active)) for tab in tabs]
        if sum(len(text) + 1 for _, text in texts) <= width + 1:
            break
    return texts


def _title(tab: Tab, level: int, active: bool) -> str:
    """Level 0 is the full name, 1 full for the active one only, 2 short names, 3 short for the active one only."""
    names = (tab.label, tab.label if active else tab.short, tab.short, tab.short if active else "")
    words = (tab.key, names[level], tab.badge)
    return f" {' '.join(word for word in words if word)}{' ' if level < 2 else ''}"


def whole_text(widget: Widget) -> Iterable[str]:
    """All the text of a widget that has rows, else the lines that it draws now."""
    if isinstance(widget, TextSelection):
        return widget.whole()
    return (widget.render_line(y).text.rstrip() for y in range(widget.size.height))


class Pane(Frame, Vertical):
    """The frame of one pane. Subclasses compose `main`, the widget that takes the keys, and fill it in `show_view`."""

    pane: ClassVar[str]
    label: ClassVar[str]
    short: ClassVar[str]

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "copy", "Copy", tooltip="Copy the selection, or the current line", show=False, id="pane.copy"),
        Binding(
            "x", "export", "Export", tooltip="Write all that the pane shows to a file", show=False, id="pane.export"
        ),
        Binding(
            "Y", "copy_json", "Copy JSON", tooltip="Copy the record, call or line as JSON", show=False, id="pane.json"
        ),
    ]

    def __init__(self) -> None:
        super().__init__(id=self.pane)
        self.tabs: tuple[Tab, ...] = ()
        self.note = ""
        self._title_spans: list[tuple[int, int, str]] = []

    @property
    def main(self) -> Widget:
        """The widget that takes the keys."""
        raise NotImplementedError

    def focus_main(self) -> None:
        """Give the pane the keys, at once: the next key is already meant for it."""
        self.screen.set_focus(self.main, scroll_visible=False)

    def note_run(self, view: SessionView) -> None:
        """Take note of a run that begins; called by the feed whether the pane can be seen or not."""

    def show_view(self, view: SessionView) -> None:
        """Show this session; called by the feed while the pane can be seen."""

    def copied(self) -> str | None:
        """What `y` copies; None if there is nothing."""
        return None

    def copied_json(self) -> str | None:
        """What `Y` copies; None if there is nothing."""
        return None

    def action_copy(self) -> None:
        """Copy what the mouse has selected, else the current line."""
        self._copy(self.screen.get_selected_text() or self.copied())

    def action_copy_json(self) -> None:
        """Copy the current record, call or line as JSON."""
        self._copy(self.copied_json())

    def exported(self) -> Export:
        """What `x` writes: all of a table or a text, else what is on the screen."""
        lines = list(whole_text(self.main))
        return Export(self.pane, lambda: lines)

    def action_export(self) -> None:
        """Ask for a file, and write all that the pane shows into it."""
        self.post_message(ExportWanted(self.label, self.exported()))

    def _copy(self, text: str | None) -> None:
        if text is None:
            self.app.notify("There is nothing to copy here.", severity="warning", markup=False)
        else:
            self.app.copy_to_clipboard(text)

    # --- the top edge --------------------------------------------------------------------------------------------

    def set_tabs(self, tabs: Sequence[Tab]) -> None:
        """Name the pane, and those that share its place."""
        if tuple(tabs) != self.tabs:
            self.tabs = tuple(tabs)
            self._draw_title()

    def on_resize(self) -> None:
        self._draw_title()

    def _draw_title(self) -> None:
        """Draw the title, and note where each tab lies for the mouse."""
        pieces: list[Content | tuple[str, str]] = []
        self._title_spans = []
        x = 2
        texts = titles(self.tabs, self.pane, max(10, self.size.width - 2))
        for tab, text in texts:
            if pieces and text.endswith(" "):
                pieces.append(("│", "$look-faint"))
                x += 1
            active = tab.pane == self.pane
            name_look = ("$foreground" if active else "$look-muted") + (" bold" if active else "")
            key, rest = (text[:2], text[2:]) if tab.key else ("", text)
            badge = f" {tab.badge}" + " " * text.endswith(" ")
            if tab.badge:
                pieces += ((key, "$look-key"), (rest[: -len(badge)], name_look), (badge, "$look-bad bold"))
            else:
                pieces += ((key, "$look-key"), (rest, name_look))
            self._title_spans.append((x, x + len(text), tab.pane))
            x += len(text)
        title = Content.assemble(*pieces)
        self.border_title = title[1:].rstrip()  # the edge has a blank at both sides of its own

    def set_note(self, note: str) -> None:
        """A few words in the bottom edge, such as how many lines are new."""
        if note != self.note:
            self.note = note
            self.border_subtitle = Content(note) if note else ""

    def on_click(self, event: events.Click) -> None:
        x, y = event.screen_x - self.region.x, event.screen_y - self.region.y
        if y == 0:
            event.stop()
            for start, stop, pane in self._title_spans:
                if start <= x < stop:
                    self.post_message(PaneChosen(pane))
