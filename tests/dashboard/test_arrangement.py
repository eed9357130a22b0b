"""Where the panes lie at each size."""

from __future__ import annotations

import itertools

import pytest

from sage_tui.dashboard.base import grid
from sage_tui.dashboard.base.grid import Arrangement
from sage_tui.dashboard.screens.main_screen import MAIN_PANES, PreferredSizes, main_groups, members_of

PANES = tuple(pane.pane for pane in MAIN_PANES)
USUAL = PreferredSizes()
RECENT = ["output", "calls", "pipeline", "operators", "log", "failures"]
SIZES = sorted({(w, h) for w in (10, 40, 71, 72, 80, 103, 104, 120, 168, 200) for h in (3, 17, 18, 22, 27, 28, 34, 48)})


def arrange(width: int, height: int, recent: list[str], sizes: PreferredSizes = USUAL) -> Arrangement:
    """The arrangement of the main screen."""
    return grid.arrange(main_groups(width, height, members_of(MAIN_PANES), sizes), recent)


def cells(arrangement: Arrangement) -> dict[tuple[int, int], str]:
    """Which pane covers each cell; fails where two do."""
    covered: dict[tuple[int, int], str] = {}
    for name, box in arrangement.boxes.items():
        for cell in itertools.product(range(box.x, box.x + box.width), range(box.y, box.y + box.height)):
            assert cell not in covered, f"{name} lies over {covered[cell]} at {cell}"
            covered[cell] = name
    return covered


@pytest.mark.parametrize(("width", "height"), SIZES)
@pytest.mark.parametrize("wanted", [PreferredSizes(), PreferredSizes(40, 90), PreferredSizes(6, 4)])
def test_the_panes_fill_the_board_without_overlap(width: int, height: int, wanted: PreferredSizes) -> None:
    assert len(cells(arrange(width, height, RECENT, wanted))) == width * height


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_every_pane_is_shown_or_is_a_tab_of_one_that_is(width: int, height: int) -> None:
    tabs = arrange(width, height, RECENT).tabs
    assert sorted(name for members in tabs.values() for name in members) == sorted(PANES)


@pytest.mark.parametrize("name", PANES)
@pytest.mark.parametrize(("width", "height"), [(58, 18), (80, 22), (120, 34), (200, 48)])
def test_the_pane_used_last_is_always_shown(name: str, width: int, height: int) -> None:
    recent = [name, *(other for other in RECENT if other != name)]
    assert name in arrange(width, height, recent).boxes


def test_a_small_terminal_shows_one_pane_at_a_time() -> None:
    assert list(arrange(60, 18, RECENT).boxes) == ["output"]


def test_a_common_terminal_shows_graph_operators_and_the_lines_as_tabs() -> None:
    arrangement = arrange(80, 22, RECENT, PreferredSizes(graph=9, operators=6))
    assert list(arrangement.boxes) == ["pipeline", "operators", "output"]
    assert arrangement.tabs["output"] == ("output", "calls", "log", "failures")


def test_where_both_have_no_room_the_operators_are_a_tab_beside_the_graph() -> None:
    arrangement = arrange(80, 22, RECENT, PreferredSizes(graph=9, operators=12))
    assert arrangement.tabs["pipeline"] == ("pipeline", "operators")
    assert arrangement.boxes["pipeline"].height == 9


def test_a_large_terminal_shows_output_beside_the_graph() -> None:
    boxes = arrange(120, 34, RECENT).boxes
    assert boxes["output"].x == boxes["pipeline"].width
    assert boxes["output"].y == boxes["pipeline"].y == 0


def test_a_very_large_terminal_shows_calls_beside_the_log() -> None:
    assert {"calls", "log"} <= arrange(200, 48, RECENT).boxes.keys()


def test_operators_get_the_rows_they_need_and_the_graph_the_rest() -> None:
    boxes = arrange(120, 34, RECENT, PreferredSizes(graph=11, operators=6)).boxes
    assert boxes["operators"].height == 6
    assert boxes["pipeline"].height > 11


def test_many_operators_leave_half_of_the_room_to_the_graph() -> None:
    boxes = arrange(120, 34, RECENT, PreferredSizes(graph=40, operators=200)).boxes
    assert boxes["pipeline"].height >= boxes["operators"].height >= 5
