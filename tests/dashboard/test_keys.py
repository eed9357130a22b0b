"""Every key does what the help says."""

from __future__ import annotations

import pytest
from support.dashboards import Dashboard, open_dashboard
from support.showing import hello_session, misbehaving_session, run_view, session_view
from textual.events import Key

from sage_runtime.events import Input, Pause, Resume, Step, replace
from sage_tui.dashboard.screens.detail_screen import DetailScreen
from sage_tui.dashboard.screens.failures import FailureScreen
from sage_tui.dashboard.screens.help_screen import HelpScreen
from sage_tui.dashboard.screens.main_screen import MAIN_PANES, MainScreen
from sage_tui.dashboard.screens.operator_screen import OperatorScreen
from sage_tui.dashboard.screens.service_screen import ServiceScreen


def shown(dashboard: Dashboard) -> list[str]:
    """The names of the panes on the screen."""
    return [pane.pane for pane in dashboard.main.grid.shown()]


def focused_pane(dashboard: Dashboard) -> str:
    return next(pane.pane for pane in dashboard.main.grid.panes.values() if pane.has_focus_within)


@pytest.mark.parametrize("size", [(60, 20), (80, 24), (120, 36)])
async def test_a_number_goes_to_its_pane(size: tuple[int, int]) -> None:
    async with open_dashboard(hello_session(), size) as dashboard:
        for number, name in enumerate((pane.pane for pane in MAIN_PANES), start=1):
            await dashboard.press(str(number))
            assert focused_pane(dashboard) == name
            assert name in shown(dashboard)


async def test_tab_goes_round_all_panes_and_back() -> None:
    async with open_dashboard(hello_session()) as dashboard:
        seen = []
        for _ in MAIN_PANES:
            await dashboard.press("tab")
            seen.append(focused_pane(dashboard))
        assert seen == ["calls", "log", "failures", "pipeline", "operators", "output"]
        await dashboard.press("shift+tab")
        assert focused_pane(dashboard) == "operators"


async def test_z_gives_a_pane_all_the_room_and_takes_it_back() -> None:
    async with open_dashboard(hello_session()) as dashboard:
        before = shown(dashboard)
        await dashboard.press("5", "z")
        assert shown(dashboard) == ["log"]
        await dashboard.press("4")
        assert shown(dashboard) == ["calls"]
        await dashboard.press("z")
        assert sorted(shown(dashboard)) == sorted(before)


async def test_r_reloads() -> None:
    async with open_dashboard(hello_session()) as dashboard:
        await dashboard.press("r")
        await dashboard.app.workers.wait_for_complete()
        assert "reload" in dashboard.session.done


async def test_p_pauses_and_resumes_and_s_steps_only_while_paused() -> None:
    async with open_dashboard(hello_session()) as dashboard:
        await dashboard.press("s", "p")
        dashboard.session.show(phase="paused")
        await dashboard.frame()
        await dashboard.press("s", "p")
        sent = [type(done) for done in dashboard.session.done if isinstance(done, Pause | Step | Resume)]
        assert sent == [Pause, Step, Resume]


async def test_what_is_typed_at_once_with_the_key_that_opens_a_field_belongs_into_it() -> None:
    session = hello_session()
    async with open_dashboard(session) as dashboard:
        await dashboard.press("3")
        keys = [("slash", "/"), *((letter, letter) for letter in "error"), ("space", " "), ("p", "p"), ("enter", "\r")]
        for key, character in keys:
            dashboard.app.post_message(Key(key, character))
        for _ in range(5):  # from the list to the app, to the field, and back to the app
            await dashboard.settle()
        assert session.done == ["start"]
        search = dashboard.lines("output").search
        assert search is not None
        assert search.text == "error p"


async def test_a_replay_takes_no_commands() -> None:
    session = hello_session()
    session.view = replace(session.view, live=False)
    async with open_dashboard(session) as dashboard:
        await dashboard.press("r", "p", "s")
        assert session.done == ["start"]


async def test_when_a_run_is_over_there_is_nothing_to_pause_or_follow() -> None:
    session = hello_session()
    session.show(phase="finished")
    async with open_dashboard(session) as dashboard:
        assert "p Pause" not in dashboard.text()
        assert "r Reload" in dashboard.text()
        assert "Pause" not in {entry.title for entry in dashboard.app.palette_commands()}
        await dashboard.press("t")
        assert "Trace another" not in dashboard.text()
        assert "t traces" not in dashboard.text()


@pytest.mark.parametrize("key", ["q", "ctrl+q"])
async def test_quitting_says_so_closes_the_session_and_leaves(key: str) -> None:
    session = hello_session()
    session.may_close.clear()
    async with open_dashboard(session) as dashboard:
        await dashboard.press(key)
        assert "STOPPING" in dashboard.text()
        assert not session.closed.is_set()
        session.may_close.set()
        await dashboard.closed()
    assert session.closed.is_set()
    assert session.done.count("close") == 1


async def test_quitting_twice_closes_once() -> None:
    session = hello_session()
    session.may_close.clear()
    async with open_dashboard(session) as dashboard:
        await dashboard.press("q", "q", "ctrl+q")
        session.may_close.set()
        await dashboard.closed()
    assert session.done.count("close") == 1


async def test_the_question_mark_shows_the_help_and_escape_closes_it() -> None:
    async with open_dashboard(hello_session()) as dashboard:
        await dashboard.press("question_mark")
        assert isinstance(dashboard.app.screen, HelpScreen)
        await dashboard.press("escape")
        assert isinstance(dashboard.app.screen, MainScreen)


