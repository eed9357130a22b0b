"""Line panes: follow the end, stop, return; search, filter; what comes from outside is shown and not obeyed."""

from __future__ import annotations

import asyncio

import pytest
from support.dashboards import Dashboard, open_dashboard
from support.showing import FakeSession, hello_session, run_view, session_view

from sage_runtime.events import replace
from sage_tui.dashboard.log.query import parse

HOSTILE = (
    "\x1b[2J\x1b]0;title\x07 escape",
    "[bold red]markup[/] [@click=app.quit]x[/]",
    "\x00\x08\x7f\x9b31m control",
    "\u202eright to left\u2066",
    "\ud800 lone surrogate \udcff",
    "宽字符 你好 wide",
    "e\u0301\u0301\u0301\u0301\u0301\u0301 stacked",
    "$text-muted {braces} \\[escaped]",
    "tab\there",
)


def quiet_session(lines: int = 0) -> FakeSession:
    """A running session with so many lines of output."""
    session = hello_session()
    session.channels.clear()
    session.print(*(f"line {n}" for n in range(lines)))
    return session


async def found(dashboard: Dashboard, total: int) -> None:
    """Wait until the scans of the output pane have found so many matches."""
    lines = dashboard.lines("output")
    scan = lines.search_scan or lines.filter_scan
    assert scan is not None
    while not (scan.complete and scan.total() >= total):  # another thread finds them
        await dashboard.frame()
    await dashboard.frame()


async def test_the_end_is_followed() -> None:
    session = quiet_session(100)
    async with open_dashboard(session) as dashboard:
        assert dashboard.visible("output")[-1].endswith("line 99")
        session.print("the latest")
        await dashboard.frame()
        assert dashboard.visible("output")[-1].endswith("the latest")


async def test_scrolling_up_stops_following_and_counts_what_is_new() -> None:
    session = quiet_session(100)
    async with open_dashboard(session) as dashboard:
        await dashboard.press("3", "up")
        before = dashboard.visible("output")
        session.print(*(f"new {n}" for n in range(1204)))
        await dashboard.frame()
        assert dashboard.visible("output") == before
        assert "1,204 new" in dashboard.text()


@pytest.mark.parametrize("keys", [("end",), ("G",), ("down", "down", "down")])
async def test_the_end_is_followed_again_on_return(keys: tuple[str, ...]) -> None:
    session = quiet_session(100)
    async with open_dashboard(session) as dashboard:
        await dashboard.press("3", "up", "up", *keys)
        session.print("the latest")
        await dashboard.frame()
        assert dashboard.visible("output")[-1].endswith("the latest")
        assert "new" not in dashboard.text()


async def test_the_wheel_stops_following_too() -> None:
    session = quiet_session(100)
    async with open_dashboard(session) as dashboard:
        lines = dashboard.lines("output")
        lines.scroll_up(animate=False)
        await dashboard.frame()
        assert not lines.follow
        lines.scroll_end(animate=False)
        await dashboard.frame()
        assert lines.follow


async def test_home_goes_to_the_first_line_of_a_long_run_at_once() -> None:
    session = quiet_session(100_000)
    async with open_dashboard(session) as dashboard:
        session.lines("output").reads.clear()
        await dashboard.press("3", "g")
        assert dashboard.visible("output")[0].endswith("line 0")
        assert sum(stop - start for start, stop in session.lines("output").reads) < 1000


async def test_old_lines_that_are_dropped_do_not_move_what_is_read() -> None:
    session = quiet_session(200)
    async with open_dashboard(session) as dashboard:
        await dashboard.press("3", "pageup", "pageup")
        before = dashboard.visible("output")
        session.lines("output").dropped = 50
        await dashboard.frame()
        assert dashboard.visible("output") == before


async def test_a_progress_bar_is_one_updating_line() -> None:
    session = quiet_session(3)
    async with open_dashboard(session) as dashboard:
        for share in range(0, 101, 25):
            session.print(f"{share}%|####", end="\r")
            await dashboard.frame()
        rows = [row for row in dashboard.visible("output") if row]
        assert len(rows) == 4
        assert "100%" in rows[-1]


async def test_a_reload_draws_a_rule_and_keeps_the_lines_before_it() -> None:
    session = quiet_session(3)
    async with open_dashboard(session) as dashboard:
        session.view = session_view(replace(run_view(4, pipelines=session.view.shown.pipelines), phase="running"))
        session.print("from the new run")
        await dashboard.frame()
        rows = [row for row in dashboard.visible("output") if row]
        assert rows[2].endswith("line 2")
        assert "run 4 · after 300 ms · hello_service_world" in rows[3]
        assert rows[4].endswith("from the new run")


