"""Where the matches of a search lie among the rows of a transcript, however many there are."""

from __future__ import annotations

import sys
from bisect import bisect_left, bisect_right

from sage_tui.dashboard.log.scan import Scan
from sage_tui.dashboard.log.transcript import RowId, Transcript

FIRST, LAST = RowId(-1, -1), RowId(sys.maxsize, -1)
"""Places before and behind all lines."""


def position(transcript: Transcript, scan: Scan, place: RowId) -> int | None:
    """Which match lies at a place, counted from 1 at the oldest found; None if none does."""
    before = 0
    for lines in transcript.runs:
        numbers = scan.numbers(lines.run)
        if transcript.place_in(lines.run, place.number) == place:
            index = bisect_left(numbers, place.number)
            found = index < len(numbers) and numbers[index] == place.number
            return before + index + 1 if found else None
        before += len(numbers)
    return None


def beyond(transcript: Transcript, scan: Scan, direction: int, here: RowId) -> RowId | None:
    """The match next to a place, older (-1) or newer (1); None if there is none on that side."""
    for lines in transcript.runs if direction > 0 else reversed(transcript.runs):
        numbers = scan.numbers(lines.run)
        first = transcript.place_in(lines.run, numbers[0]) if numbers else None
        if first is None or (first.run - here.run) * direction < 0:
            continue
        at = 0 if direction > 0 else len(numbers) - 1
        if first.run == here.run:
            at = bisect_right(numbers, here.number) if direction > 0 else bisect_left(numbers, here.number) - 1
        if 0 <= at < len(numbers):
            return first._replace(number=numbers[at])
    return None
