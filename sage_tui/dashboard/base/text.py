"""Rows of text that the mouse can select, and a scrolling text made of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import ClassVar

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Offset, Size
from textual.selection import Selection
from textual.strip import Strip

from sage_tui.dashboard.base.strips import ScrollingLines, Span, crop

COPIED_ROWS = 20_000
"""The most rows that a selection copies."""


class SelectableRows(ScrollingLines):
    """A widget of rows whose text can be selected. Subclasses say how many rows there are and what each holds.

    Textual's own selection extends into the neighbouring widgets and takes what has not been scrolled to there.
    """

    ALLOW_SELECT = False

    _anchor: Offset | None = None
    _dragged = False

    def selectable_rows(self) -> int:
        """How many rows there are, including those beyond the screen."""
        raise NotImplementedError

    def row_text(self, row: int) -> str:
        """A row as it is drawn."""
        raise NotImplementedError

    def all_rows(self) -> Iterable[str]:
        """All rows as text."""
        return (self.row_text(row).rstrip() for row in range(self.selectable_rows()))

    def row_at(self, y: int) -> int:
        """The row at a line of the widget."""
        return y + round(self.scroll_y)

    def selection_begun(self, row: int) -> None:
        """The mouse begins to select in this row: keep the row where it is."""

    @property
    def was_dragged(self) -> bool:
        """Whether the current click is the end of a selection."""
        return self._dragged

    def on_mouse_down(self, event: events.MouseDown) -> None:
        self._dragged = False
        if event.button == 1 and self.selectable_rows():
            self._anchor = Offset(event.x, self.row_at(event.y))
            self.capture_mouse()

    def on_mouse_move(self, event: events.MouseMove) -> None:
        anchor = self._anchor
        if anchor is None:
            return
        if not event.button:  # the button was released before the mouse was captured
            self._release()
            return
        if not self._dragged:
            self._dragged = True
            self.selection_begun(anchor.y)
        if not 0 <= event.y < self.size.height:
            self.scroll_relative(y=-1 if event.y < 0 else 1, animate=False, force=True, immediate=True)
        last = self.selectable_rows() - 1
        y = max(0, min(event.y, self.size.height - 1))
        head = Offset(max(0, min(event.x, self.size.width - 1)), max(0, min(self.row_at(y), last)))
        first, last_one = sorted((anchor, head), key=lambda offset: (offset.y, offset.x))
        self.screen.selections = {self: Selection(first, last_one + Offset(1, 0))}

    def on_mouse_up(self, event: events.MouseUp) -> None:
        if self._anchor is not None:
            self._release()

    def _release(self) -> None:
        self._anchor = None
        self.release_mouse()

    def on_key(self, event: events.Key) -> None:
        """Escape clears the selection before it does anything else."""
        if event.key == "escape" and self.screen.selections:
            event.stop()
            self.screen.clear_selection()

    def get_selection(self, selection: Selection) -> tuple[str, str] | None:
        """The text of the selected rows, as drawn."""
        rows = self.selectable_rows()
        first = 0 if selection.start is None else selection.start.y
        last = rows - 1 if selection.end is None else selection.end.y
        texts = []
        for row in range(first, min(last + 1, rows, first + COPIED_ROWS)):
            span = selection.get_span(row)
            if span is not None:
                text = self.row_text(row)
                texts.append(cells_of(text, span[0], None if span[1] == -1 else span[1]).rstrip())
        return "\n".join(texts), "\n"

    def selection_updated(self, selection: Selection | None) -> None:
        self.refresh()

    def with_selection(self, strip: Strip, row: int) -> Strip:
        """The strip of a row with its selected part highlighted."""
        selection = self.text_selection
        span = None if selection is None else selection.get_span(row)
        if span is None:
            return strip
        start, length = span[0], strip.cell_length
        end = length if span[1] == -1 else min(span[1], length)
        if start >= end:
            return strip
        before, inside, after = strip.crop(0, start), strip.crop(start, end), strip.crop(end, length)
        if self.app.no_color or self.app.native_ansi_color:
            mark = Style(reverse=True)
        else:
            mark = Style(bgcolor=self.screen.get_component_rich_style("screen--selection").bgcolor)
        marked = [Segment(text, (look or Style()) + mark) for text, look, _ in inside]
        return Strip.join([before, Strip(marked), after])


def cells_of(text: str, start: int, end: int | None) -> str:
    """The characters in some cells of a line; a wide character that is cut is taken whole."""
    if text.isascii():
        return text[start:end]
    taken, x = [], 0
    for character in text:
        width = cell_len(character)
        if x + width > start and (end is None or x < end):
            taken.append(character)
        x += width
    return "".join(taken)


SIDEWAYS = 8


class TextView(SelectableRows, can_focus=True):
    """Lines of spans that scroll: a diff, a source file, a record. It draws those on the screen."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "go(-1)", "Up", show=False, id="text.up"),
        Binding("down,j", "go(1)", "Down", show=False, id="text.down"),
        Binding("pageup", "page(-1)", "Page up", show=False, id="text.page_up"),
        Binding("pagedown", "page(1)", "Page down", show=False, id="text.page_down"),
        Binding("home,g", "go(-1000000)", "First line", show=False, id="text.first"),
        Binding("end,G", "go(1000000)", "Last line", show=False, id="text.last"),
        Binding("left", "sideways(-1)", "Left", show=False, id="text.left"),
        Binding("right", "sideways(1)", "Right", show=False, id="text.right"),
    ]

    def __init__(self, empty: str = "") -> None:
        super().__init__()
        self.lines: Sequence[Sequence[Span]] = ()
        self.empty = empty
        self.shift = 0

    def show_lines(self, lines: Sequence[Sequence[Span]], top: int | None = None) -> None:
        """Show these lines, scrolled to line `top` if that is given."""
        if lines != self.lines:
            self.lines = lines
            self.virtual_size = Size(self.size.width, max(1, len(lines)))
            self.refresh()
        if top is not None:
            self.scroll_to(y=top, animate=False, force=True)

    def show_empty(self, words: str) -> None:
        """Show no lines, and why."""
        if words != self.empty or self.lines:
            self.empty = words
            self.show_lines(())
            self.refresh()

    def plain(self) -> str:
        """The lines as text."""
        return "\n".join("".join(text for text, _ in line).rstrip() for line in self.lines)

    def action_go(self, by: int) -> None:
        self.scroll_to(y=max(0, round(self.scroll_y) + by), animate=False, force=True)

    def action_page(self, by: int) -> None:
        self.action_go(by * max(1, self.size.height - 1))

    def action_sideways(self, by: int) -> None:
        self.shift = max(0, self.shift + by * SIDEWAYS)
        self.refresh()

    def on_resize(self) -> None:
        self.virtual_size = Size(self.size.width, max(1, len(self.lines)))

    def render_line(self, y: int) -> Strip:
        width = self.scrollable_content_region.width
        if not self.lines:
            return self.centred(self.empty, width) if y == self.size.height // 3 else self.blank(width)
        row = y + round(self.scroll_y)
        if row >= len(self.lines):
            return self.blank(width)
        return self.with_selection(self.strip(crop(self.lines[row], self.shift, width), width), row)

    def selectable_rows(self) -> int:
        return len(self.lines)

    def all_rows(self) -> Iterable[str]:
        return self.plain().split("\n") if self.lines else [self.empty]

    def row_text(self, row: int) -> str:
        width = self.scrollable_content_region.width
        return "".join(text for text, _ in crop(self.lines[row], self.shift, width))