async def test_a_filter_shows_only_what_matches_and_goes_on() -> None:
    session = quiet_session(3000)
    async with open_dashboard(session) as dashboard:
        await dashboard.press("3", "f", *"line 29", "enter")
        await found(dashboard, 111)
        assert all("line 29" in row for row in dashboard.visible("output") if row)
        session.print("another line 29", "and another thing")
        await found(dashboard, 112)
        assert dashboard.visible("output")[-1].endswith("another line 29")
        await dashboard.press("escape")
        assert dashboard.visible("output")[-1].endswith("and another thing")


async def test_a_search_goes_to_the_latest_match_and_n_to_older_ones() -> None:
    session = quiet_session(3000)
    async with open_dashboard(session) as dashboard:
        await dashboard.press("3", "slash", *"99", "enter")
        await found(dashboard, 57)
        lines = dashboard.lines("output")
        current = lines.current()
        assert current is not None
        assert current.text == "line 2999"
        await dashboard.press("n", "n")
        current = lines.current()
        assert current is not None
        assert current.text == "line 2997"
        await dashboard.press("N")
        assert "/99: 56 of 57" in dashboard.main.grid.panes["output"].note


@pytest.mark.parametrize(
    ("keys", "nearest"), [(("home", *("pagedown",) * 60), "line 1099"), (("home",), "line 99"), (("end",), "line 2999")]
)
async def test_a_search_goes_to_the_nearest_match_before_the_current_line_or_else_behind_it(
    keys: tuple[str, ...], nearest: str
) -> None:
    session = quiet_session(3000)
    async with open_dashboard(session) as dashboard:
        await dashboard.press("3", *keys, "slash", *"99", "enter")
        await found(dashboard, 57)
        current = dashboard.lines("output").current()
        assert current is not None
        assert current.text == nearest


async def test_a_match_is_brought_into_view_while_lines_come() -> None:
    session = quiet_session(3000)
    async with open_dashboard(session) as dashboard:
        lines = dashboard.lines("output")
        lines.set_search(parse("line 1234"))
        assert lines.search_scan is not None
        while not lines.search_scan.complete:  # another thread searches
            await asyncio.sleep(0)
        session.print("one more")  # it comes in the same frame as the match
        await dashboard.frame()
        assert any(row.endswith("line 1234") for row in dashboard.visible("output"))


async def test_a_mistake_in_a_query_is_named_and_the_line_stays_open() -> None:
    async with open_dashboard(quiet_session(3)) as dashboard:
        await dashboard.press("3", "f", *"re:(", "enter")
        assert "not a regular expression" in dashboard.text()
        await dashboard.press("escape")
        assert dashboard.lines("output").filter_scan is None


@pytest.mark.parametrize("text", HOSTILE)
async def test_what_is_printed_is_shown_and_not_obeyed(text: str) -> None:
    session = quiet_session()
    session.print(text, source=text)
    session.log("ERROR", text, source=text)
    session.call(1, error=text, arguments=text)
    async with open_dashboard(session, (200, 50)) as dashboard:
        await dashboard.press("3", "enter")
        whole = dashboard.text()
        for character in ("\x1b", "\x00", "\x07", "\x9b", "\u202e", "\ud800"):
            assert character not in whole
        if text.startswith("["):
            assert text in whole


async def test_wide_characters_do_not_move_the_frame() -> None:
    session = quiet_session()
    session.print(*(("宽" * n) + "x" for n in range(60)))
    async with open_dashboard(session, (80, 24)) as dashboard:
        lines = dashboard.lines("output")
        width = lines.scrollable_content_region.width
        assert {lines.render_line(y).cell_length for y in range(lines.size.height)} == {width}


async def test_long_lines_scroll_sideways_and_open_whole() -> None:
    session = quiet_session()
    session.print("start " + "x" * 200 + " end")
    async with open_dashboard(session, (80, 24)) as dashboard:
        assert "…" in dashboard.visible("output")[0]
        await dashboard.press("3", *("right",) * 20)
        assert dashboard.visible("output")[0].endswith("end")
        await dashboard.press("enter")
        assert "start" in dashboard.text()


async def test_leaving_the_end_is_told_with_the_key_and_not_with_the_next_frame() -> None:
    async with open_dashboard(quiet_session(100)) as dashboard:
        await dashboard.pilot.press("3", "up")
        assert dashboard.main.grid.panes["output"].note == "not following · G"
        await dashboard.pilot.press("G")
        assert dashboard.main.grid.panes["output"].note == ""
