"""Charts and histograms as lines of cells. Pure: no Textual."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from sage_runtime.events import Latency, bucket_seconds
from sage_tui.dashboard.base.strips import Span, crop, joined, span
from sage_tui.state import format as fmt

LABELS = 8
"""Cells at the left, for the labels of the y axis."""

LEAST_ROWS = 3
"""The fewest rows of a plot; with less room it is a line of numbers."""

ROUNDING = 1e-6
"""Tolerance, in columns, for a bin that ends at a column's edge."""

_LEVELS = " ▁▂▃▄▅▆▇█"


class ChartPiece(NamedTuple):
    """Points of one run: the first bin begins at Unix time `begin`, each is `step` seconds wide."""

    begin: float
    step: float
    points: tuple[float, ...]


class Mark(NamedTuple):
    """An event at Unix time `t`; with `line`, a line through all charts."""

    t: float
    glyph: str
    look: str
    line: bool = False
    words: str = ""


@dataclass(frozen=True, slots=True)
class Plot:
    """One quantity: its pieces in order of time, how its numbers are formatted, and whether bins are averaged."""

    title: str
    pieces: tuple[ChartPiece, ...]
    number: Callable[[float], str]
    look: str
    mean: bool = False

    def values(self) -> list[float]:
        return [value for piece in self.pieces for value in piece.points]


@dataclass(frozen=True, slots=True)
class PlotStack:
    """Plots above one another from Unix time `begin` to `end`; `words` labels both ends."""

    plots: tuple[Plot, ...]
    marks: tuple[Mark, ...]
    begin: float
    end: float
    words: tuple[str, str]


def columns(plot: Plot, begin: float, end: float, width: int) -> list[float | None]:
    """The mean or maximum of the bins in each of `width` columns between two times; None where there are none."""
    found: list[list[float]] = [[] for _ in range(width)]
    each = (end - begin) / max(1, width)
    if each <= 0:
        return [None] * width
    for piece in plot.pieces:
        for i, value in enumerate(piece.points):
            start = piece.begin + i * piece.step
            first = math.floor((start - begin) / each + ROUNDING)
            last = math.ceil((start + piece.step - begin) / each - ROUNDING)
            for column in range(max(0, first), min(width, last)):
                found[column].append(value)
    join = _mean if plot.mean else max
    return [join(values) if values else None for values in found]


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def nice_top(highest: float) -> float:
    """The top of the y axis: 1, 2, 2.5 or 5 times a power of ten, not below the highest value."""
    if highest <= 0 or not math.isfinite(highest):
        return 1.0
    power = 10.0 ** math.floor(math.log10(highest))
    return next((times * power for times in (1.0, 2.0, 2.5, 5.0) if times * power >= highest * 0.9999), 10.0 * power)


