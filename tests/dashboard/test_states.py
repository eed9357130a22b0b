"""What is said in every state of a session, and that any resize is survived."""

from __future__ import annotations

import pytest
from support.dashboards import open_dashboard
from support.showing import (
    NOON,
    FakeSession,
    hello_pipeline,
    hello_session,
    misbehaving_session,
    notice,
    operator,
    run_view,
    session_view,
    syntax_error,
)

from sage_runtime.events import Failure, replace
from sage_tui.state.views import SessionView


async def words(view: SessionView, size: tuple[int, int] = (120, 36)) -> str:
    """The screen of a view."""
    async with open_dashboard(FakeSession(view), size) as dashboard:
        return dashboard.text()


async def test_the_session_is_started_after_the_first_frame() -> None:
    session = hello_session()
    async with open_dashboard(session) as dashboard:
        await dashboard.app.workers.wait_for_complete()
        assert session.done == ["start"]


async def test_before_the_script_has_submitted_it_says_what_is_starting() -> None:
    text = await words(session_view(run_view(1, python="/opt/app/.venv/bin/python")))
    assert "STARTING" in text
    assert "/opt/app/.venv/bin/python" in text


async def test_a_script_without_a_pipeline_says_so() -> None:
    assert "finished without submitting a pipeline" in await words(session_view(run_view(1, phase="finished")))


async def test_a_script_at_input_waits_unless_a_pipeline_runs_meanwhile() -> None:
    asking = run_view(1, phase="running", prompt="name? ", prompts=1)
    assert "? WAITING FOR INPUT" in await words(session_view(asking))
    assert "● RUNNING" in await words(session_view(replace(asking, pipelines=(hello_pipeline(),))))


async def test_a_finished_run_keeps_its_totals() -> None:
    session = hello_session()
    pipeline = hello_pipeline()
    done = tuple(replace(one, state="finished", rate=0.0) for one in pipeline.operators)
    session.show(phase="finished", pipelines=(replace(pipeline, status="finished", operators=done),), bottleneck=None)
    text = await words(session.view)
    assert "✓ FINISHED" in text
    assert "✓ 14,400 rec" in text


async def test_a_failed_script_shows_why_and_where_to_look() -> None:
    session = FakeSession(session_view(run_view(1, phase="failed", exit_code=1)))
    session.fail(
        Failure(
            t=NOON,
            kind="script",
            exception="ZeroDivisionError",
            message="division by zero",
            traceback="Traceback (most recent call last):\n  …\nZeroDivisionError: division by zero",
            file="/home/you/hello.py",
            line=3,
        )
    )
    async with open_dashboard(session) as dashboard:
        text = dashboard.text()
        assert "✗ FAILED" in text
        assert "run 1 failed at hello.py:3: ZeroDivisionError: division by zero   (6 why, r runs it again)" in text
        await dashboard.press("6", "enter")
        assert "Traceback (most recent call last):" in dashboard.text()


def failed_with(message: str) -> FakeSession:
    session = FakeSession(session_view(run_view(1, phase="failed", exit_code=1)))
    session.fail(
        Failure(t=NOON, kind="script", exception="ImportError", message=message, file="/home/you/a.py", line=3)
    )
    return session


@pytest.mark.parametrize("width", [60, 80, 120])
async def test_the_way_on_is_not_cut_off_by_a_long_message(width: int) -> None:
    async with open_dashboard(failed_with("no such module, " * 20), (width, 24)) as dashboard:
        banner = dashboard.text().splitlines()[1]
        assert "✗ run 1 failed at a.py:3" in banner
        assert "(6 why, r runs it again)" in banner


async def test_where_there_is_no_graph_the_whole_message_is_told() -> None:
    message = "no module 'sage.middleware'. The package isage-middleware may have it: install that, 然后再试一次"
    async with open_dashboard(failed_with(message)) as dashboard:
        pane = " ".join(line.split("││")[0] for line in dashboard.text().splitlines()[3:20])
        told = " ".join(pane.replace("│", " ").split())
    assert told.endswith(f"a.py:3 ImportError: {message} 6 shows the traceback, r runs it again")


async def test_a_killed_worker_names_the_signal_and_the_way_on() -> None:
    text = await words(session_view(run_view(1, phase="failed", signal="SIGKILL")))
    assert "worker killed by SIGKILL" in text
    assert "r runs it again" in text


