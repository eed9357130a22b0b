"""A table that draws itself: fixed columns, numbers aligned right, a cursor."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import ClassVar, Generic, TypeVar

from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.message import Message
from textual.strip import Strip

from sage_tui.dashboard.base.strips import Span, span
from sage_tui.dashboard.base.text import SelectableRows

Row = TypeVar("Row")

GAP, WIDE_GAP = 1, 2
"""Cells between two columns where there is little room, and where there is enough."""

WIDEST = 400
"""Cells of a table row in an exported file."""


@dataclass(frozen=True, slots=True)
class Column(Generic[Row]):
    """One column. `cell` returns the spans of a row for a width; what is wider is cut.

    Where there is no room, the columns with the highest `rank` are left out first. Columns with `grow` share the room
    that is left, up to `most` cells each.
    """

    title: str
    width: int
    cell: Callable[[Row, int], Sequence[Span] | Span]
    align: str = "right"
    rank: int = 0
    grow: bool = False
    most: int = 1000


@dataclass(frozen=True, slots=True)
class Heading:
    """A row that is only a heading for those below it."""

    key: str
    title: str
    note: str = ""


class Table(SelectableRows, Generic[Row], can_focus=True):
    """Rows of one kind below a fixed header. Rows are `(key, row)`; a `Heading` may take the place of a row.

    The cursor stays on its row by key while rows come and go.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "move(-1)", "Up", show=False, id="table.up"),
        Binding("down,j", "move(1)", "Down", show=False, id="table.down"),
        Binding("pageup", "move(-10)", "Page up", show=False, id="table.page_up"),
        Binding("pagedown", "move(10)", "Page down", show=False, id="table.page_down"),
        Binding("home,g", "move(-100000)", "First", show=False, id="table.first"),
        Binding("end,G", "move(100000)", "Last", show=False, id="table.last"),
        Binding("enter", "open", "Open", key_display="enter", id="table.open"),
    ]

    @dataclass
    class Moved(Message):
        """The cursor has moved to another row."""

        key: str

    @dataclass
    class Opened(Message):
        """Enter or a double click on a row."""

        key: str

    def __init__(self, columns: Sequence[Column[Row]], empty: str = "") -> None:
        super().__init__()
        self.columns = tuple(columns)
        self.empty = empty
        self.cursor: str | None = None
        self._preferred: str | None = None
        self._rows: tuple[tuple[str, Row | Heading], ...] = ()
        self._by_key: dict[str, int] = {}
        self._widths: tuple[int, ...] = ()
        self._gap = GAP

    def set_columns(self, columns: Sequence[Column[Row]]) -> None:
        self.columns = tuple(columns)
        self._widths = ()
        self.refresh()

    def set_empty(self, empty: str) -> None:
        """Set the text shown while there are no rows."""
        if empty != self.empty:
            self.empty = empty
            self.refresh()

    def show_rows(self, rows: Sequence[tuple[str, Row | Heading]]) -> None:
        """Show these rows. The cursor stays on its key, returns to it once it is back, or goes to the first row."""
        old, self._rows = self._rows, tuple(rows)
        same = len(old) == len(self._rows) and all(
            a[0] == b[0] and a[1] is b[1] for a, b in zip(old, self._rows, strict=True)
        )
        if same:
            return
        self._by_key = {key: i for i, (key, _) in enumerate(self._rows)}
        if len(old) != len(self._rows):
            self.virtual_size = Size(self.size.width, len(self._rows) + 1)
        if self._preferred in self._by_key:
            self.cursor = self._preferred
        elif self.cursor not in self._by_key:
            self.cursor = next((key for key, row in self._rows if not isinstance(row, Heading)), None)
        self.redraw()

    @property
    def row_count(self) -> int:
        """How many rows there are, including headings."""
        return len(self._rows)

    def select(self, key: str) -> None:
        """Put the cursor on a row, if it is there, without a message."""
        if key in self._by_key and key != self.cursor:
            self.cursor = self._preferred = key
            self._scroll_to_cursor()
            self.redraw()

    def current(self) -> Row | None:
        """The row under the cursor."""
        index = self._by_key.get(self.cursor or "", -1)
        row = self._rows[index][1] if index >= 0 else None
        return None if isinstance(row, Heading) else row

    def _scroll_to_cursor(self) -> None:
        index = self._by_key.get(self.cursor or "", 0)
        top, height = round(self.scroll_y), max(1, self.size.height - 1)
        if index < top:
            self.scroll_to(y=0 if index <= 1 else index, animate=False, force=True)
        elif index >= top + height:
            self.scroll_to(y=index - height + 1, animate=False, force=True)

    def action_move(self, by: int) -> None:
        """Move the cursor over the rows, skipping headings."""
        places = [i for i, (_, row) in enumerate(self._rows) if not isinstance(row, Heading)]
        if not places:
            return
        here = self._by_key.get(self.cursor or "", places[0])
        at = places.index(here) if here in places else 0
        self._go(places[max(0, min(len(places) - 1, at + by))])

    def _go(self, index: int) -> None:
        key = self._rows[index][0]
        if key != self.cursor:
            self.cursor = self._preferred = key
            self._scroll_to_cursor()
            self.redraw()
            self.post_message(self.Moved(key))

    def action_open(self) -> None:
        if self.cursor is not None and self.cursor in self._by_key:
            self.post_message(self.Opened(self.cursor))

    def on_click(self, event: events.Click) -> None:
        y = event.get_content_offset_capture(self).y
        index = y - 1 + round(self.scroll_y)
        if self.was_dragged:
            return
        if y >= 1 and 0 <= index < len(self._rows) and not isinstance(self._rows[index][1], Heading):
            self._go(index)
            if event.chain == 2:
                self.action_open()

    def on_resize(self) -> None:
        self.virtual_size = Size(self.size.width, len(self._rows) + 1)
        self._widths = ()
        self._scroll_to_cursor()

    def _column_widths(self, width: int) -> tuple[int, ...]:
        """The width of each column; 0 for those without room."""
        shown = list(range(len(self.columns)))

        def needed() -> int:
            return sum(self.columns[i].width for i in shown) + GAP * (len(shown) - 1) + 2

        while len(shown) > 1 and needed() > width:
            shown.remove(max(shown, key=lambda i: (self.columns[i].rank, i)))
        widths = [column.width if i in shown else 0 for i, column in enumerate(self.columns)]
        left = max(0, width - needed())
        self._gap = GAP
        if left >= 2 * (len(shown) - 1) * (WIDE_GAP - GAP):
            self._gap = WIDE_GAP
            left -= (len(shown) - 1) * (WIDE_GAP - GAP)
        growing = [i for i in shown if self.columns[i].grow]
        for position, i in enumerate(growing):
            more = min(left // (len(growing) - position), self.columns[i].most - widths[i])
            widths[i] += more
            left -= more
        return tuple(widths)

    def render_line(self, y: int) -> Strip:
        width = self.scrollable_content_region.width
        if not self._widths or sum(self._widths) > width:
            self._widths = self._column_widths(width)
        if not self._rows:
            return self.centred(self.empty, width) if y == self.size.height // 3 else self.blank(width)
        if y == 0:
            return self._header(width)
        index = y - 1 + round(self.scroll_y)
        if index >= len(self._rows):
            return self.blank(width)
        return self.with_selection(self._row_strip(index, width), index)

    def _row_strip(self, index: int, width: int) -> Strip:
        key, row = self._rows[index]
        if isinstance(row, Heading):
            note = span(" " + row.note + " ", len(row.note) + 2, "muted") if row.note else Span("")
            return self.strip([Span(" " + row.title, "strong"), note], width)
        background = ("cursor" if self.has_focus else "cursor-blurred") if key == self.cursor else ""
        return self.strip(self._cells(row, key == self.cursor), width, background)

    def selectable_rows(self) -> int:
        return len(self._rows)

    def all_rows(self) -> Iterable[str]:
        """Header and rows with all columns, however wide."""
        kept = self._widths, self._gap
        self._widths = self._column_widths(WIDEST)
        rows = [self._header(WIDEST), *(self._row_strip(row, WIDEST) for row in range(len(self._rows)))]
        self._widths, self._gap = kept
        return [strip.text.replace("▌", " ").rstrip() for strip in rows]

    def row_text(self, row: int) -> str:
        return self._row_strip(row, self.scrollable_content_region.width).text.replace("▌", " ")

    def row_at(self, y: int) -> int:
        return max(0, y - 1 + round(self.scroll_y))

    def _cells(self, row: Row, under_cursor: bool) -> list[Span]:
        spans = [Span("▌" if under_cursor and self.has_focus else " ", "key")]
        for column, width in zip(self.columns, self._widths, strict=True):
            if width:
                cell = column.cell(row, width)
                if isinstance(cell, Span):
                    spans.append(span(cell.text, width, cell.look, column.align))
                else:
                    spans += cell
                spans.append(Span(" " * self._gap))
        return spans

    def _header(self, width: int) -> Strip:
        spans = [Span(" ")]
        for column, size in zip(self.columns, self._widths, strict=True):
            if size:
                spans += (span(column.title, size, "muted", column.align), Span(" " * self._gap))
        return self.strip(spans, width)

    def watch_has_focus(self, has_focus: bool) -> None:
        super().watch_has_focus(has_focus)
        self.refresh()
