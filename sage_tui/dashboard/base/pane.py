"""A pane: a frame whose top edge names it, and the panes that share its place as tabs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import ClassVar, Generic, NamedTuple

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.widget import Widget

from sage_tui.dashboard.base.strips import CachedFrame
from sage_tui.dashboard.base.table import Column, Row, Table
from sage_tui.dashboard.base.text import SelectableRows, TextView
from sage_tui.dashboard.log.export import Export, ExportRequested
from sage_tui.dashboard.messages import PaneChosen
from sage_tui.state.views import SessionView


class Tab(NamedTuple):
    """A name in a pane's top edge. `badge` is a count, such as failures; `key` is the key that goes there."""

    pane: str
    label: str
    short: str
    badge: str = ""
    key: str = ""


def tab_texts(tabs: Sequence[Tab], active: str, width: int) -> list[tuple[Tab, str]]:
    """The texts of the tabs, shorter ones where there is no room for all."""
    for level in range(4):
        texts = [(tab, _tab_text(tab, level, tab.pane == active)) for tab in tabs]
        if sum(len(text) + 1 for _, text in texts) <= width + 1:
            break
    return texts


def _tab_text(tab: Tab, level: int, active: bool) -> str:
    """Level 0 is the full name, 1 full for the active tab only, 2 short names, 3 short for the active tab only."""
    names = (tab.label, tab.label if active else tab.short, tab.short, tab.short if active else "")
    words = (tab.key, names[level], tab.badge)
    return f" {' '.join(word for word in words if word)}{' ' if level < 2 else ''}"


def whole_text(widget: Widget) -> Iterable[str]:
    """All the text of a widget that has rows, else the lines that are on the screen."""
    if isinstance(widget, SelectableRows):
        return widget.all_rows()
    return (widget.render_line(y).text.rstrip() for y in range(widget.size.height))


class Pane(CachedFrame, Vertical):
    """The frame around `main`, the widget that takes the keys. Subclasses fill it in `show_view`.

    A subclass declares all that is known of a pane here; layout, tabs, keys, help and palette follow from it.
    """

    pane: ClassVar[str]
    """The name in code, in messages and in exported files."""
    label: ClassVar[str]
    short: ClassVar[str]
    """The name on the screen, and a shorter one where there is little room."""
    group: ClassVar[str] = "below"
    """Where the main screen places the pane: `graph`, `operators`, `output` or `below`."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "copy", "Copy", tooltip="Copy the selection, or the current line", show=False, id="pane.copy"),
        Binding(
            "x", "export", "Export", tooltip="Write all that the pane shows to a file", show=False, id="pane.export"
        ),
        Binding(
            "Y", "copy_json", "Copy JSON", tooltip="Copy the record, call or line as JSON", show=False, id="pane.json"
        ),
    ]

    def __init__(self, main: Widget) -> None:
        super().__init__(id=self.pane)
        self._main = main
        self.tabs: tuple[Tab, ...] = ()
        self.note = ""
        self._tab_columns: list[tuple[int, int, str]] = []

    def compose(self) -> ComposeResult:
        yield self._main

    @property
    def main(self) -> Widget:
        """The widget that takes the keys."""
        return self._main

    def focus_main(self) -> None:
        """Focus `main` at once: the next key is already meant for it."""
        self.screen.set_focus(self.main, scroll_visible=False)

    def note_run(self, view: SessionView) -> None:
        """Note a run that begins. Called for each view, whether the pane is on the screen or not."""

    def show_view(self, view: SessionView) -> None:
        """Show this session. Called for each view while the pane is on the screen."""

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
        self._copy(self.copied_json())

    def exported(self) -> Export:
        """What `x` writes: all of a table or a text, else what is on the screen."""
        lines = list(whole_text(self.main))
        return Export(self.pane, lambda: lines)

    def action_export(self) -> None:
        """Ask for a file name and write all that the pane shows."""
        self.post_message(ExportRequested(self.label, self.exported()))

    def _copy(self, text: str | None) -> None:
        if text is None:
            self.app.notify("There is nothing to copy here.", severity="warning", markup=False)
        else:
            self.app.copy_to_clipboard(text)

    def set_tabs(self, tabs: Sequence[Tab]) -> None:
        """Name the pane, and those that share its place."""
        if tuple(tabs) != self.tabs:
            self.tabs = tuple(tabs)
            self._draw_title()

    def on_resize(self) -> None:
        self._draw_title()

    def _draw_title(self) -> None:
        """Draw the title, and note the columns of each tab for the mouse."""
        pieces: list[Content | tuple[str, str]] = []
        self._tab_columns = []
        x = 2
        for tab, text in tab_texts(self.tabs, self.pane, max(10, self.size.width - 2)):
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
            self._tab_columns.append((x, x + len(text), tab.pane))
            x += len(text)
        title = Content.assemble(*pieces)
        self.border_title = title[1:].rstrip()  # the edge has a blank at both sides of its own

    def set_note(self, note: str) -> None:
        """Put a few words into the bottom edge, such as how many lines are new."""
        if note != self.note:
            self.note = note
            self.border_subtitle = Content(note) if note else ""

    def on_click(self, event: events.Click) -> None:
        x, y = event.screen_x - self.region.x, event.screen_y - self.region.y
        if y == 0:
            event.stop()
            for start, stop, pane in self._tab_columns:
                if start <= x < stop:
                    self.post_message(PaneChosen(pane))


class TablePane(Pane, Generic[Row]):
    """A pane that is one table. Subclasses say what a moved cursor and Enter do."""

    def __init__(self, columns: Sequence[Column[Row]], empty: str = "") -> None:
        self.table: Table[Row] = Table(columns, empty)
        super().__init__(self.table)

    def row_moved(self, key: str) -> None:
        """The cursor has moved to another row."""

    def row_opened(self, key: str) -> None:
        """Enter or a double click on a row."""

    def row_text(self, row: Row) -> str | None:
        """What `y` copies of a row; None if there is nothing."""
        return None

    def copied(self) -> str | None:
        row = self.table.current()
        return None if row is None else self.row_text(row)

    def on_table_moved(self, event: Table.Moved) -> None:
        event.stop()
        self.row_moved(event.key)

    def on_table_opened(self, event: Table.Opened) -> None:
        event.stop()
        self.row_opened(event.key)


class TextPane(Pane):
    """A pane that is one text."""

    def __init__(self, empty: str = "") -> None:
        self.text = TextView(empty)
        super().__init__(self.text)

    def copied(self) -> str | None:
        return self.text.plain() or None
