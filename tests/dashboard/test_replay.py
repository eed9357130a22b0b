"""Moving through a recording with keys and mouse."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from support.dashboards import open_dashboard
from support.pictures import drawn
from support.replaying import replay_session
from support.showing import NOON, SIZES, Size, hello_session
from textual.pilot import Pilot

from sage_runtime.events import Output, replace
from sage_tui.dashboard.app import SageApp
from sage_tui.dashboard.base.strips import spans_width
from sage_tui.dashboard.replay import cell_of, moment_of, timeline_parts

Compare = Callable[..., bool]


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_a_replay(snap_compare: Compare, size: Size) -> None:
    app = SageApp(replay_session(), interval=0)

    async def prepare(pilot: Pilot[None]) -> None:
        await pilot.pause()
        app.refresh_loop.tick()
        await drawn(pilot)

    assert snap_compare(app, terminal_size=(size.width, size.height), run_before=prepare)


async def test_a_live_session_has_no_time_line_and_none_of_the_keys() -> None:
    async with open_dashboard(hello_session()) as dashboard:
        assert not dashboard.main.timeline.display
        await dashboard.press("0", "]", "$")
        assert not any(isinstance(done, tuple) for done in dashboard.session.done)


SCREENS = {
    "main": (),
    "an operator": ("2", "enter"),
    "a service": ("4", "enter"),
    "charts": ("c",),
    "runs": ("v",),
    "traced records": ("t",),
    "help": ("question_mark",),
}


@pytest.mark.parametrize("keys", SCREENS.values(), ids=SCREENS.keys())
async def test_nothing_is_offered_that_a_recording_can_t_do(keys: tuple[str, ...]) -> None:
    session = replay_session()
    async with open_dashboard(session) as dashboard:
        await dashboard.press(*keys)
        text = dashboard.text()
        for words in (
            "r Reload",
            "p Pause",
            "s Step",
            "Follow another",
            "t traces",
            "reload: stop",
            "pause the sources",
        ):
            assert words not in text
        before = list(session.done)
        await dashboard.press("r", "p", "s")
        if keys == ("t",):
            await dashboard.press("t")
        assert session.done == before


async def test_the_commands_of_a_replay_move_through_it() -> None:
    session = replay_session()
    async with open_dashboard(session) as dashboard:
        commands = {entry.title: entry for entry in dashboard.app.palette_commands()}
        assert not {"Reload", "Pause", "Resume", "Step"} & commands.keys()
        assert "stop the run" not in commands["Quit"].help
        commands["Play"].run()
        await dashboard.frame()
        assert "Hold" in {entry.title for entry in dashboard.app.palette_commands()}
        assert session.done[-1] == "play"


async def test_the_help_tells_of_the_keys_that_work() -> None:
    for session, told in ((hello_session(), "The run"), (replay_session(), "In a replay")):
        async with open_dashboard(session) as dashboard:
            await dashboard.press("question_mark")
            text = dashboard.text()
            assert told in text
            assert ("The run" in text) is (told == "The run")
            assert ("In a replay" in text) is (told == "In a replay")


async def test_space_plays_and_holds() -> None:
    session = replay_session()
    async with open_dashboard(session) as dashboard:
        assert "space Play" in dashboard.text()
        await dashboard.press("space")
        assert "space Hold" in dashboard.text()
        await dashboard.press("space")
        assert [done for done in session.done if done in ("play", "hold")] == ["play", "hold"]


@pytest.mark.parametrize(
    ("key", "told"),
    [
        ("]", ("seek", 42.5)),
        ("[", ("seek", 37.5)),
        ("0", ("seek", 0.0)),
        ("$", ("seek", 100.0)),
        (",", ("seek", 10.0)),
        (".", ("seek", 70.0)),
        (">", ("speed", 2.0)),
        ("<", ("speed", 1.0)),
        ("{", ("run", 2)),
        ("}", ("run", 4)),
    ],
)
async def test_every_key_of_a_replay(key: str, told: object) -> None:
    session = replay_session()
    async with open_dashboard(session) as dashboard:
        await dashboard.press(key)
        assert session.done[-1] == told


@pytest.mark.parametrize("opened", [("2", "enter"), ("1", "right", "right", "down", "enter"), ("c",), ("v",), ("t",)])
async def test_the_keys_and_the_line_are_there_on_every_screen(opened: tuple[str, ...]) -> None:
    session = replay_session()
    async with open_dashboard(session) as dashboard:
        await dashboard.press(*opened, "]", "<", ".", "space")
        assert len(dashboard.app.screen_stack) == 2
        wanted = [("seek", 42.5), ("speed", 1.0), ("seek", 70.0), "play"]
        assert [done for done in session.done if done in wanted] == wanted
        assert "‖ 01:10" in dashboard.text()


async def test_time_that_was_left_out_is_told_once() -> None:
    session = replay_session()
    async with open_dashboard(session) as dashboard:
        session.replaying(playing=True, skips=1, skipped=300.0)
        await dashboard.frame()
        await dashboard.frame()
        assert dashboard.text().count("Nothing for 5m 00s: skipped") == 1


async def test_of_an_operator_nobody_looked_at_no_record_is_kept() -> None:
    async with open_dashboard(replay_session(), (80, 24)) as dashboard:
        await dashboard.press("2", "enter", "4")
        assert "No records kept" in dashboard.text()


async def test_the_speeds_end_at_twenty_fold() -> None:
    session = replay_session()
    async with open_dashboard(session) as dashboard:
        await dashboard.press(">", ">", ">", ">")
        speeds = [done[1] for done in session.done if isinstance(done, tuple)]
        assert speeds == [2.0, 5.0, 20.0, 20.0]


async def test_a_click_on_the_line_goes_there_and_a_drag_follows_the_mouse() -> None:
    session = replay_session()
    async with open_dashboard(session) as dashboard:
        line = dashboard.main.timeline
        await dashboard.pilot.click(line, offset=(dashboard.text().splitlines()[line.region.y].index("━"), 0))
        assert session.done[-1] == ("seek", 0.0)
        await dashboard.pilot.mouse_down(line, offset=(60, 0))
        await dashboard.pilot.hover(line, offset=(80, 0))
        await dashboard.pilot.mouse_up(line, offset=(80, 0))
        seeks = [done[1] for done in session.done if isinstance(done, tuple)]
        assert seeks == sorted(seeks)
        assert len(set(seeks)) == 3
        await dashboard.pilot.hover(line, offset=(30, 0))
        assert [done[1] for done in session.done if isinstance(done, tuple)] == seeks


async def test_clicks_beside_the_line_play_change_the_speed_and_choose_a_run() -> None:
    session = replay_session()
    async with open_dashboard(session) as dashboard:
        line = dashboard.main.timeline
        await dashboard.pilot.click(line, offset=(1, 0))
        assert "play" in session.done
        ends = line.size.width
        await dashboard.pilot.click(line, offset=(ends - 4, 0))
        assert ("run", 4) in session.done
        await dashboard.pilot.click(line, offset=(ends - 14, 0))
        assert ("speed", 2.0) in session.done


async def test_after_a_step_back_the_panes_show_only_what_was_there_then() -> None:
    session = replay_session()
    async with open_dashboard(session) as dashboard:
        assert "a warning on stderr" in dashboard.text()
        lines = session.lines("output")
        lines.lines = lines.lines[:3]
        session.replaying(epoch=1)
        await dashboard.frame()
        assert [row.split("  ")[-1].strip() for row in dashboard.visible("output") if row][:2] == [
            "HELLO, WORLD! #1",
            "hello service!!!",
        ]
        assert "a warning on stderr" not in dashboard.text()
        lines.add(Output(t=NOON, source="PrintSink", text="and it goes on"))
        await dashboard.frame()
        assert "and it goes on" in dashboard.text()


async def test_a_filter_survives_a_step_back() -> None:
    session = replay_session()
    async with open_dashboard(session) as dashboard:
        await dashboard.press("3", "f", *"world", "enter")
        session.replaying(epoch=1)
        await dashboard.frame()
        assert dashboard.lines("output").filter_scan is not None


async def test_an_earlier_run_takes_the_place_of_a_later_one() -> None:
    session = replay_session()
    async with open_dashboard(session) as dashboard:
        run = replace(session.view.shown, run=2)
        session.view = replace(session.view, shown=run, current=run)
        session.print("from the second run")
        session.replaying(epoch=1)
        await dashboard.frame()
        assert "from the second run" in dashboard.text()
        assert "a warning on stderr" not in dashboard.text()
        assert "run 1 of 3" in dashboard.text()


async def test_what_could_not_be_read_is_told_in_the_banner() -> None:
    session = replay_session(damage=("run-3.sagerun/000002.jsonl is damaged at byte 812", "another"))
    async with open_dashboard(session) as dashboard:
        assert "! run-3.sagerun/000002.jsonl is damaged at byte 812   (and 1 more)" in dashboard.text()


@pytest.mark.parametrize("width", [60, 72, 80, 120, 200])
def test_the_time_line_fills_the_width(width: int) -> None:
    replay = replay_session().view.replay
    assert replay is not None
    assert sum(spans_width(part.spans) for part in timeline_parts(replay, 3, width)) == width


def test_cells_and_moments_agree() -> None:
    replay = replay_session().view.replay
    assert replay is not None
    for x in range(90):
        assert cell_of(replay, moment_of(replay, x, 90), 90) == x


def test_a_run_of_no_length_is_at_its_end() -> None:
    replay = replay_session(end=NOON, moment=NOON, marks=()).view.replay
    assert replay is not None
    assert cell_of(replay, NOON, 10) == 9


async def test_the_display_alone_is_held_with_space_while_a_run_goes_on() -> None:
    session = hello_session()
    async with open_dashboard(session) as dashboard:
        await dashboard.press("space")
        assert "DISPLAY FROZEN, running" in dashboard.text()
        session.print("unseen")
        session.show(elapsed=99.0)
        await dashboard.frame()
        assert "unseen" not in dashboard.text()
        assert "01:39" not in dashboard.text()
        assert session.done == ["start"]
        await dashboard.press("space")
        assert "DISPLAY FROZEN" not in dashboard.text()
        assert "unseen" in dashboard.text()
