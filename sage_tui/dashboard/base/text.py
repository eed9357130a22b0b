"""Lines of painted text that can be scrolled: a diff, a source file, a record."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.strip import Strip

from sage_tui.dashboard.base.strips import Span, crop
from sage_tui.dashboard.base.text_selection import TextSelection

SIDEWAYS = 8


class Text(TextSelection, can_focus=True):
    """Shows lines of spans; draws those on the screen. Arrows scroll."""

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
        """Show these lines, from line `top` on if that is given."""
        if lines != self.lines:
            self.lines = lines
            self.virtual_size = Size(self.size.width, max(1, len(lines)))
            self.refresh()
        if top is not None:
            self.scroll_to(y=top, animate=False, force=True)

    def say(self, words: str) -> None:
        """Show no lines, and why."""
        if words != self.empty or self.lines:
            self.empty = words
            self.show_lines(())
            self.refresh()

    def plain(self) -> str:
        """The lines as text."""
        return "\n".join("".join(text for text, _ in line).rstrip() for line in self.lines)

    def action_go(self, by: int) -> None:
        """Scroll by lines."""
        self.scroll_to(y=max(0, round(self.scroll_y) + by), animate=False, force=True)

    def action_page(self, by: int) -> None:
        """Scroll by a screenful."""
        self.action_go(by * max(1, self.size.height - 1))

    def action_sideways(self, by: int) -> None:
        """Scroll long lines sideways."""
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

    def whole(self) -> Iterable[str]:
        return self.plain().split("\n") if self.lines else [self.empty]

    def row_text(self, row: int) -> str:
        width = self.scrollable_content_region.width
        return "".join(text for text, _ in crop(self.lines[row], self.shift, width))