async def test_a_failed_reload_keeps_the_last_runs_data_on_the_screen() -> None:
    session = hello_session()
    failed = run_view(4, phase="failed", exit_code=1)
    text = await words(replace(session.view, current=failed))
    assert "run 4 failed" in text
    assert "showing run 3" in text
    assert "UpperCaseMap" in text


async def test_a_syntax_error_is_a_banner_and_the_old_run_goes_on() -> None:
    session = hello_session()
    text = await words(replace(session.view, reload_error=syntax_error()))
    assert "hello_service_world.py:12  SyntaxError: '(' was never closed" in text
    assert "● RUNNING" in text


async def test_a_pause_says_how_much_is_in_flight() -> None:
    session = hello_session()
    session.show(phase="paused", in_flight=12)
    assert "PAUSED, 12 in flight" in await words(session.view)


async def test_a_paused_watch_says_why() -> None:
    session = hello_session()
    text = await words(replace(session.view, watch_paused="the script writes out.csv itself"))
    assert "watching is paused: the script writes out.csv itself" in text


async def test_notices_are_shown_once() -> None:
    session = hello_session()
    session.show(notices=(notice("[b]service cycle[/b]: a → b → a"),))
    async with open_dashboard(session) as dashboard:
        await dashboard.frame()
        assert dashboard.text().count("[b]service cycle[/b]: a → b → a") == 1


async def test_several_pipelines_are_told_apart() -> None:
    session = hello_session()
    second = replace(
        hello_pipeline(),
        id="hello_1",
        name="hello_1",
        status="finished",
        duration=0.4,
        services=(),
        operators=(operator("Letters", "batch", "hello_1"), operator("Sink", "sink", "hello_1")),
        edges=(),
    )
    session.show(pipelines=(hello_pipeline(), second))
    text = await words(session.view, (200, 50))
    assert "hello_1  ✓ finished in 400 ms" in text
    assert "Letters" in text


async def test_more_operators_than_can_be_drawn_are_listed() -> None:
    session = hello_session()
    many = tuple(operator(f"Operator{n}", "map") for n in range(1000))
    session.show(pipelines=(replace(hello_pipeline(), operators=many, edges=(), services=()),))
    async with open_dashboard(session) as dashboard:
        await dashboard.press("2", "end")
        assert "Operator999" in dashboard.text()


async def test_hostile_names_are_shown_and_not_obeyed() -> None:
    name = "[red]x[/]\x1b[2J"
    session = hello_session()
    bad = replace(hello_pipeline(), id=name, name=name, operators=(operator(name, "map", name),), edges=(), services=())
    session.show(pipelines=(bad, hello_pipeline()))
    session.view = replace(session.view, script=name)
    async with open_dashboard(session) as dashboard:
        for keys in (("2",), ("1",), ("1", "right"), ("2", "up", "enter"), ("escape", "ctrl+p")):
            await dashboard.press(*keys)
            assert "\x1b" not in dashboard.text()
            assert "[red]x[/]" in dashboard.text()


@pytest.mark.parametrize("start", [(120, 36), (20, 5)])
async def test_any_size_is_survived(start: tuple[int, int]) -> None:
    session = misbehaving_session()
    async with open_dashboard(session, start) as dashboard:
        for width, height in ((200, 50), (1, 1), (60, 20), (10, 3), (80, 24), (300, 100), (72, 18), (120, 36)):
            await dashboard.pilot.resize_terminal(width, height)
            session.print("meanwhile")
            await dashboard.frame()
            lines = dashboard.text().split("\n")
            assert len(lines) == height
        assert "HELLO, WORLD!" in dashboard.text()
        assert dashboard.visible("output")[-1].endswith("meanwhile")


@pytest.mark.parametrize("theme", ["sage-light", "ansi-dark", "ansi-light", "nord", "textual-dark", "solarized-light"])
async def test_every_theme_has_our_colours(theme: str) -> None:
    async with open_dashboard(hello_session()) as dashboard:
        dashboard.app.theme = theme
        await dashboard.press("2", "down")
        assert "UpperCaseMap" in dashboard.text()


async def test_without_colour_everything_is_still_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    async with open_dashboard(misbehaving_session()) as dashboard:
        text = dashboard.text()
        assert dashboard.app.no_color
        for word in ("● RUNNING", "✗ 1.2k failed", "93%", "! UpperCaseMap", "(1.2k)"):
            assert word in text