def stack_lines(stack: PlotStack, width: int, height: int) -> list[list[Span]]:
    """The stack in `width` × `height` cells: each plot's title and bars, and the time axis at the bottom."""
    plots = stack.plots
    room = height - 2 - len(plots)
    shown = min(len(plots), max(0, room) // LEAST_ROWS)
    inner = max(1, width - LABELS - 1)
    lines: list[list[Span]] = []
    for i, plot in enumerate(plots):
        lines.append(_title(plot, width))
        if i < shown:
            rows = room // shown + (1 if i < room % shown else 0)
            lines += _bars(plot, stack, inner, rows)
    while len(lines) < height - 2:
        lines.append([])
    return [*lines, *_axis(stack, inner, width)][: max(0, height)]


def _title(plot: Plot, width: int) -> list[Span]:
    values = plot.values()
    spans = [span(f" {plot.title}", max(LABELS, len(plot.title) + 3), "strong")]
    if values:
        room = width - fmt.cell_len(spans[0].text)
        for name, value in (("now", values[-1]), ("peak", max(values)), ("mean", _mean(values))):
            number = f"{plot.number(value):<9}"
            if room < len(name) + 1 + len(number.rstrip()):
                break  # don't cut a figure
            room -= len(name) + 1 + len(number)
            spans += (Span(f"{name} ", "muted"), Span(number, plot.look if name == "now" else ""))
    else:
        spans.append(Span("nothing yet", "muted"))
    return crop(spans, 0, width)


def _bars(plot: Plot, stack: PlotStack, width: int, rows: int) -> list[list[Span]]:
    values = columns(plot, stack.begin, stack.end, width)
    top = nice_top(max((value for value in values if value is not None), default=0.0))
    levels = [None if value is None else _level(value / top, rows) for value in values]
    ruled = {_column(mark.t, stack, width) for mark in stack.marks if mark.line}
    labels = {0: top, rows - 1: 0.0}
    if rows >= 5 and (plot.number is not fmt.count or (top / 2).is_integer()):
        labels[rows // 2] = top / 2
    lines = []
    for row in range(rows):
        below = 8 * (rows - 1 - row)
        label = plot.number(labels[row]) if row in labels else ""
        tick = "┤" if row in labels else "│"
        spans = [Span(fmt.pad(label, LABELS - 1, "right") + " ", "muted"), Span(tick, "faint")]
        for x, level in enumerate(levels):
            spans.append(_cell(level, below, plot.look, x in ruled, row == rows - 1))
        lines.append(joined(spans))
    return lines


def _level(share: float, rows: int) -> int:
    """Eighths of a cell; at least one for a value above zero."""
    if share <= 0 or not math.isfinite(share):
        return 0
    return max(1, round(min(1.0, share) * rows * 8))


def _cell(level: int | None, below: int, look: str, ruled: bool, lowest: bool) -> Span:
    eighths = 0 if level is None else max(0, min(8, level - below))
    if eighths:
        return Span(_LEVELS[eighths], look)
    if ruled:
        return Span("┊", "accent")
    return Span("·", "faint") if lowest and level is not None else Span(" ")


def _column(t: float, stack: PlotStack, width: int) -> int:
    return min(width - 1, int((t - stack.begin) / max(1e-9, stack.end - stack.begin) * width))


def _axis(stack: PlotStack, inner: int, width: int) -> list[list[Span]]:
    """The time axis with its marks, and the words below it."""
    cells = [Span("─", "faint")] * inner
    words: list[str] = []
    for mark in sorted(stack.marks, key=lambda mark: mark.line):
        if stack.begin <= mark.t <= stack.end:
            cells[_column(mark.t, stack, inner)] = Span(mark.glyph, mark.look)
            if mark.words and mark.words not in words:
                words.append(mark.words)
    first, last = stack.words
    middle = fmt.cut("  ".join(words), max(0, inner - len(first) - len(last) - 4))
    left = LABELS + 1
    room = inner - len(first) - len(last)
    below = [Span(" " * left), Span(first, "muted"), span(middle, room, "muted", "center"), Span(last, "muted")]
    return [joined([Span(" " * (left - 1)), Span("└", "faint"), *cells]), crop(below, 0, width)]


LEAST_BARS = 3
MOST_BARS = 12


def histogram_lines(latency: Latency, width: int, rows: int) -> list[list[Span]]:
    """The distribution in at most `rows` lines of `width` cells, logarithmic in time; empty if there is no room."""
    if not latency.buckets or rows < LEAST_BARS + 1 or width < 30:
        return []
    low, high = latency.buckets[0][0], latency.buckets[-1][0]
    count = min(MOST_BARS, rows - 1, high - low + 1)
    each = (high - low + 1) / count
    sums = [0] * count
    for bucket, calls in latency.buckets:
        sums[min(count - 1, int((bucket - low) / each))] += calls
    total, most = sum(sums), max(sums)
    bar = max(4, width - 28)
    lines = [[span(" took", 18, "muted"), Span("share", "muted")]]
    for i, calls in enumerate(sums):
        begin, end = bucket_seconds(low + math.ceil(i * each)), bucket_seconds(low + math.ceil((i + 1) * each))
        full = calls / most * bar if most else 0.0
        cells = "█" * int(full) + ("▏▎▍▌▋▊▉"[int((full % 1) * 8) - 1] if int((full % 1) * 8) else "")
        text = cells if cells or not calls else "▏"
        look = "bad" if begin >= latency.p99 > 0 else "warn" if begin >= latency.p95 > 0 else "good"
        lines.append(
            [
                span(f" {fmt.duration(begin):>7} – {fmt.duration(end)}", 18, "muted"),
                span(text, bar + 1, look),
                Span(f"{fmt.percent(calls / total):>5}" if calls else "", "" if calls else "muted"),
            ]
        )
    return lines
