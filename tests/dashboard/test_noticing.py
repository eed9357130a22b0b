"""What is said without being asked, and that it is said once."""

from __future__ import annotations

from typing import Any

from support.dashboards import open_dashboard
from support.showing import NOON, hello_pipeline, hello_session, operator, run_view, session_view

from sage_runtime.events import replace
from sage_tui.dashboard.hints import Hints
from sage_tui.state.views import Bottleneck, ReplayView, SessionView


def seen(number: int = 1, **fields: Any) -> SessionView:
    """A live run that has submitted its pipeline 0.3 s after its start."""
    values = {"phase": "running", "elapsed": 1.0, "pipelines": (hello_pipeline(),), **fields}
    return session_view(run_view(number, **values))


def test_the_first_output_is_told_once() -> None:
    noticing = Hints()
    assert noticing.look(seen(elapsed=0.2)) == []
    assert noticing.look(seen(elapsed=0.4, lines={"output": 1})) == ["First output after 400 ms"]
    assert noticing.look(seen(elapsed=0.5, lines={"output": 9})) == []


def test_the_first_output_is_timed_by_itself_not_by_the_frame_that_shows_it() -> None:
    noticing = Hints(lambda: NOON + 0.25)
    assert noticing.look(seen(started=NOON, elapsed=0.0, lines={"output": 1})) == ["First output after 250 ms"]


def test_a_reload_tells_how_long_it_took() -> None:
    noticing = Hints()
    noticing.look(seen())
    assert noticing.look(seen(2, started=NOON, elapsed=0.1, pipelines=())) == []
    assert noticing.look(seen(2, started=NOON, elapsed=0.4)) == ["Reloaded in 300 ms"]
    assert noticing.look(seen(2, started=NOON, elapsed=0.5, lines={"output": 1})) == []


def test_of_a_storm_of_reloads_only_some_are_told() -> None:
    noticing = Hints()
    noticing.look(seen())
    told = [bool(noticing.look(seen(2 + n, started=NOON + n / 2, elapsed=0.4))) for n in range(11)]
    assert [n for n, one in enumerate(told) if one] == [0, 5, 10]


def test_of_a_run_that_has_long_begun_there_is_nothing_to_tell() -> None:
    assert Hints().look(seen(3, elapsed=60.0, lines={"output": 100})) == []


def silent_source(records: int, elapsed: float, **fields: Any) -> SessionView:
    source = operator("Letters", "source", records_out=records, **fields)
    pipeline = replace(hello_pipeline(), operators=(source,))
    return seen(elapsed=elapsed, pipelines=(pipeline,))


def test_a_source_that_gives_nothing_for_ten_seconds_is_told_once_until_it_gives_again() -> None:
    noticing = Hints()
    assert noticing.look(silent_source(5, 20.0)) == []
    assert noticing.look(silent_source(5, 29.9)) == []
    assert noticing.look(silent_source(5, 30.0)) == ["Letters has been silent for 10 s"]
    assert noticing.look(silent_source(5, 60.0)) == []
    assert noticing.look(silent_source(6, 61.0)) == []
    assert noticing.look(silent_source(6, 71.0)) == ["Letters has been silent for 10 s"]


def test_a_source_that_is_held_back_is_not_silent() -> None:
    noticing = Hints()
    for elapsed in (20.0, 31.0, 42.0):
        assert noticing.look(silent_source(5, elapsed, blocked=0.9)) == []
    for elapsed in (50.0, 61.0, 72.0):
        assert noticing.look(silent_source(5, elapsed, state="paused")) == []
    assert noticing.look(silent_source(5, 73.0)) == []


def slow(name: str, elapsed: float) -> SessionView:
    bottleneck = Bottleneck("hello", name, None, 0.93, "busy 93%") if name else None
    return seen(elapsed=elapsed, bottleneck=bottleneck)


def test_a_bottleneck_is_told_once_it_stays() -> None:
    noticing = Hints()
    told = [words for at in range(20, 40) for words in noticing.look(slow("UpperCaseMap", float(at)))]
    assert told == ["UpperCaseMap is the bottleneck now (busy 93%)"]


def test_a_bottleneck_that_comes_and_goes_is_not_told() -> None:
    noticing = Hints()
    assert [words for at in range(20, 60) for words in noticing.look(slow("A" if at % 4 else "", float(at)))] == []


def test_bottlenecks_are_told_half_a_minute_apart() -> None:
    noticing = Hints()
    words = [(at, one) for at in range(20, 80) for one in noticing.look(slow("A" if at < 30 else "B", float(at)))]
    assert [at for at, _ in words] == [25, 55]


def test_a_replay_and_a_held_display_are_quiet() -> None:
    view = seen(elapsed=0.4, lines={"output": 1})
    assert Hints().look(replace(view, live=False, replay=ReplayView(0.0, 1.0, 1.0))) == []
    assert Hints().look(replace(view, held=True)) == []


async def test_the_dashboard_shows_it_in_a_line() -> None:
    session = hello_session()
    async with open_dashboard(session) as dashboard:
        session.show(run=4, reason="reload", elapsed=0.5)
        await dashboard.frame()
        assert "Reloaded in 300 ms" in dashboard.text()
