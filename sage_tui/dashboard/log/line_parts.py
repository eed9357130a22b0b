"""Parts of a pane of lines: the rule between two runs, what a search found, the thumb of the scroll bar."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil

from sage_tui.dashboard.base.strips import Span, crop
from sage_tui.dashboard.log.query import Query


def thumb(height: int, rows: int, top: float) -> tuple[int, int]:
    """Where a scroll bar of `height` cells draws its thumb, in eighths of a cell: begin and length."""
    if rows <= height:
        return 0, 8 * height
    length = max(1.0, height * height / rows)
    return int(8 * (height - length) * top / (rows - height)), ceil(8 * length)


def rule(text: str, width: int) -> list[Span]:
    """The line between two runs."""
    return [
        Span("── ", "faint"),
        *crop([Span(text, "accent"), Span(" " + "─" * width, "faint")], 0, width - 3, mark=False),
    ]


def highlight(spans: Sequence[Span], query: Query) -> list[Span]:
    """The spans with what the query finds in their text set off."""
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
