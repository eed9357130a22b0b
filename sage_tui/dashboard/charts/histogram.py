"""A distribution of durations as bars, a row for each range. Pure: no Textual."""

from __future__ import annotations

import math

from sage_runtime.events import Latency, bucket_seconds
from sage_tui.dashboard.base.strips import Span, span
from sage_tui.state import format as fmt

LEAST_ROWS = 3
MOST_ROWS = 12


def histogram_lines(latency: Latency, width: int, rows: int) -> list[list[Span]]:
    """The distribution in at most `rows` lines of `width` cells, logarithmic in time; empty where there is no room."""
    if not latency.buckets or rows < LEAST_ROWS + 1 or width < 30:
        return []
    low, high = latency.buckets[0][0], latency.buckets[-1][0]
    count = min(MOST_ROWS, rows - 1, high - low + 1)
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
