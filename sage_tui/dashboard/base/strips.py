"""Drawing lines of cells: looks, spans of text, and the widgets that draw themselves line by line."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple, Self

from rich.cells import cell_len, chop_cells, set_cell_size
from rich.color import Color
from rich.segment import Segment
from rich.style import Style
from textual.color import Color as TextualColor
from textual.geometry import Region, Size
from textual.scroll_view import ScrollView
from textual.strip import Strip
from textual.widget import Widget

from sage_tui.dashboard.base.theme import SOURCE_COLOURS
from sage_tui.state import format as fmt

LOOKS: Mapping[str, tuple[str, str, str]] = {
    "muted": ("muted", "", ""),
    "faint": ("faint", "", ""),
    "strong": ("", "", "bold"),
    "good": ("good", "", ""),
    "warn": ("warn", "", ""),
    "bad": ("bad", "", "bold"),
    "key": ("key", "", "bold"),
    "accent": ("accent", "", ""),
    "match": ("on-match", "accent", ""),
    "picked": ("on-match", "key", "bold"),
    **{name: (name, "", "") for name in (f"source-{i}" for i in range(SOURCE_COLOURS))},
}
"""Names of text looks: colour, background (both as `$look-…` of the theme) and text style. `""` is plain text.

They are not component classes: Textual applies its style sheet to each of those, for every widget, whenever the focus
moves, which took most of the time that a key took.
"""

ROWS: Mapping[str, str] = {"cursor": "cursor", "cursor-blurred": "cursor-blurred"}
"""Looks of a whole row: the background below its spans."""


class Span(NamedTuple):
    """A piece of a line: safe text (no control characters) and the name of its look."""

    text: str
    look: str = ""


Spans = Sequence[Span]


def span(text: str, width: int, look: str = "", align: str = "left") -> Span:
    """A span of exactly `width` cells, cut with an ellipsis or filled with spaces."""
    return Span(fmt.pad(text, width, align), look)


def wrapped(text: str, width: int, most: int) -> list[str]:
    """Break a text into at most `most` lines of `width` cells, between words where possible."""
    lines = [""]
    for word in text.split():
        for piece in chop_cells(word, max(1, width)):
            joined = f"{lines[-1]} {piece}" if lines[-1] else piece
            if cell_len(joined) <= width:
                lines[-1] = joined
            else:
                lines.append(piece)
    if len(lines) > most:
        lines = [*lines[: most - 1], fmt.cut(f"{lines[most - 1]} {lines[most]}", width)]
    return lines


def joined(spans: Iterable[Span]) -> list[Span]:
    """The spans with neighbours of the same look merged into one."""
    result: list[Span] = []
    for text, look in spans:
        if result and result[-1].look == look:
            result[-1] = Span(result[-1].text + text, look)
        else:
            result.append(Span(text, look))
    return result


def spans_width(spans: Spans) -> int:
    """The cells that spans take."""
    return sum(cell_len(text) for text, _ in spans)


def crop(spans: Spans, start: int, width: int, *, mark: bool = True) -> list[Span]:
    """The cells from `start` to `start + width` of a line, filled with spaces; `mark` ends a cut line with `…`."""
    result: list[Span] = []
    skip, room = start, width
    cut = False
    for text, look in spans:
        if skip:
            size = cell_len(text)
            if size <= skip:
                skip -= size
                continue
            text = _drop_cells(text, skip)
            skip = 0
        size = cell_len(text)
        if size > room:
            cut = True
            text, size = set_cell_size(text, room), room
        if text:
            result.append(Span(text, look))
        room -= size
        if cut:
            break
    if cut and mark and width > 0 and result:
        text, look = result[-1]
        result[-1] = Span(set_cell_size(text, max(0, cell_len(text) - 1)), look)
        result.append(Span("…", "muted"))
    if room > 0:
        result.append(Span(" " * room))
    return result


def _drop_cells(text: str, cells: int) -> str:
    """The text without its first `cells` cells; half a wide character becomes a space."""
    if text.isascii():
        return text[cells:]
    head = chop_cells(text, cells)[0] if cells else ""
    rest = text[len(head) :]
    short = cells - cell_len(head)
    return rest if not short or not rest else " " * (cell_len(rest[0]) - short) + rest[1:]


class CachedFrame(Widget):
    """A container that returns the same strips of its frame until it is refreshed.

    The compositor asks every container around a changed line for all of its lines.
    """

    _frame: tuple[Region, list[Strip]] | None = None

    def refresh(self, *regions: Region, repaint: bool = True, layout: bool = False, recompose: bool = False) -> Self:
        self._frame = None
        return super().refresh(*regions, repaint=repaint, layout=layout, recompose=recompose)

    def notify_style_update(self) -> None:
        self._frame = None
        super().notify_style_update()

    def render_lines(self, crop: Region) -> list[Strip]:
        if self._frame is None or self._frame[0] != crop:
            self._frame = crop, super().render_lines(crop)
        return self._frame[1]


class LineWidget(Widget):
    """A widget that draws itself line by line, out of spans. It has no border and no padding.

    It keeps the strips that are on the screen and returns the same objects again, since a strip caches its crops and
    its escape sequences. Textual's own cache makes new strips, which took half of the time of a frame.
    """

    def __init__(self, *, widget_id: str | None = None) -> None:
        super().__init__(id=widget_id)
        self._styles_by_look: dict[tuple[str, str], Style] = {}
        self._kept: dict[int, Strip] = {}
        self._kept_size = Size(0, 0)

    def notify_style_update(self) -> None:
        self._styles_by_look.clear()
        self._kept.clear()
        super().notify_style_update()

    def refresh(self, *regions: Region, repaint: bool = True, layout: bool = False, recompose: bool = False) -> Self:
        """Redraw these regions; by default, everything."""
        if repaint:
            self._forget(regions)
        return super().refresh(*regions, repaint=repaint, layout=layout, recompose=recompose)

    def _forget(self, regions: Sequence[Region]) -> None:
        if not regions:
            self._kept.clear()
        for region in regions:
            for y in region.line_range:
                self._kept.pop(y, None)

    def redraw(self) -> None:
        """Redraw only the lines that look different now."""
        if self._kept_size != self.size:
            self.refresh()
            return
        for y, old in list(self._kept.items()):
            new = self._line(y)
            if new is not old and new != old:
                super().refresh(Region(0, y, self.size.width, 1))
                self._kept[y] = new

    def _line(self, y: int) -> Strip:
        return self.render_line(y).adjust_cell_length(self.size.width, self.look(""))

    def render_lines(self, crop: Region) -> list[Strip]:
        if self._kept_size != self.size:
            self._kept.clear()
            self._kept_size = self.size
        kept = self._kept
        strips = []
        for y in crop.line_range:
            strip = kept.get(y)
            if strip is None:
                strip = kept[y] = self._line(y)
            strips.append(strip)
        filters = self.get_line_filters()
        if filters:
            _, background = self.background_colors
            for one in filters:
                strips = [strip.apply_filter(one, background) for strip in strips]
        if crop.column_span != (0, self.size.width):
            strips = [strip.crop(*crop.column_span) for strip in strips]
        return strips

    def look(self, name: str, row: str = "") -> Style:
        """The Rich style of a look, on the row's background."""
        style = self._styles_by_look.get((name, row))
        if style is None:
            style = self._styles_by_look[name, row] = self._make_style(name, row)
        return style

    def _make_style(self, name: str, row: str) -> Style:
        style, colours = self.rich_style, self.app.theme_variables
        if row == "cursor" and self.app.native_ansi_color:
            return style + Style(reverse=True)  # other colours would turn into backgrounds
        if row:
            style += Style(bgcolor=_colour(colours, ROWS[row]))
        if name:
            colour, background, text = LOOKS[name]
            style += Style(
                color=_colour(colours, colour), bgcolor=_colour(colours, background), bold=text == "bold" or None
            )
        return style

    def strip(self, spans: Iterable[Span], width: int, row: str = "") -> Strip:
        """A strip of exactly `width` cells."""
        segments = [Segment(text, self.look(name, row)) for text, name in spans if text]
        return Strip(segments).adjust_cell_length(width, self.look("", row))

    def blank(self, width: int) -> Strip:
        return Strip.blank(width, self.look(""))

    def centred(self, text: str, width: int, look: str = "muted") -> Strip:
        """A line with a short text in its middle."""
        return self.strip([span(text, width, look, "center")], width)


class ScrollingLines(LineWidget, ScrollView):
    """A line widget that scrolls."""


def _colour(variables: Mapping[str, str], name: str) -> Color | None:
    return TextualColor.parse(variables[f"look-{name}"]).rich_color if name else None
