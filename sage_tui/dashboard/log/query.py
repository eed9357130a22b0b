"""What a search or a filter asks of a line, and where in the line it matched. Pure: no Textual."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sage_runtime.events import ServiceCall
from sage_tui.journal.lines import LONGEST, Line, LineQuery, Needle, needle

LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
"""Levels in ascending order; `level:warning` takes what is at least a warning."""


class QueryError(ValueError):
    """A query that can't be understood; the message says what to change."""


@dataclass(frozen=True, slots=True)
class Query:
    """A compiled query: `text` as it was typed; a line matches if all of its conditions hold.

    Words are one text to be found, in any case unless it has capitals. `re:` before it makes it a regular expression.
    `source:NAME`, `level:LEVEL` and `is:stderr` (or another kind) narrow it down, service calls by `caller:NAME`,
    `method:NAME` and `took:5ms` (or longer; `took:<5ms` shorter); a `-` before one of these inverts it.
    """

    text: str
    conditions: tuple[Callable[[Line], bool], ...]
    pattern: re.Pattern[str] | None
    needle: Needle | None = None

    def matches(self, line: Line) -> bool:
        """Whether the line has everything that was asked for."""
        if self.pattern is not None and not self.pattern.search(line.text, 0, LONGEST):
            return False
        return all(condition(line) for condition in self.conditions)

    def spans(self, text: str) -> list[tuple[int, int]]:
        """Where the text part matches in `text`, as pairs of start and end, for highlighting."""
        if self.pattern is None:
            return []
        return [match.span() for match in self.pattern.finditer(text, 0, LONGEST) if match.end() > match.start()]


_PREFIX = re.compile(r"(-?)(source|level|is|caller|method|took):(\S+)(?:\s+|$)", re.IGNORECASE)


def parse(text: str) -> Query | None:
    """The query in what somebody typed; None if it is empty.

    Raises:
        QueryError: an unknown level, no duration, or a regular expression with a mistake.
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
    """The lines that match all queries."""
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
    """What a service call has to be; a duration without a unit is in milliseconds."""
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
