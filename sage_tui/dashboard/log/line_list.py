"""A list of lines that may be millions: it draws those on the screen and follows the end."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil
from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.reactive import reactive
from textual.scrollbar import ScrollBar
from textual.strip import Strip
from textual.widget import Widget

from sage_tui.dashboard.base.strips import Span, crop
from sage_tui.dashboard.base.text import SelectableRows
from sage_tui.dashboard.log.formatters import LineFormatter, body_room
from sage_tui.dashboard.log.query import Query
from sage_tui.dashboard.log.scan import FIRST, LAST, Scan, match_position, next_match
from sage_tui.dashboard.log.transcript import RowId, RunSeparator, Transcript
from sage_tui.dashboard.messages import LineOpened
from sage_tui.journal.lines import Line, LineSource


def thumb(height: int, rows: int, top: float) -> tuple[int, int]:
    """Where a scroll bar of `height` cells draws its thumb: begin and length in eighths of a cell."""
    if rows <= height:
        return 0, 8 * height
    length = max(1.0, height * height / rows)
    return int(8 * (height - length) * top / (rows - height)), ceil(8 * length)


def separator(text: str, width: int) -> list[Span]:
    """The line between two runs."""
    return [
        Span("── ", "faint"),
        *crop([Span(text, "accent"), Span(" " + "─" * width, "faint")], 0, width - 3, mark=False),
    ]


def highlight(spans: Sequence[Span], query: Query) -> list[Span]:
    """The spans with the matches of the query highlighted."""
    ranges = query.spans("".join(text for text, _ in spans))
    if not ranges:
        return list(spans)
    result: list[Span] = []
    position = 0
    for text, look in spans:
        at = 0
        for start, end in ranges:
            start, end = max(start - position, at), min(end - position, len(text))
            if start < end:
                result += (Span(text[at:start], look), Span(text[start:end], "match"))
                at = end
        result.append(Span(text[at:], look))
        position += len(text)
    return result


STRIPS_KEPT = 512
SIDEWAYS = 8


class LineList(SelectableRows, can_focus=True):
    """The rows of a transcript, drawn by a formatter. Only the dashboard's thread uses it.

    While `follow` is on, the last rows are shown as they come. Moving away from the end turns it off, returning to
    the end turns it on again.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "cursor(-1)", "Up", show=False, id="lines.up"),
        Binding("down,j", "cursor(1)", "Down", show=False, id="lines.down"),
        Binding("pageup", "page(-1)", "Page up", show=False, id="lines.page_up"),
        Binding("pagedown", "page(1)", "Page down", show=False, id="lines.page_down"),
        Binding("home,g", "first", "First line", show=False, id="lines.first"),
        Binding("end,G", "last", "Follow the end", show=False, id="lines.last"),
        Binding("left", "sideways(-1)", "Left", show=False, id="lines.left"),
        Binding("right", "sideways(1)", "Right", show=False, id="lines.right"),
        Binding("enter", "open", "Details", show=False, id="lines.open"),
        Binding("n", "match(-1)", "Older match", show=False, id="lines.older_match"),
        Binding("N", "match(1)", "Newer match", show=False, id="lines.newer_match"),
    ]

    follow = reactive(True)
    """Whether the last rows are shown as they come."""

    def __init__(self, formatter: LineFormatter, empty: str = "") -> None:
        super().__init__()
        self.formatter = formatter
        self.empty = empty
        self.transcript = Transcript()
        self.separators: dict[int, str] = {}
        self.filter_scan: Scan | None = None
        self.search_scan: Scan | None = None
        self.search: Query | None = None
        self.shift = 0
        self._cursor: RowId | None = None
        self._rows = 0
        self._seen = (-1, -1)
        self._left_at = 0
        self._strips: dict[tuple[object, ...], Strip] = {}
        self._ours = False
        self._seek = False

    @property
    def last_run(self) -> int | None:
        return self.transcript.runs[-1].run if self.transcript.runs else None

    def show_run(self, run: int, source: LineSource) -> None:
        """Show this run's lines below those of the runs before."""
        if self.transcript.show_run(run, source):
            for scan in (self.filter_scan, self.search_scan):
                if scan is not None:
                    scan.add(run, source)

    def restart(self) -> None:
        """Drop all runs, but keep search and filter: a replay has jumped to another time."""
        self.transcript = Transcript()
        self._cursor, self._seen, self.follow = None, (-1, -1), True
        if self.filter_scan is not None:
            self.filter_scan.stop()
            self.filter_scan = self._begin_scan(self.filter_scan.queries)
        if self.search_scan is not None:
            self.search_scan.stop()
            self.search_scan = self._begin_scan(self.search_scan.queries)
        self._strips.clear()

    def set_separator(self, run: int, text: str) -> None:
        """Set the text of the line above a run."""
        if self.separators.get(run) != text:
            self.separators[run] = text
            self._strips.clear()
            self.refresh()

    def set_empty(self, empty: str) -> None:
        """Set the text shown while there are no lines."""
        if empty != self.empty:
            self.empty = empty
            self.refresh()

    def poll(self) -> None:
        """Take in new lines. Called for each view while the pane is on the screen."""
        anchor = None if self.follow else self.transcript.place(round(self.scroll_y))
        self.transcript.advance()
        scan = self.filter_scan
        if scan is not None:
            scan.wake()
            self.transcript.choose(scan.numbers)
        self._show_rows(anchor)
        if self.search_scan is not None:
            self.search_scan.wake()
            self._go_to_first_match()

    def _show_rows(self, anchor: RowId | None) -> None:
        """Show the present rows: keep those on the screen in place, or (None) show the last ones."""
        rows, total = self.transcript.count(), self.transcript.total()
        if (rows, total) == self._seen:
            return
        self._seen = (rows, total)
        self._rows = rows
        self._resize_content()
        self._scroll(self._last_top() if anchor is None else self.transcript.row(anchor))
        self._move_bar(self.scroll_y)
        self.redraw()

    def reformat(self) -> None:
        """Redraw the lines: the formatter draws them in another way now."""
        self._strips.clear()
        self.refresh()

    def _resize_content(self) -> None:
        """Set the scrollable height without the layout of the whole screen that the reactive causes."""
        self.set_reactive(Widget.virtual_size, Size(self.size.width, max(1, self._rows)))

    def _move_bar(self, top: float) -> None:
        """Move the scroll bar; redraw it only if its thumb moves."""
        bar, height = self.vertical_scrollbar, max(1, self.size.height)
        before = thumb(height, bar.window_virtual_size, bar.position)
        bar.set_reactive(ScrollBar.window_virtual_size, self._rows)
        bar.set_reactive(ScrollBar.position, top)
        if thumb(height, self._rows, top) != before:
            bar.refresh()

    def _last_top(self) -> int:
        return max(0, self._rows - max(1, self.scrollable_content_region.height))

    def _scroll(self, top: int) -> None:
        self._ours = True
        try:
            self.scroll_to(y=top, animate=False, force=True, immediate=True)
        finally:
            self._ours = False

    @property
    def unseen(self) -> int:
        """Lines that have come since the end was left."""
        return 0 if self.follow else max(0, self.transcript.total() - self._left_at)

    def set_filter(self, query: Query | None) -> None:
        """Show only the lines that match; the search runs in the background. None shows all."""
        anchor = self.cursor_place()
        if self.filter_scan is not None:
            self.filter_scan.stop()
        self.filter_scan = None if query is None else self._begin_scan((query,))
        self.transcript.choose(None if self.filter_scan is None else self.filter_scan.numbers)
        self._seen = (-1, -1)
        self._strips.clear()
        self.poll()
        if not self.follow and anchor is not None:
            self._move_to(self.transcript.row(anchor))

    def set_search(self, query: Query | None) -> None:
        """Highlight the matches and count them in the background; None clears the search."""
        if self.search_scan is not None:
            self.search_scan.stop()
        self.search, self._seek = query, query is not None
        filters = () if self.filter_scan is None else self.filter_scan.queries
        self.search_scan = None if query is None else self._begin_scan((*filters, query))
        self._strips.clear()
        self.refresh()

    def _begin_scan(self, queries: Sequence[Query]) -> Scan:
        scan = Scan(queries)
        here = None if self.follow else self.cursor_place()
        for lines in self.transcript.runs:
            near = here is not None and here == self.transcript.place_in(lines.run, here.number)
            scan.add(lines.run, lines.source, here.number + 1 if here is not None and near else None)
        scan.start()
        return scan

    def match_position(self) -> int | None:
        """Which match the current line is, counted from the oldest; None if it isn't one."""
        place = self.cursor_place()
        if self.search_scan is None or place is None or self.follow:
            return None
        return match_position(self.transcript, self.search_scan, place)

    def _go_to_first_match(self) -> None:
        """After a search is entered, go to the nearest match above the current line, else below it."""
        scan, here = self.search_scan, self.cursor_place()
        if self._seek and scan is not None and here is not None:
            complete, searched = scan.complete, scan.searched_before
            place = next_match(self.transcript, scan, -1, here._replace(number=here.number + 1))
            if place is None and searched:
                place = next_match(self.transcript, scan, 1, here)
            self._seek = place is None and not complete
            if place is not None:
                self._move_to(self.transcript.row(place))

    def on_unmount(self) -> None:
        for scan in (self.filter_scan, self.search_scan):
            if scan is not None:
                scan.stop()

    def action_match(self, direction: int) -> None:
        """Go to the next match, older (-1) or newer (1)."""
        place = self.find_match(direction)
        if place is not None:
            self._move_to(self.transcript.row(place))

    def find_match(self, direction: int) -> RowId | None:
        """The next match from the cursor; it wraps around at the ends."""
        if self.search_scan is None:
            return None
        here = self.cursor_place() or LAST
        return next_match(self.transcript, self.search_scan, direction, here) or next_match(
            self.transcript, self.search_scan, direction, FIRST if direction > 0 else LAST
        )

    def cursor_row(self) -> int:
        """The row of the current line: the last one while following."""
        if self._cursor is None:
            return max(0, self._rows - 1)
        return min(max(0, self._rows - 1), self.transcript.row(self._cursor))

    def cursor_place(self) -> RowId | None:
        return self.transcript.place(self.cursor_row())

    def current(self) -> Line | None:
        """The current line; None if there is none, or it is a separator."""
        place = self.cursor_place()
        entry = None if place is None else self.transcript.at(place)
        return entry if isinstance(entry, Line) else None

    def _move_to(self, row: int) -> None:
        row = max(0, min(row, self._rows - 1))
        self._leave_end()
        self._cursor = self.transcript.place(row)
        top, height = round(self.scroll_y), max(1, self.scrollable_content_region.height)
        if row < top:
            self._scroll(row)
        elif row >= top + height:
            self._scroll(row - height + 1)
        self.refresh()

    def _leave_end(self) -> None:
        if self.follow:
            self._left_at = self.transcript.total()
            self.follow = False

    def action_cursor(self, by: int) -> None:
        """Move the current line; beyond the last one, follow the end again."""
        if by > 0 and self.cursor_row() + by >= self._rows:
            self.action_last()
        else:
            self._move_to(self.cursor_row() + by)

    def action_page(self, by: int) -> None:
        self.action_cursor(by * max(1, self.scrollable_content_region.height - 1))

    def action_first(self) -> None:
        self._move_to(0)

    def action_last(self) -> None:
        """Go to the end and follow it."""
        self._cursor = None
        self.follow = True
        self._scroll(self._last_top())
        self.refresh()

    def action_sideways(self, by: int) -> None:
        """Scroll the text sideways; the columns at both sides stay."""
        self.shift = max(0, self.shift + by * SIDEWAYS)
        self.refresh()

    def action_open(self) -> None:
        line = self.current()
        if line is not None:
            self.post_message(LineOpened(line))

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        self._move_bar(new_value)
        super().watch_scroll_y(old_value, new_value)
        if self._ours or not self.is_mounted or old_value == new_value:
            return
        top, height = round(new_value), max(1, self.scrollable_content_region.height)
        if top >= self._last_top():
            if not self.follow:
                self._cursor, self.follow = None, True
        else:
            self._leave_end()
            self._cursor = self.transcript.place(min(max(self.cursor_row(), top), top + height - 1))

    def on_resize(self) -> None:
        self._resize_content()
        self._strips.clear()
        if self.follow:
            self._scroll(self._last_top())
        self._move_bar(self.scroll_y)

    def on_click(self, event: events.Click) -> None:
        row = self.row_at(event.get_content_offset_capture(self).y)
        if row < self._rows and not self.was_dragged:
            self._move_to(row)
            if event.chain == 2:
                self.action_open()

    def render_line(self, y: int) -> Strip:
        width = self.scrollable_content_region.width
        row = round(self.scroll_y) + y
        if self._rows == 0:
            said = dict(enumerate(self.empty.split("\n"), start=self.size.height // 3))
            return self.centred(said.get(y, ""), width)
        place = self.transcript.place(row) if row < self._rows else None
        if place is None:
            return self.blank(width)
        marked = not self.follow and place == self._cursor
        background = ("cursor" if self.has_focus else "cursor-blurred") if marked else ""
        strip = self._strip_at(place, width, background)
        return self.with_selection(strip, row)

    def _strip_at(self, place: RowId, width: int, background: str) -> Strip:
        key = (place, width, background, self.shift)
        strip = self._strips.get(key)
        if strip is None:
            entry = self.transcript.at(place)
            if isinstance(entry, RunSeparator):
                strip = self.strip(
                    separator(self.separators.get(entry.run, f"run {entry.run}"), width), width, background
                )
            elif entry is None:
                return self.strip([Span("  no longer kept", "muted")], width, background)
            else:
                strip = self.strip(self._line_spans(entry, width), width, background)
            if len(self._strips) >= STRIPS_KEPT:
                self._strips.clear()
            self._strips[key] = strip
        return strip

    def _line_spans(self, line: Line, width: int) -> list[Span]:
        parts = self.formatter.parts(line, width, self.shift)
        body: Sequence[Span] = parts.body
        if self.search is not None:
            body = highlight(body, self.search)
        return [*parts.before, *crop(body, self.shift, body_room(parts, width)), *parts.after]

    def selectable_rows(self) -> int:
        return self._rows

    def row_text(self, row: int) -> str:
        place = self.transcript.place(row)
        return "" if place is None else self._strip_at(place, self.scrollable_content_region.width, "").text

    def selection_begun(self, row: int) -> None:
        self._move_to(row)  # so that the selection doesn't scroll away

    def watch_has_focus(self, has_focus: bool) -> None:
        super().watch_has_focus(has_focus)
        self.refresh()
