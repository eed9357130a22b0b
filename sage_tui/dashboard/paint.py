"""Drawing lines of cells: looks, spans of text, and the base of the widgets that draw themselves line by line."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from rich.cells import cell_len, chop_cells, set_cell_size
from rich.color import Color
from rich.segment import Segment
from rich.style import Style
from textual.color import Color as TextualColor
from textual.scroll_view import ScrollView
from textual.strip import Strip
from textual.widget import Widget

from sage_tui.dashboard.theme import SOURCE_COLOURS
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

They are no component classes: Textual applies its style sheet to each of these for every widget whenever the focus
moves, which took most of the time that a key took.
"""

ROWS: Mapping[str, str] = {"cursor": "cursor", "cursor-blurred": "cursor-blurred"}
"""Looks of a whole row: a background that lies under its spans."""


class Span(NamedTuple):
    """A piece of a line: safe text (no control characters) and the name of its look."""

    text: str
    look: str = ""


Spans = Sequence[Span]


def span(text: str, width: int, look: str = "", align: str = "left") -> Span:
    """A span of exactly `width` cells, cut with an ellipsis or filled with spaces."""
    return Span(fmt.pad(text, width, align), look)


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


class Looks(Widget):
    """What every widget that draws lines out of spans has in common."""

    def __init__(self, *, widget_id: str | None = None) -> None:
        super().__init__(id=widget_id)
        self._styles_by_look: dict[tuple[str, str], Style] = {}

    def notify_style_update(self) -> None:
        """The theme or a class changed: resolve the looks anew."""
        self._styles_by_look.clear()
        super().notify_style_update()

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
        """An empty line."""
        return Strip.blank(width, self.look(""))

    def centred(self, text: str, width: int, look: str = "muted") -> Strip:
        """A line with a short text in its middle."""
        return self.strip([span(text, width, look, "center")], width)


class Painted(Looks, ScrollView):
    """A scrolling widget that draws itself line by line."""


class PaintedRow(Looks, can_focus=False):
    """A widget of a line or two that draws itself and takes no keys."""


def _colour(variables: Mapping[str, str], name: str) -> Color | None:
    return TextualColor.parse(variables[f"look-{name}"]).rich_color if name else None
