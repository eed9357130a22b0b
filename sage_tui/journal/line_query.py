"""What is looked for in a journal: conditions and texts, and the bytes that a line which has them can't be without."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from typing import NamedTuple

from sage_runtime.frozen import Frozen
from sage_tui.journal.lines import Line

LONGEST = 20_000
"""Characters of a line that are searched."""

ALIKE = {"k": "\u212a", "s": "\u017f", "i": "\u0130\u0131"}
"""Characters beyond ASCII that `re` takes for these letters where case is ignored: Kelvin, long s, Turkish i."""


class Needle(NamedTuple):
    """Bytes in the JSON of every event whose text has some words, but for the events that have one of `odd` instead.

    With `fold` the bytes are those of the JSON with small ASCII letters. `whole`: where they stand in a text of which
    the JSON has no backslash, there the words stand.
    """

    raw: bytes
    fold: bool
    odd: tuple[bytes, ...]
    whole: bool


class LineQuery(Frozen):
    """Which lines are wanted: those that meet all `conditions` and have all `patterns` in their text.

    Conditions look at a line's source, kind and event, never at its text: all lines of an event meet them or none.
    Each of the `needles` stands for one of the patterns, the others are `unseen` in the bytes.
    """

    patterns: tuple[re.Pattern[str], ...] = ()
    conditions: tuple[Callable[[Line], bool], ...] = ()
    needles: tuple[Needle, ...] = ()
    unseen: bool = False

    def admits(self, line: Line) -> bool:
        """Whether all conditions are met."""
        return all(condition(line) for condition in self.conditions)

    def among(self, texts: list[str]) -> list[int]:
        """The places of the texts that have all patterns."""
        places = list(range(len(texts)))
        for pattern in self.patterns:
            search = pattern.search
            places = [place for place in places if search(texts[place], 0, LONGEST)]
        return places

    def pick(self, lines: Iterable[Line]) -> list[int]:
        """The numbers of the wanted lines; what is unfinished is not wanted."""
        patterns = self.patterns
        return [
            line.number
            for line in lines
            if not line.partial
            and all(pattern.search(line.text, 0, LONGEST) for pattern in patterns)
            and self.admits(line)
        ]


def needle(words: str, *, ignore_case: bool) -> Needle | None:
    """The needle of a text that is to be found as it is (or in any case, as `re` takes it); None if there is none."""
    # Letters beyond ASCII that have another case have it in other bytes: the longest part without them has to do.
    known = max(_parts(words), key=len) if ignore_case else words
    try:
        raw = json.dumps(known, ensure_ascii=False)[1:-1].encode()
    except UnicodeEncodeError:  # a lone surrogate is written in ASCII, as an escape
        return None
    if not raw:
        return None
    odd = {other.encode() for letter in known.lower() for other in ALIKE.get(letter, "") if ignore_case}
    fold = ignore_case and raw.lower() != raw.upper()
    return Needle(raw.lower() if fold else raw, fold, tuple(sorted(odd)), known == words)


def _parts(words: str) -> list[str]:
    cased = [letter for letter in words if not letter.isascii() and letter.lower() + letter.upper() != 2 * letter]
    return re.split("|".join(cased), words) if cased else [words]
