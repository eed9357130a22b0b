"""Searching the bytes of a journal finds exactly the lines that reading and looking at each of them would find."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from sage_runtime.events import Event, Log, OperatorStats, Output, encode, replace
from sage_tui.dashboard.log.query import QueryError, parse, wanted
from sage_tui.journal import JournalWriter
from sage_tui.journal.channel import SIFTED_BYTES
from sage_tui.journal.lines import ALIKE, LONGEST, LineSource

PIECES = (
    *('"', "\\", "/", "\\u0041", "\\n", "\t", "\x1b[31m", "\x00", "\x7f", "\u2028", "\r", " "),
    *("kiosk", "KIOSK", "\u212aio\u017fk", "\u0130i\u0131I", "ß", "ẞ", "SS", "é", "É", "Σίσυφος", "яЯ", "ǅ"),
    *(
        "中文",
        "日本",
        "🙂",
        "\udc80",
        '"text":"',
        ',"text":"',
        ',"message":"',
        '","end":"\\n"}',
        '{"type":"log"',
        "a",
        "A",
    ),
)
"""What is awkward in JSON, in a search regardless of case, or in the bytes of a journal."""

TEXTS = st.lists(st.sampled_from(PIECES), max_size=6).map("".join)
QUERIES = st.lists(st.sampled_from(PIECES), min_size=1, max_size=2).map("".join)
SOURCES = st.sampled_from([None, "Sink", "kiosk", 'a "source"', "中"])


@st.composite
def events(draw: st.DrawFn) -> Event:
    kind = draw(st.integers(0, 9))
    if kind == 0:
        return OperatorStats(pipeline="p", operator=draw(TEXTS))
    if kind < 5:
        level = draw(st.sampled_from(["INFO", "WARNING"]))
        return Log(level=level, logger=draw(TEXTS), source=draw(SOURCES), message=draw(TEXTS))
    lines = draw(st.lists(TEXTS, min_size=1, max_size=3))
    end = draw(st.sampled_from(["\n", "\n", "\n", "", "\r"]))
    return Output(pipeline="p", stream=draw(st.sampled_from(["stdout", "stderr"])), source=draw(SOURCES),
                  text="\n".join(lines), end=end)  # fmt: skip


def foreign(event: Event) -> bytes:
    """The event as another encoder may write it: in ASCII, in another order, with blanks or without."""
    fields = json.loads(encode(event))
    kind = fields.pop("type")
    separators = (", ", ": ") if event.seq % 2 else (",", ":")
    data = json.dumps({"type": kind, **dict(reversed(fields.items()))}, separators=separators)
    return data.replace('{"type": ', '{"type":', 1).replace("/", "\\/").encode() + b"\n"


def journal(events: Iterable[tuple[Event, bool]], *, segment_bytes: int = 3000) -> JournalWriter:
    """A journal in memory of events, some of them written in a foreign way."""
    writer = JournalWriter(None, dict, segment_bytes=segment_bytes)
    for seq, (event, strange) in enumerate(events):
        stamped = replace(event, run=1, t=1000.0 + seq, seq=seq)
        writer.append(foreign(stamped) if strange else encode(stamped), stamped)
        if seq % 7 == 0:
            writer.flush()
    writer.flush()
    return writer


def found(source: LineSource, query: str, start: int = 0, stop: int = sys.maxsize) -> list[int]:
    """What is found in the bytes, once it is known to be what is found by reading."""
    parsed = parse(query)
    assert parsed is not None
    read = [line.number for line in source.read(start, stop) if not line.partial and parsed.matches(line)]
    assert source.pick(start, stop, wanted([parsed])) == read
    return read


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.tuples(events(), st.integers(0, 9).map(lambda n: n == 0)), max_size=30),
    QUERIES,
    st.sampled_from(["", "re:", "source:kiosk ", "-source:sink ", "level:warning ", "is:stderr "]),
    st.integers(0, 20),
    st.integers(0, 90),
)
@example([(Output(text="\\users"), False), (Output(text="\x1b"), False)], "u001b", "", 0, 9)
def test_sifting_finds_what_reading_finds(
    written: list[tuple[Event, bool]], query: str, before: str, start: int, stop: int
) -> None:
    writer = journal(written)
    try:
        asked = parse(before + query)
    except QueryError:
        return
    if asked is not None:
        for channel in ("output", "log"):
            found(writer.lines(channel), before + query)
            found(writer.lines(channel), before + query, start, stop)


@settings(max_examples=100, deadline=None)
@given(st.lists(events(), max_size=20), QUERIES, QUERIES)
def test_a_search_within_a_filter_has_both(written: list[Event], one: str, other: str) -> None:
    queries = [query for text in (one, other) if (query := parse(text.removeprefix("re:")))]
    source = journal((event, False) for event in written).lines("log")
    both = [
        line.number
        for line in source.read(0, sys.maxsize)
        if not line.partial and all(query.matches(line) for query in queries)
    ]
    assert source.pick(0, sys.maxsize, wanted(queries)) == both


def test_matches_lie_in_the_text_and_in_no_other_field() -> None:
    source = journal([(Log(logger="here", source="here", message="there"), False)]).lines("log")
    assert found(source, "here") == [0]  # of "there"
    source = journal([(Log(logger="here", source="here", message="nowhere else?"), False)]).lines("log")
    assert found(source, "re:^here") == []


def test_the_end_of_a_very_long_line_is_not_searched() -> None:
    texts = ["x" * (LONGEST - 4) + "here", "x" * (LONGEST - 3) + "here"]
    source = journal([(Output(text=text), False) for text in texts]).lines("output")
    assert found(source, "here") == [0]


def test_what_lies_among_many_other_events_is_found() -> None:
    between = [(OperatorStats(pipeline="p", operator="o" * 5000), False)] * (SIFTED_BYTES // 5000 + 2)
    lines = [(Log(message="here"), False), *between, (Log(message="and here"), False)]
    source = journal(lines, segment_bytes=2**24).lines("log")
    assert found(source, "here") == [0, 1]


def test_a_channel_that_is_not_sifted_is_read() -> None:
    source = journal([(Log(message="x"), False)]).lines("notice")
    assert found(source, "x") == []


@pytest.mark.parametrize("letter", "abcdefghijklmnopqrstuvwxyz0-")
def test_the_letters_that_are_taken_for_ascii_ones_are_known(letter: str) -> None:
    beyond = "".join(map(chr, range(0x80, sys.maxunicode + 1)))
    assert set(re.findall(letter, beyond, re.IGNORECASE)) == set(ALIKE.get(letter, ""))


@pytest.mark.parametrize(
    ("query", "text", "matches"),
    [
        ("kiosk", "\u212aio\u017fk", True),
        ("i", "\u0130", True),
        ("größe", "GRÖẞE", True),
        ("größe", "groesse", False),
        ("größe", "grxsse", False),
        ("Größe", "größe", False),
        ("яблоко", "ЯБЛОКО", True),
        ("σ", "ς", True),
        ("中文", "中文", True),
        ('say "it"', 'Say "It"', True),
        ("c:\\users", "C:\\Users", True),
        ("n", "\n".join(["a", "b"]), False),
        ("1b", "\x1b", False),
        ("re:^b$", "a\nb", True),
        ("re:a.b", "a\nb", False),
    ],
)
@pytest.mark.parametrize("strange", [False, True])
def test_letters_in_other_cases_and_signs_with_escapes(query: str, text: str, matches: bool, strange: bool) -> None:
    source = journal([(Output(text=text), strange)]).lines("output")
    assert bool(found(source, query)) is matches
