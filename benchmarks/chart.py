"""Draw the README's chart: records per second of each engine, on a logarithmic scale, as SVG."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from html import escape

_BAR, _GAP, _LEFT, _RIGHT, _TOP = 22, 10, 250, 90, 34
_WIDTH = 760
_PREFIX = "four operators against "


def rates(results: Iterable[Mapping[str, object]], records: int) -> dict[str, float]:
    """Records per second by engine, from the rows with four operators, fastest first."""
    found: dict[str, float] = {}
    for row in results:
        name = str(row["what"])
        if "failed" in row or not name.startswith("four operators"):
            continue
        if name.startswith(_PREFIX):
            found[name.removeprefix(_PREFIX)] = records / float(str(row["base"]))
        else:
            found["a plain chain of calls, one thread"] = records / float(str(row["base"]))
            found["sage-tui, monitored"] = records / float(str(row["ours"]))
    return dict(sorted(found.items(), key=lambda item: -item[1]))


def throughput_chart(results: Iterable[Mapping[str, object]], records: int) -> str:
    """The chart as SVG, readable on light and dark pages."""
    bars = rates(results, records)
    height = _TOP + len(bars) * (_BAR + _GAP) + 8
    low = 10.0
    high = 10 ** math.ceil(math.log10(max(bars.values(), default=100.0)))
    room = _WIDTH - _LEFT - _RIGHT
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" width="{_WIDTH}" height="{height}"'
        ' font-family="system-ui, sans-serif" font-size="13" role="img"'
        ' aria-label="Records a second through source, map, filter and sink, by engine">',
        "<style>text{fill:#24292f}@media(prefers-color-scheme:dark){text{fill:#e6edf3}}</style>",
        '<text x="8" y="20" font-weight="600">Records a second: source → map → filter → sink (logarithmic)</text>',
    ]
    for place, (name, rate) in enumerate(bars.items()):
        y = _TOP + place * (_BAR + _GAP)
        width = max(2.0, room * math.log10(max(rate, low) / low) / math.log10(high / low))
        colour = "#2da44e" if name.startswith("sage-tui") else "#8c959f"
        parts += [
            f'<text x="{_LEFT - 8}" y="{y + 16}" text-anchor="end">{escape(name)}</text>',
            f'<rect x="{_LEFT}" y="{y}" width="{width:.1f}" height="{_BAR}" rx="3" fill="{colour}"/>',
            f'<text x="{_LEFT + width + 6:.1f}" y="{y + 16}">{_short(rate)}</text>',
        ]
    return "\n".join([*parts, "</svg>"]) + "\n"


def _short(rate: float) -> str:
    for size, letter in ((1e6, " M"), (1e3, " k")):
        if rate >= size:
            return f"{rate / size:.2g}{letter}" if rate < 10 * size else f"{rate / size:.0f}{letter}"
    return f"{rate:.0f}"