async def test_enter_on_an_operator_opens_it_and_escape_goes_back() -> None:
    async with open_dashboard(hello_session()) as dashboard:
        await dashboard.press("2", "down", "enter")
        assert isinstance(dashboard.app.screen, OperatorScreen)
        assert "UpperCaseMap" in dashboard.text()
        await dashboard.press("escape")
        assert isinstance(dashboard.app.screen, MainScreen)


async def test_enter_on_a_failure_shows_count_record_and_traceback() -> None:
    async with open_dashboard(misbehaving_session()) as dashboard:
        await dashboard.press("6", "enter")
        assert isinstance(dashboard.app.screen, FailureScreen)
        text = dashboard.text()
        assert "1,204" in text
        assert "'x7'" in text
        assert 'File "hello_service_world.py", line 31, in execute' in text
        await dashboard.press("q")
        assert isinstance(dashboard.app.screen, MainScreen)


async def test_enter_on_a_call_shows_its_arguments_and_answer() -> None:
    async with open_dashboard(misbehaving_session()) as dashboard:
        await dashboard.press("4", "enter")
        assert isinstance(dashboard.app.screen, DetailScreen)
        assert "hello_service.hello" in dashboard.text()
        assert "KeyError: 'greeting'" in dashboard.text()


async def test_y_copies_the_current_line_and_says_how() -> None:
    async with open_dashboard(hello_session()) as dashboard:
        await dashboard.press("3", "y")
        assert dashboard.app.clipboard == "a warning on stderr"
        assert "OSC 52" in dashboard.text()


async def test_4_again_goes_from_the_calls_to_the_services_and_back() -> None:
    async with open_dashboard(hello_session()) as dashboard:
        await dashboard.press("4")
        assert dashboard.main.calls.list.has_focus
        await dashboard.press("4")
        assert dashboard.main.calls.table.has_focus
        await dashboard.press("4")
        assert dashboard.main.calls.list.has_focus


async def test_the_command_palette_has_the_actions() -> None:
    async with open_dashboard(hello_session()) as dashboard:
        commands = {entry.title for entry in dashboard.app.palette_commands()}
        assert {"Reload", "Pause", "Go to Service calls", "Theme", "Help", "Quit", "Zoom"} <= commands
        assert "Operator UpperCaseMap" in commands
        await dashboard.press("ctrl+p", *"help")
        await dashboard.app.workers.wait_for_complete()
        await dashboard.press("enter")
        assert isinstance(dashboard.app.screen, HelpScreen)


async def test_input_is_answered_in_the_dashboard() -> None:
    session = hello_session()
    async with open_dashboard(session) as dashboard:
        session.show(prompt="name? ", prompts=1)
        await dashboard.frame()
        assert "name?" in dashboard.text()
        await dashboard.press(*"Ada q", "enter")
        assert Input("Ada q") in session.done
        assert "name?" not in dashboard.text()
        session.show(prompt="age? ", prompts=2)
        await dashboard.frame()
        await dashboard.press("ctrl+d")
        assert session.done[-1] == Input(None)


async def test_a_question_does_not_take_the_keys_from_somebody_who_types() -> None:
    session = hello_session()
    async with open_dashboard(session) as dashboard:
        await dashboard.press("3", "f", *"hel")
        session.show(prompt="name? ", prompts=1)
        await dashboard.frame()
        await dashboard.press("l", "o", "enter")
        assert dashboard.lines("output").filter_scan is not None
        assert Input("lo") not in session.done


async def test_the_selected_operator_stays_selected_by_name_over_a_reload() -> None:
    session = hello_session()
    async with open_dashboard(session) as dashboard:
        await dashboard.press("2", "down", "down")
        pipelines = session.view.shown.pipelines
        session.view = session_view(run_view(4))
        await dashboard.frame()
        session.show(phase="running", pipelines=pipelines)
        await dashboard.frame()
        assert dashboard.main.operators.table.cursor == "hello/PrintSink"


async def test_a_click_on_a_tab_brings_its_pane_to_the_front() -> None:
    async with open_dashboard(hello_session(), (80, 24)) as dashboard:
        y, row = next((y, row) for y, row in enumerate(dashboard.text().splitlines()) if "5 Log" in row)
        await dashboard.pilot.click(offset=(row.index("5 Log"), y))
        await dashboard.frame()
        assert "log" in shown(dashboard)
        assert focused_pane(dashboard) == "log"


async def test_keys_typed_in_one_go_reach_the_pane_they_are_meant_for() -> None:
    async with open_dashboard(misbehaving_session()) as dashboard:
        for key in ("6", "enter"):
            dashboard.app.simulate_key(key)
        await dashboard.frame()
        assert isinstance(dashboard.app.screen, FailureScreen)


async def test_the_arrows_go_from_node_to_node_and_enter_opens_one() -> None:
    async with open_dashboard(hello_session()) as dashboard:
        await dashboard.press("1", "right", "right")
        assert dashboard.main.graph.graph.selected == "hello/UpperCaseMap"
        assert dashboard.main.operators.table.cursor == "hello/UpperCaseMap"
        await dashboard.press("enter")
        assert isinstance(dashboard.app.screen, OperatorScreen)


async def test_enter_on_a_service_opens_it() -> None:
    async with open_dashboard(hello_session()) as dashboard:
        await dashboard.press("1", "right", "right", "down", "enter")
        assert isinstance(dashboard.app.screen, ServiceScreen)
