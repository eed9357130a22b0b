"""Text selected with the mouse stays in its pane, whatever the mouse is over."""

from __future__ import annotations

import pytest
from support.dashboards import Dashboard, open_dashboard
from support.showing import hello_session, misbehaving_session
from textual.events import MouseMove

from sage_tui.dashboard.base.text import SelectableRows, cells_of


async def drag(dashboard: Dashboard, start: tuple[int, int], *ends: tuple[int, int]) -> None:
    """Press the button at a cell of the screen, move over others, and let go at the last."""
    await dashboard.pilot.mouse_down(offset=start)
    for end in ends:
        await dashboard.pilot._post_mouse_events([MouseMove], offset=end, button=1)
    await dashboard.pilot.mouse_up(offset=ends[-1])
    await dashboard.frame()


def widget(dashboard: Dashboard, pane: str) -> SelectableRows:
    main = dashboard.main.grid.panes[pane].main
    assert isinstance(main, SelectableRows)
    return main


def at(found: SelectableRows, x: int, y: int) -> tuple[int, int]:
    return found.region.x + x, found.region.y + y


async def test_a_drag_into_another_pane_selects_only_in_the_one_it_began_in() -> None:
    async with open_dashboard(hello_session()) as dashboard:
        lines = widget(dashboard, "output")
        left = dashboard.main.grid.panes["pipeline"].region
        await drag(dashboard, at(lines, 17, 0), (left.x + 5, left.y + 6))
        assert list(dashboard.app.screen.selections) == [lines]
        await dashboard.press("y")
        assert dashboard.app.clipboard.split("\n")[0] == "HELLO, WORLD! #51"
        assert "╭" not in dashboard.app.clipboard


async def test_a_button_that_was_let_go_elsewhere_keeps_the_mouse_for_nobody() -> None:
    async with open_dashboard(hello_session()) as dashboard:
        lines = widget(dashboard, "output")
        await dashboard.pilot.mouse_down(offset=at(lines, 17, 0))
        assert dashboard.app.mouse_captured is lines
        await dashboard.pilot.hover(offset=at(lines, 20, 3))  # no button is down any more
        assert dashboard.app.mouse_captured is None
        assert not dashboard.app.screen.selections


async def test_what_is_selected_stays_while_lines_come() -> None:
    session = hello_session()
    async with open_dashboard(session) as dashboard:
        lines = widget(dashboard, "output")
        await drag(dashboard, at(lines, 17, 0), at(lines, 33, 0))
        session.print(*(f"more {n}" for n in range(50)))
        await dashboard.frame()
        await dashboard.press("ctrl+c")
        assert dashboard.app.clipboard == "HELLO, WORLD! #51"


async def test_escape_forgets_the_selection_before_anything_else() -> None:
    async with open_dashboard(hello_session()) as dashboard:
        await dashboard.press("3", "/", *"hello", "enter")
        lines = widget(dashboard, "output")
        await drag(dashboard, at(lines, 17, 0), at(lines, 30, 1))
        await dashboard.press("escape")
        assert not dashboard.app.screen.selections
        assert dashboard.lines("output").search is not None
        await dashboard.press("escape")
        assert dashboard.lines("output").search is None


async def test_rows_of_a_table_can_be_selected_too() -> None:
    async with open_dashboard(misbehaving_session()) as dashboard:
        table = widget(dashboard, "operators")
        await drag(dashboard, at(table, 1, 1), at(table, 40, 2))
        await dashboard.press("y")
        first, second = dashboard.app.clipboard.split("\n")
        assert "HelloBatch" in first
        assert "UpperCaseMap" in second


async def test_the_selected_part_looks_different() -> None:
    async with open_dashboard(hello_session()) as dashboard:
        lines = widget(dashboard, "output")
        await drag(dashboard, at(lines, 17, 2), at(lines, 21, 2))
        backgrounds = {
            part.text: part.style.bgcolor for part in lines.render_line(2) if part.style is not None and part.text
        }
        assert backgrounds["HELLO"] != backgrounds[", WORLD! #52"]


@pytest.mark.parametrize(
    ("start", "end", "found"), [(0, 2, "林"), (0, 3, "林姐"), (2, 4, "姐"), (4, None, ": x"), (1, 5, "林姐:")]
)
def test_a_wide_character_belongs_to_both_of_its_cells(start: int, end: int | None, found: str) -> None:
    assert cells_of("林姐: x", start, end) == found
