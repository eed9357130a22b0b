"""Charts: what is drawn for which numbers, the past over the border between runs, and the screen."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from support.dashboards import open_dashboard
from support.pictures import taken
from support.showing import NOON, SIZES, Size
from support.stores import charted_session

from sage_runtime.events import replace
from sage_tui.dashboard.charts.chart_series import ChartSeries
from sage_tui.dashboard.charts.charts_screen import ChartsScreen
from sage_tui.dashboard.charts.plot import ChartPiece, Mark, Plot, PlotStack, columns, nice_top, stack_lines
from sage_tui.dashboard.screens.operator_screen import OperatorScreen
from sage_tui.state import format as fmt
from sage_tui.state.views import Chart, SessionView


def plot(*points: float, begin: float = 0.0, step: float = 1.0, mean: bool = False) -> Plot:
    return Plot("records/s", (ChartPiece(begin, step, points),), fmt.rate, "good", mean)


def drawn(stack: PlotStack, width: int, height: int) -> list[str]:
    return ["".join(text for text, _ in line) for line in stack_lines(stack, width, height)]


def stack(*plots: Plot, end: float = 4.0, marks: tuple[Mark, ...] = ()) -> PlotStack:
    return PlotStack(plots, marks, 0.0, end, ("00:04 ago", "now"))


# --- numbers to cells ------------------------------------------------------------------------------------------------


def test_a_wide_chart_repeats_its_bins_and_a_narrow_one_joins_them() -> None:
    assert columns(plot(1, 2, 3, 4), 0, 4, 8) == [1, 1, 2, 2, 3, 3, 4, 4]
    assert columns(plot(1, 2, 3, 4), 0, 4, 2) == [2, 4]
    assert columns(plot(1, 2, 3, 4, mean=True), 0, 4, 2) == [1.5, 3.5]


def test_where_nothing_was_measured_there_is_nothing() -> None:
    assert columns(plot(5, begin=2), 0, 4, 4) == [None, None, 5, None]
    assert columns(plot(5, begin=-9), 0, 4, 2) == [None, None]


@pytest.mark.parametrize(
    ("highest", "top"), [(0, 1), (1, 1), (1.1, 2), (2.4, 2.5), (3, 5), (7, 10), (830, 1000), (0.0042, 0.005)]
)
def test_the_axis_ends_at_a_round_number(highest: float, top: float) -> None:
    assert nice_top(highest) == pytest.approx(top)


def test_bars_are_as_high_as_their_share_and_zero_is_a_dot() -> None:
    lines = drawn(stack(plot(0, 25, 50, 100)), 13, 7)
    assert [line[9:13] for line in lines[1:5]] == ["   █", "   █", "  ██", "·███"]
    assert lines[1].startswith("    100 ┤")
    assert lines[4].startswith("      0 ┤")


def test_the_least_above_zero_can_be_seen() -> None:
    assert "▁" in drawn(stack(plot(0.001, 1000)), 20, 7)[4]


def test_marks_lie_on_the_time_line_and_a_reload_goes_through_the_charts() -> None:
    marks = (Mark(2.0, "▲", "accent", line=True, words="▲ run 2"), Mark(3.0, "✗", "bad", words="✗ failures"))
    lines = drawn(stack(plot(1, 1, 0, 0), marks=marks), 49, 7)
    assert lines[-2][29] == "▲"
    assert lines[-2][39] == "✗"
    assert lines[1][29] == "┊"
    assert "✗ failures  ▲ run 2" in lines[-1]


@pytest.mark.parametrize("height", range(16))
def test_any_height_is_filled_and_what_has_no_room_keeps_its_numbers(height: int) -> None:
    lines = drawn(stack(plot(1), plot(2), plot(3)), 60, height)
    assert len(lines) == height
    if height >= 5:
        assert sum("now" in line for line in lines[:-1]) == 3


# --- the past --------------------------------------------------------------------------------------------------------


def now(view: SessionView) -> float:
    return view.shown.started + 35


def test_the_last_minute_begins_in_the_run_before_once_that_was_read() -> None:
    session = charted_session()
    later: list[Callable[[], None]] = []
    past = ChartSeries(session, later.append)
    first = past.stack(session.view, None, "minute")
    assert first is not None
    assert [piece.begin for piece in first.plots[0].pieces] == [NOON]
    assert len(later) == 1
    later[0]()
    second = past.stack(session.view, None, "minute")
    assert second is not None
    assert [piece.begin for piece in second.plots[0].pieces] == [NOON - 90 + 29, NOON]
    assert (second.begin, second.end) == (now(session.view) - 60, now(session.view))
    assert len(later) == 1


def test_the_whole_run_is_only_its_own() -> None:
    session = charted_session()
    past = ChartSeries(session, lambda task: pytest.fail("nothing else is needed"))
    shown = past.stack(session.view, "qa/Retriever", "whole")
    assert shown is not None
    assert (shown.begin, shown.end) == (NOON, NOON + 35)


def test_nothing_new_is_the_same_picture() -> None:
    session = charted_session()
    past = ChartSeries(session, lambda task: task())
    assert past.stack(session.view, None, "whole") is past.stack(session.view, None, "whole")


def test_reloads_and_failures_are_marked() -> None:
    session = charted_session()
    shown = ChartSeries(session, lambda task: task()).stack(session.view, None, "minute")
    assert shown is not None
    assert [(mark.glyph, mark.t) for mark in shown.marks] == [("▲", NOON), ("✗", NOON), ("✗", NOON + 3)]


def test_failures_are_marked_in_the_part_where_they_happened_and_in_every_run() -> None:
    session = charted_session()
    for run, begin in ((2, 40), (3, 10)):
        errors = Chart(1.0, 60.0 if run == 2 else 35.0, tuple(float(second == begin) for second in range(35)))
        for key in (None, "qa/Retriever", "qa/Reranker"):
            known = session.past[run, key, "five_minutes"]
            silent = replace(errors, points=(0.0,) * 35)
            session.past[run, key, "five_minutes"] = replace(known, errors=silent if key == "qa/Reranker" else errors)
    past = ChartSeries(session, lambda task: task())
    failed = {}
    for key in (None, "qa/Retriever", "qa/Reranker"):
        past.stack(session.view, key, "five_minutes")
        shown = past.stack(session.view, key, "five_minutes")
        assert shown is not None
        failed[key] = {mark.t - NOON for mark in shown.marks if mark.glyph == "✗"}
    assert failed["qa/Reranker"] == set()
    assert failed["qa/Retriever"] >= {10.5}
    assert failed[None] >= {10.5, 0.0, 3.0}


def test_how_an_operator_spends_its_time_is_charted_for_the_last_minute() -> None:
    session = charted_session()
    key = "qa/Retriever"
    half, tenth = Chart(1.0, 35.0, (0.5,) * 35), Chart(1.0, 35.0, (0.1,) * 35)
    session.past[3, key, "minute"] = replace(
        session.past[3, key, "minute"], busy=half, waiting=tenth, blocked=Chart(1.0, 35.0, (0.0,) * 35)
    )
    shown = ChartSeries(session, lambda task: None).stack(session.view, key, "minute")
    assert shown is not None
    assert [plot.title for plot in shown.plots] == ["records/s", "latency p95", "queue", "load", "blocked"]
    assert shown.plots[3].values() == pytest.approx([0.6] * 35)


def test_of_what_is_not_in_the_run_there_is_no_chart() -> None:
    session = charted_session()
    assert ChartSeries(session, lambda task: task()).stack(session.view, "qa/Nobody", "minute") is None


# --- the screen ------------------------------------------------------------------------------------------------------


async def test_c_shows_the_charts_and_w_widens_the_window() -> None:
    async with open_dashboard(charted_session()) as dashboard:
        await dashboard.press("c")
        screen = dashboard.app.screen
        assert isinstance(screen, ChartsScreen)
        seen = [screen.charts.note]
        for _ in range(3):
            await dashboard.press("w")
            seen.append(screen.charts.note)
        assert [words.partition(" ·")[0] for words in seen] == ["1 minute", "5 minutes", "the run", "1 minute"]
        await dashboard.press("c")
        assert len(dashboard.app.screen_stack) == 2
        await dashboard.press("escape")
        assert len(dashboard.app.screen_stack) == 1


async def test_the_cursor_chooses_what_is_charted_and_enter_opens_it() -> None:
    async with open_dashboard(charted_session()) as dashboard:
        await dashboard.press("c", "2", "down", "down")
        assert "Charts of Retriever" in dashboard.text()
        await dashboard.press("end")
        assert "calls/s" in dashboard.text()
        await dashboard.press("up", "enter")
        assert isinstance(dashboard.app.screen, OperatorScreen)


async def test_the_picture_is_copied_as_text() -> None:
    async with open_dashboard(charted_session()) as dashboard:
        await dashboard.press("c")
        screen = dashboard.app.screen
        assert isinstance(screen, ChartsScreen)
        assert "p95 of the slowest: Retriever" in (screen.charts.copied() or "")


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_the_charts(snap_compare: Callable[..., bool], size: Size) -> None:
    assert taken(snap_compare, charted_session(), size, ("c",))
