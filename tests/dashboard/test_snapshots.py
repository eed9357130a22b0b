"""How the screens look, as SVG. After a change on purpose: `--snapshot-update`, and look at every picture."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest
from support.pictures import drawn
from support.showing import (
    LARGE,
    SIZES,
    SMALL,
    FakeSession,
    Size,
    hello_session,
    misbehaving_session,
    run_view,
    session_view,
)
from textual.pilot import Pilot

from sage_runtime.events import ReplicaStats, replace
from sage_tui.dashboard.app import SageApp

Compare = Callable[..., bool]


def app_of(session: FakeSession) -> SageApp:
    """The dashboard as it is compared: frames by hand, nothing moves."""
    app = SageApp(session, interval=0)
    app.animation_level = "none"
    return app


def pressing(keys: Sequence[str], theme: str | None = None) -> Callable[[Pilot[None]], object]:
    """What is done before the picture is taken."""

    async def prepare(pilot: Pilot[None]) -> None:
        app = pilot.app
        assert isinstance(app, SageApp)
        if theme is not None:
            app.theme = theme
        await pilot.pause()
        app.refresh_loop.tick()
        await pilot.pause()
        for key in keys:
            await pilot.press(key)
        app.refresh_loop.tick()
        await drawn(pilot)

    return prepare


def taken(
    snap_compare: Compare, session: FakeSession, size: Size, keys: Sequence[str] = (), theme: str | None = None
) -> bool:
    return snap_compare(app_of(session), terminal_size=(size.width, size.height), run_before=pressing(keys, theme))


@pytest.mark.parametrize("size", [SMALL, *SIZES, LARGE], ids=str)
def test_a_running_pipeline(snap_compare: Compare, size: Size) -> None:
    assert taken(snap_compare, misbehaving_session(), size)


@pytest.mark.parametrize("pane", range(1, 7))
def test_each_pane_alone(snap_compare: Compare, pane: int) -> None:
    assert taken(snap_compare, misbehaving_session(), SMALL, (str(pane),))


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_a_failure_with_its_traceback(snap_compare: Compare, size: Size) -> None:
    assert taken(snap_compare, misbehaving_session(), size, ("6", "enter"))


def test_an_operator(snap_compare: Compare) -> None:
    session = hello_session()
    (pipeline,) = session.view.shown.pipelines
    replicas = tuple(
        ReplicaStats(n, records_in=3600 + 7 * n, records_out=3600, busy=0.2 + 0.2 * n, idle=0.8 - 0.2 * n, queue=30 * n)
        for n in range(4)
    )
    first, second, third = pipeline.operators
    second = replace(second, parallelism=4, replicas=replicas)
    session.show(pipelines=(replace(pipeline, operators=(first, second, third)),))
    assert taken(snap_compare, session, Size(120, 36), ("2", "down", "enter"))


def test_the_help(snap_compare: Compare) -> None:
    assert taken(snap_compare, hello_session(), Size(120, 36), ("question_mark",))


def test_before_the_script_has_submitted(snap_compare: Compare) -> None:
    session = FakeSession(session_view(run_view(1, python="/usr/bin/python3")))
    assert taken(snap_compare, session, Size(80, 24))


def test_a_killed_worker(snap_compare: Compare) -> None:
    session = hello_session()
    session.show(phase="failed", signal="SIGKILL", bottleneck=None)
    assert taken(snap_compare, session, Size(80, 24))


def test_reading_back_with_a_search(snap_compare: Compare) -> None:
    keys = ("3", "up", "up", "up", "up")
    assert taken(snap_compare, hello_session(), Size(120, 36), keys)


@pytest.mark.parametrize("theme", ["sage-light", "ansi-dark"])
def test_other_themes(snap_compare: Compare, theme: str) -> None:
    assert taken(snap_compare, misbehaving_session(), Size(120, 36), ("2", "down"), theme)
