"""Text that the mouse selects, inside the widget where the button was pressed and nowhere else."""

from __future__ import annotations

from collections.abc import Iterable

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.geometry import Offset
from textual.selection import Selection
from textual.strip import Strip

from sage_tui.dashboard.base.strips import StripWidget

COPIED_ROWS = 20_000
"""Rows that a selection copies at most."""


class TextSelection(StripWidget):
    """A widget of rows whose text can be selected. Subclasses tell how many rows there are and what is in each.

    Textual's own selection goes on into the widgets beside, and there takes all that has not been scrolled to.
    """

    ALLOW_SELECT = False

    _anchor: Offset | None = None
    _dragged = False

    def selectable_rows(self) -> int:
        """How many rows there are, those beyond the screen included."""
        raise NotImplementedError

    def row_text(self, row: int) -> str:
        """A row as it is drawn."""
        raise NotImplementedError

    def whole(self) -> Iterable[str]:
        """All rows as text."""
        return (self.row_text(row).rstrip() for row in range(self.selectable_rows()))

    def row_at(self, y: int) -> int:
        """The row in a line of the widget."""
        return y + round(self.scroll_y)

    def selection_begun(self, row: int) -> None:
        """The mouse begins to select in this row: have it stay where it is."""

    @property
    def was_dragged(self) -> bool:
        """Whether the click that is just told was the end of a selection."""
        return self._dragged

    # --- the mouse -----------------------------------------------------------------------------------------------

    def on_mouse_down(self, event: events.MouseDown) -> None:
        self._dragged = False
        if event.button == 1 and self.selectable_rows():
            self._anchor = Offset(event.x, self.row_at(event.y))
            self.capture_mouse()

    def on_mouse_move(self, event: events.MouseMove) -> None:
        anchor = self._anchor
        if anchor is None:
            return
        if not event.button:  # it was let go before we had the mouse for us
            self._let_go()
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
            self._let_go()

    def _let_go(self) -> None:
        self._anchor = None
        self.release_mouse()

    def on_key(self, event: events.Key) -> None:
        """Escape forgets the selection before it does anything else."""
        if event.key == "escape" and self.screen.selections:
            event.stop()
            self.screen.clear_selection()

    # --- what is selected ----------------------------------------------------------------------------------------

    def get_selection(self, selection: Selection) -> tuple[str, str] | None:
        """The text of the selected rows, as they are drawn."""
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
        """The strip of a row with its selected part set off."""
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
    """The characters that lie in some cells of a line; of a wide one that is cut, both halves."""
    if text.isascii():
        return text[start:end]
    taken, x = [], 0
    for character in text:
        width = cell_len(character)
        if x + width > start and (end is None or x < end):
            taken.append(character)
        x += width
    return "".join(taken)
