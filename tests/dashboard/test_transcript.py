"""The rows of a line pane: unfinished lines, dropped ones, several runs, filters."""

from __future__ import annotations

from array import array

import pytest
from support.showing import FakeLines

from sage_runtime.events import Output
from sage_tui.dashboard.log.transcript import BLOCK, FOLD_AT_ONCE, RUNS_KEPT, RowId, RunSeparator, Transcript
from sage_tui.journal.lines import Line


def out(text: str, end: str = "\n", source: str = "A") -> Output:
    return Output(source=source, text=text, end=end)


def transcript(*events: Output) -> tuple[Transcript, FakeLines]:
    lines = FakeLines()
    lines.add(*events)
    rows = Transcript()
    rows.show_run(1, lines)
    rows.advance()
    return rows, lines


def texts(rows: Transcript) -> list[str]:
    """What every row shows."""
    shown = []
    for row in range(rows.count()):
        place = rows.place(row)
        assert place is not None
        entry = rows.at(place)
        shown.append(f"rule {entry.run}" if isinstance(entry, RunSeparator) else entry.text if entry else "gone")
    return shown


def test_each_line_is_a_row() -> None:
    rows, _ = transcript(out("one\ntwo"), out("three"))
    assert texts(rows) == ["one", "two", "three"]


def test_an_unfinished_line_is_continued_in_place() -> None:
    rows, lines = transcript(out("load", end=""))
    assert texts(rows) == ["load"]
    lines.add(out("ing", end=""), out(" done"), out("next"))
    rows.advance()
    assert texts(rows) == ["loading done", "next"]


def test_a_carriage_return_shows_as_one_updating_line() -> None:
    rows, lines = transcript(*(out(f"{n}%", end="\r") for n in range(0, 101, 10)))
    assert texts(rows) == ["100%"]
    lines.add(out(""), out("after"))
    rows.advance()
    assert texts(rows) == ["100%", "after"]


def test_a_bar_that_begins_with_a_carriage_return_is_one_line_too() -> None:
    rows, _ = transcript(out("", end="\r"), out("10%", end=""), out("", end="\r"), out("20%", end=""), out(""))
    assert texts(rows) == ["20%"]


def test_another_sources_line_between_does_not_end_an_unfinished_one() -> None:
    rows, _ = transcript(out("10%", end="\r"), out("hello", source="B"), out("20%", end="\r"))
    assert texts(rows) == ["hello", "20%"]


def test_rows_and_line_numbers_agree_around_hidden_lines() -> None:
    rows, _ = transcript(*(out(str(n), end="" if n % 3 == 0 else "\n", source=f"S{n // 2}") for n in range(300)))
    for row in range(rows.count()):
        place = rows.place(row)
        assert place is not None
        assert rows.row(place) == row


def test_lines_that_are_no_longer_kept_have_no_row() -> None:
    rows, lines = transcript(*(out(str(n)) for n in range(10)))
    lines.dropped = 7
    rows.advance()
    assert texts(rows) == ["7", "8", "9"]


def test_a_rule_stands_between_two_runs() -> None:
    rows, _ = transcript(out("old"))
    second = FakeLines()
    second.add(out("new"))
    assert rows.show_run(2, second)
    assert not rows.show_run(2, second)
    rows.advance()
    assert texts(rows) == ["old", "rule 2", "new"]
    assert rows.place(1) == RowId(1, -1)


def test_places_stay_true_when_the_oldest_run_is_dropped() -> None:
    rows, _ = transcript(out("first"))
    for run in range(2, RUNS_KEPT + 3):
        lines = FakeLines()
        lines.add(out(f"run {run}"))
        rows.show_run(run, lines)
        rows.advance()
    place = rows.place(rows.count() - 1)
    assert place is not None
    entry = rows.at(place)
    assert isinstance(entry, Line)
    assert entry.text == f"run {RUNS_KEPT + 2}"
    assert rows.at(RowId(0, 0)) is None
    assert rows.row(place) == rows.count() - 1


def test_a_filter_shows_only_the_lines_it_chose() -> None:
    rows, _ = transcript(*(out(str(n)) for n in range(10)))
    rows.choose(lambda run: array("q", [2, 5]))
    assert texts(rows) == ["2", "5"]
    assert rows.row(RowId(0, 3)) == 1
    rows.choose(None)
    assert rows.count() == 10


def test_lines_that_a_filter_finds_ahead_of_the_rows_are_shown_with_the_next_look() -> None:
    rows, lines = transcript(out("0"), out("1"))
    lines.add(out("2"), out("3"))
    rows.choose(lambda run: array("q", [1, 3]))
    assert texts(rows) == ["1"]
    rows.advance()
    assert texts(rows) == ["1", "3"]


def test_only_the_blocks_on_the_screen_are_read() -> None:
    rows, lines = transcript(*(out(str(n)) for n in range(100_000)))
    lines.reads.clear()
    for row in range(50_000, 50_040):
        place = rows.place(row)
        assert place is not None
        assert rows.at(place) is not None
    assert sum(stop - start for start, stop in lines.reads) <= 2 * BLOCK


def test_a_flood_is_not_looked_through_line_by_line() -> None:
    rows, lines = transcript()
    lines.add(*(out(str(n)) for n in range(50_000)))
    lines.reads.clear()
    rows.advance()
    assert sum(stop - start for start, stop in lines.reads) <= FOLD_AT_ONCE
    assert rows.count() == 50_000


@pytest.mark.parametrize("size", [BLOCK - 1, BLOCK, BLOCK + 1])
def test_a_block_that_was_read_unfinished_is_read_again(size: int) -> None:
    rows, lines = transcript(*(out(str(n)) for n in range(size)))
    assert texts(rows)[-1] == str(size - 1)
    lines.add(out("more"))
    rows.advance()
    assert texts(rows)[-1] == "more"


def test_runs_without_lines_leave_no_rules_behind() -> None:
    rows, first = transcript()
    for run in (2, 3):
        rows.show_run(run, FakeLines())
        rows.advance()
    assert rows.count() == 0
    first.add(out("late"))
    rows.advance()
    assert texts(rows) == ["late", "rule 3"]
