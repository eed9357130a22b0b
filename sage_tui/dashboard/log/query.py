"""Queries for search and filter: which lines match, and where in the line. Pure: no Textual."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sage_runtime.events import ServiceCall
from sage_tui.journal.lines import LONGEST, Line, LineQuery, Needle, needle

LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
"""Levels in ascending order; `level:warning` matches warnings and above."""


class QueryError(ValueError):
    """An invalid query; the message says what to change."""


@dataclass(frozen=True, slots=True)
class Query:
    """A compiled query; `text` is what was typed. A line matches if all conditions hold.

    The words are one text to find; case matters only if it has capitals. After `re:` they are a regular expression.
    `source:NAME`, `level:LEVEL` and `is:stderr` (or another kind) narrow it down; for service calls, so do
    `caller:NAME`, `method:NAME` and `took:5ms` (or longer; `took:<5ms` is shorter). A `-` inverts one of these.
    """

    text: str
    conditions: tuple[Callable[[Line], bool], ...]
    pattern: re.Pattern[str] | None
    needle: Needle | None = None

    def matches(self, line: Line) -> bool:
        if self.pattern is not None and not self.pattern.search(line.text, 0, LONGEST):
            return False
        return all(condition(line) for condition in self.conditions)

    def spans(self, text: str) -> list[tuple[int, int]]:
        """Where the words match in `text`, as pairs of start and end, for highlighting."""
        if self.pattern is None:
            return []
        return [match.span() for match in self.pattern.finditer(text, 0, LONGEST) if match.end() > match.start()]


_PREFIX = re.compile(r"(-?)(source|level|is|caller|method|took):(\S+)(?:\s+|$)", re.IGNORECASE)


def parse(text: str) -> Query | None:
    """Parse what was typed; None if it is empty.

    Raises:
        QueryError: there is an unknown level, an invalid duration or an invalid regular expression.
    """
    rest = text.strip()
    conditions: list[Callable[[Line], bool]] = []
    while match := _PREFIX.match(rest):
        conditions.append(_condition(match[2].lower(), match[3], inverted=bool(match[1])))
        rest = rest[match.end() :]
    if not rest and not conditions:
        return None
    pattern = _pattern(rest)
    plain = None if pattern is None or rest.startswith("re:") else pattern
    known = None if plain is None else needle(rest, ignore_case=bool(plain.flags & re.IGNORECASE))
    return Query(text.strip(), tuple(conditions), pattern, known)


def wanted(queries: Sequence[Query]) -> LineQuery:
    """The query of the journal for lines that match all of these."""
    return LineQuery(
        patterns=tuple(query.pattern for query in queries if query.pattern is not None),
        conditions=tuple(condition for query in queries for condition in query.conditions),
        needles=tuple(query.needle for query in queries if query.needle is not None),
        unseen=any(query.pattern is not None and query.needle is None for query in queries),
    )


def _pattern(text: str) -> re.Pattern[str] | None:
    if not text:
        return None
    flags = re.IGNORECASE if text == text.lower() else re.NOFLAG
    if not text.startswith("re:"):
        return re.compile(re.escape(text), flags)
    try:
        return re.compile(text[3:].strip(), flags)
    except re.error as error:
        raise QueryError(f"not a regular expression: {error}") from None


def _condition(name: str, value: str, *, inverted: bool) -> Callable[[Line], bool]:
    wanted = value.lower()
    if name == "source":
        return lambda line: (wanted in (line.source or "script").lower()) is not inverted
    if name == "is":
        wanted = "error" if wanted == "failed" else wanted
        return lambda line: (line.kind.lower() == wanted) is not inverted
    if name in ("caller", "method", "took"):
        test = _call_test(name, wanted)
        return lambda line: isinstance(line.event, ServiceCall) and test(line.event) is not inverted
    levels = [level for level in LEVELS if level.startswith(wanted.upper())]
    if not levels:
        raise QueryError(f"unknown level {value!r}; there are {', '.join(LEVELS).lower()}")
    least = LEVELS.index(levels[0])
    return lambda line: (_rank(line.kind) >= least) is not inverted


_DURATION = re.compile(r"([<>]?)=?(\d+(?:\.\d+)?|\.\d+)(us|µs|ms|s|m)?")
_UNITS = {"us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0}


def _call_test(name: str, wanted: str) -> Callable[[ServiceCall], bool]:
    """The condition for a service call. A duration without a unit is in milliseconds."""
    if name == "caller":
        return lambda call: wanted in (call.caller or "script").lower()
    if name == "method":
        return lambda call: wanted in call.method.lower()
    match = _DURATION.fullmatch(wanted)
    if match is None:
        raise QueryError(f"not a duration: {wanted!r}; write took:5ms, took:>0.2s or took:<100us")
    seconds = float(match[2]) * _UNITS[match[3] or "ms"]
    return (lambda call: call.duration < seconds) if match[1] == "<" else (lambda call: call.duration >= seconds)


def _rank(level: str) -> int:
    return LEVELS.index(level) if level in LEVELS else 1
