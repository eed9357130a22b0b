"""What queries mean, and that a scan finds exactly the lines that match."""

from __future__ import annotations

import pytest
from support.showing import NOON, FakeLines

from sage_runtime.events import Log, Output
from sage_tui.dashboard.log.query import Query, QueryError, parse
from sage_tui.dashboard.log.scan import CHUNK, Scan
from sage_tui.journal.lines import Line, lines_of


def line(text: str, source: str | None = "A", level: str = "INFO") -> Line:
    return lines_of(Log(t=NOON, level=level, source=source, message=text), 0)[0]


def query(text: str) -> Query:
    found = parse(text)
    assert found is not None
    return found


def test_an_empty_query_is_none() -> None:
    assert parse("   ") is None


def test_small_letters_match_any_case_and_capitals_only_themselves() -> None:
    assert query("hello").matches(line("HELLO"))
    assert not query("Hello").matches(line("HELLO"))


def test_words_are_one_text_and_no_pattern() -> None:
    assert query("a.b c").matches(line("xa.b cx"))
    assert not query("a.b c").matches(line("aXb c"))


def test_a_regular_expression_is_asked_for() -> None:
    assert query("re:^a.c$").matches(line("abc"))


def test_source_level_and_kind_narrow_it_down() -> None:
    assert query("source:upper x").matches(line("x", source="UpperCaseMap"))
    assert not query("source:upper x").matches(line("x", source="PrintSink"))
    assert query("level:warn").matches(line("x", level="ERROR"))
    assert not query("level:warn").matches(line("x", level="INFO"))
    assert query("-source:print").matches(line("x", source=None))


@pytest.mark.parametrize("text", ["level:loud", "re:(", "re:["])
def test_a_mistake_is_named(text: str) -> None:
    with pytest.raises(QueryError):
        parse(text)


def test_what_matched_can_be_highlighted() -> None:
    assert query("l").spans("hello") == [(2, 3), (3, 4)]
    assert query("level:error").spans("error") == []


def test_a_scan_finds_every_match_newest_chunk_first() -> None:
    lines = FakeLines()
    lines.add(*(Output(text=f"line {n}") for n in range(3 * CHUNK + 10)))
    scan = Scan([query("re:7$")])
    scan.add(1, lines)
    assert scan.step()
    assert scan.numbers(1)[0] >= 2 * CHUNK
    while scan.step():
        pass
    assert list(scan.numbers(1)) == [n for n in range(3 * CHUNK + 10) if n % 10 == 7]
    assert scan.complete


def test_a_scan_goes_on_with_lines_that_come_later_and_with_later_runs() -> None:
    first, second = FakeLines(), FakeLines()
    first.add(Output(text="x"))
    scan = Scan([query("x")])
    scan.add(1, first)
    while scan.step():
        pass
    first.add(Output(text="y"), Output(text="x"))
    second.add(Output(text="x"))
    scan.add(2, second)
    while scan.step():
        pass
    assert (list(scan.numbers(1)), list(scan.numbers(2)), scan.total()) == ([0, 2], [0], 3)


def test_unfinished_lines_are_not_found() -> None:
    lines = FakeLines()
    lines.add(Output(text="10% x", end="\r"), Output(text="x done"))
    scan = Scan([query("x")])
    scan.add(1, lines)
    while scan.step():
        pass
    assert list(scan.numbers(1)) == [1]


def test_a_scan_begins_with_what_lies_before_the_line_that_is_looked_at() -> None:
    lines = FakeLines()
    lines.add(*(Output(text=f"line {n}") for n in range(4 * CHUNK)))
    scan = Scan([query("line")])
    scan.add(1, lines, near=2 * CHUNK)
    scan.step()
    assert list(scan.numbers(1)) == list(range(CHUNK, 2 * CHUNK))
    scan.step()
    assert scan.numbers(1)[-1] == 3 * CHUNK - 1  # one was found before it, so what is newer comes next
    assert not scan.complete
    while scan.step():
        pass
    assert scan.complete
    assert list(scan.numbers(1)) == list(range(4 * CHUNK))


def test_a_search_far_from_the_end_goes_on_upwards_until_it_finds_something() -> None:
    lines = FakeLines()
    lines.add(Output(text="first"), *(Output(text="line") for _ in range(4 * CHUNK)), Output(text="first"))
    scan = Scan([query("first")])
    scan.add(1, lines, near=3 * CHUNK)
    for _ in range(3):
        scan.step()
    assert list(scan.numbers(1)) == [0]
