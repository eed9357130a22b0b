"""The screen of all runs: which there were, what was edited between two, and how they compare."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
from support.dashboards import Dashboard, open_dashboard
from support.pictures import taken
from support.showing import LARGE, SIZES, FakeSession, Size, hello_session
from support.stores import EDIT, edited_session

from sage_runtime.events import replace
from sage_tui.dashboard.compare.runs_screen import RunsScreen, compared, diff_lines
from sage_tui.session.reload.versions import FileChange


@asynccontextmanager
async def open_runs(
    session: FakeSession | None = None, size: tuple[int, int] = (200, 50)
) -> AsyncIterator[tuple[Dashboard, RunsScreen]]:
    async with open_dashboard(session or edited_session(), size) as dashboard:
        await dashboard.press("v")
        screen = dashboard.app.screen
        assert isinstance(screen, RunsScreen)
        await read(dashboard)
        yield dashboard, screen


async def read(dashboard: Dashboard) -> None:
    """Wait until what was asked of the past is there, and show it."""
    await dashboard.app.workers.wait_for_complete()
    await dashboard.frame()


async def test_every_run_has_a_row_the_latest_first() -> None:
    async with open_runs() as (dashboard, _):
        rows = dashboard.text().splitlines()[3:7]
        assert [f"v{version}" in row for version, row in zip((4, 3, 2, 1), rows, strict=True)] == [True] * 4
        assert "● running" in rows[0]
        assert "✗ failed (1)" in rows[1]
        assert "qa.py, store.py changed" in rows[1]
        assert "■ stopped" in rows[2]
        assert "✓ finished" in rows[3]
        assert "7.0k" in rows[3]


async def test_the_selected_run_is_compared_with_the_last_that_had_records() -> None:
    async with open_runs() as (dashboard, screen):
        assert screen.comparison.note == "run 4 against run 2, both after 00:35"
        text = dashboard.text()
        assert "/s #2" in text
        assert any("vector_store" in row and "▲ 41%" in row for row in text.splitlines())
        assert "+        scores = self.index @ self.embed(query)" in text
        await dashboard.press("end")
        await read(dashboard)
        assert "No run to compare with" in dashboard.text()


async def test_m_marks_a_run_to_compare_with_and_takes_the_mark_away() -> None:
    async with open_runs() as (dashboard, screen):
        await dashboard.press("end", "m", "home")
        await read(dashboard)
        assert screen.comparison.note == "run 4 against run 1, both after 00:35"
        await dashboard.press("end", "m", "home")
        await read(dashboard)
        assert screen.runs.base() == 2


async def test_a_run_that_goes_on_is_compared_again_after_a_while() -> None:
    session = edited_session()
    async with open_runs(session) as (dashboard, screen):
        past = session.past[4, None, "whole"]
        session.past[4, None, "whole"] = replace(past, rate=replace(past.rate, end=60.0))
        await read(dashboard)
        assert screen.comparison.note.endswith("00:35")
        last = session.view.runs[-1]
        session.view = replace(session.view, runs=(*session.view.runs[:-1], replace(last, duration=60.0)))
        await dashboard.frame()
        await read(dashboard)
        assert screen.comparison.note.endswith("01:00")


async def test_without_an_edit_and_in_a_recording_that_is_said() -> None:
    session = edited_session()
    async with open_runs(session) as (dashboard, _):
        await dashboard.press("down", "down")
        await read(dashboard)
        assert "Same files as in run 1" in dashboard.text()
        session.edits.clear()
        session.view = replace(session.view, live=False)
        await read(dashboard)
        assert "Recordings contain no code" in dashboard.text()


async def test_one_run_alone_is_shown_too() -> None:
    async with open_runs(hello_session()) as (dashboard, _):
        assert "No run to compare with" in dashboard.text()


async def test_enter_goes_to_the_comparison_and_escape_back() -> None:
    async with open_runs() as (dashboard, screen):
        await dashboard.press("enter")
        assert screen.grid.active == "comparison"
        await dashboard.press("v")
        assert len(dashboard.app.screen_stack) == 2
        await dashboard.press("escape")
        assert len(dashboard.app.screen_stack) == 1


def test_a_comparison_has_what_either_run_had() -> None:
    session = edited_session()
    del session.past[2, "qa/Answers", "whole"]
    found = compared(session, 2, 4)
    rows = {row.name: row for row in found.rows if not row.method}
    methods = {row.method: row for row in found.rows if row.method}
    assert set(methods) == {"insert", "search", "embed"}
    assert all(row.name == "vector_store" and row.service for row in methods.values())
    assert found.age == 35.0
    assert rows["Answers"].before is None
    assert rows["Answers"].now is not None
    assert rows["vector_store"].service
    assert compared(session, 3, 9).rows == ()


def test_a_diff_names_its_files() -> None:
    lines = ["".join(text for text, _ in line) for line in diff_lines((EDIT, FileChange("data.bin", "gone")))]
    assert lines[0] == " qa.py  +3 -2"
    assert lines[-1] == " data.bin  gone  contents not kept"
    assert "  -        return sorted(scores)[:top_k]" in lines


@pytest.mark.parametrize("size", [*SIZES, LARGE], ids=str)
def test_the_runs(snap_compare: Callable[..., bool], size: Size) -> None:
    assert taken(snap_compare, edited_session(), size, ("v",))


def test_the_edits_alone(snap_compare: Callable[..., bool]) -> None:
    assert taken(snap_compare, edited_session(), Size(80, 24), ("v", "3"))
