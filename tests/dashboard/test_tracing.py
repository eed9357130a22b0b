"""Following records through the pipeline, and stepping while it is paused."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from support.dashboards import open_dashboard
from support.pictures import drawn
from support.showing import NOON, SIZES, FakeLines, FakeSession, Size, hello_pipeline, hello_session, operator
from textual.pilot import Pilot

from sage_runtime.events import EdgeInfo, Follow, ServiceCall, Step, Trace, replace
from sage_tui.dashboard.app import SageApp
from sage_tui.dashboard.trace.trace_screen import TracedRecords, TraceScreen, calls_of, difference, sources_of
from sage_tui.dashboard.widgets.bars import KeyBar
from sage_tui.journal.lines import Line, lines_of

Compare = Callable[..., bool]


def steps(number: int, value: str, sink: bool = True) -> list[Trace]:
    """The path of one record through the tutorial's pipeline."""
    t = NOON + number
    upper = value.upper()
    way = [
        Trace(trace=number, pipeline="hello", operator="HelloBatch", after=(repr(value),), t=t, duration=0.00001),
        Trace(
            trace=number,
            pipeline="hello",
            operator="UpperCaseMap",
            before=repr(value),
            after=(repr(upper),),
            t=t + 0.002,
            waited=0.0012,
            duration=0.0006,
            calls=(1, 2),
        ),
        Trace(
            trace=number,
            pipeline="hello",
            operator="PrintSink",
            before=repr(upper),
            t=t + 0.003,
            waited=0.0002,
            duration=0.00004,
        ),
    ]
    return way if sink else way[:2]


def traced(session: FakeSession, *ways: list[Trace]) -> None:
    for way in ways:
        session.lines("trace").add(*way)


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_the_way_of_a_record(snap_compare: Compare, size: Size) -> None:
    session = hello_session()
    traced(session, steps(1, "hello, world! #1"), steps(2, "hello, world! #2"))
    app = SageApp(session, interval=0)

    async def prepare(pilot: Pilot[None]) -> None:
        await pilot.pause()
        app.refresh_loop.tick()
        await pilot.press("t")
        await pilot.pause()
        app.refresh_loop.tick()
        await drawn(pilot)

    assert snap_compare(app, terminal_size=(size.width, size.height), run_before=prepare)


async def test_t_on_a_source_follows_its_next_record() -> None:
    session = hello_session()
    async with open_dashboard(session) as dashboard:
        await dashboard.press("2", "t")
        assert session.done[-1] == Follow("hello/HelloBatch", 1)
        assert "No traced records yet" in dashboard.text()
        traced(session, steps(1, "hello"))
        await dashboard.frame()
        text = dashboard.text()
        assert "Path of #1 from HelloBatch" in text
        assert "'hello' → 'HELLO'" in text
        assert "'HELLO'  ✓" in text


async def test_t_at_a_sink_follows_its_sources_and_shows_what_has_reached_it() -> None:
    session = hello_session()
    traced(session, steps(1, "reached"), steps(2, "still on its way", sink=False))
    async with open_dashboard(session) as dashboard:
        await dashboard.press("2", "end", "t")
        assert session.done[-1] == Follow("hello/HelloBatch", 1)
        text = dashboard.text()
        assert "Traced through PrintSink" in text
        assert "reached" in text
        assert "still on its way" not in text
        traced(session, steps(3, "the latest"))
        await dashboard.frame()
        assert "Path of #3" in dashboard.text()


async def test_a_step_that_raised_shows_what_and_failed_calls_are_counted() -> None:
    session = hello_session()
    session.lines("service_call").lines.clear()
    session.call(1)
    session.call(2, error="KeyError: 'greeting'")
    source, step, _ = steps(1, "hello")
    traced(session, [source, replace(step, after=(), error="ValueError: too polite\nby far")])
    async with open_dashboard(session) as dashboard:
        await dashboard.press("t")
        (row,) = [row for row in dashboard.text().splitlines() if "✗ raised" in row]
        assert "'hello' ✗ raised ValueError: too polite" in row
        assert "◇ 2 ✗ 1" in row
        await dashboard.press("down", "y", "enter")
        assert dashboard.app.clipboard.startswith("UpperCaseMap: 'hello' → raised ValueError: too polite")
        text = dashboard.text()
        assert "raised KeyError: 'greeting'" in text
        assert "by far" in text
        assert "nothing came out of it" not in text


def test_the_calls_of_an_old_step_are_found_among_a_million() -> None:
    class Calls(FakeLines):
        def count(self) -> int:
            return 1_000_000

        def read(self, start: int, stop: int) -> list[Line]:
            self.reads.append((start, stop))
            made = (call_at(number) for number in range(start, min(stop, self.count())))
            return [line for number, call in enumerate(made, start) for line in lines_of(call, number)]

    def call_at(number: int) -> ServiceCall:
        return ServiceCall(t=NOON + number / 100, id=number, pipeline="hello", service="s", method="m")

    source = Calls()
    step = replace(steps(1, "x")[1], t=NOON + 100, duration=0.5, calls=(9_980, 9_990))
    assert [call.id for call in calls_of(step, source)] == [9_980, 9_990]
    assert sum(stop - start for start, stop in source.reads) < 2_000


async def test_the_latest_record_is_shown_until_somebody_chooses_another() -> None:
    session = hello_session()
    traced(session, steps(1, "one"), steps(2, "two"))
    async with open_dashboard(session) as dashboard:
        await dashboard.press("t")
        assert "Path of #2" in dashboard.text()
        await dashboard.press("left")
        assert "Path of #1" in dashboard.text()
        traced(session, steps(3, "three"))
        await dashboard.frame()
        assert "Path of #1" in dashboard.text()
        await dashboard.press("right", "right")
        assert "Path of #3" in dashboard.text()


async def test_enter_on_a_step_shows_its_values_whole_and_its_service_calls() -> None:
    session = hello_session()
    traced(session, steps(1, "hello"))
    async with open_dashboard(session) as dashboard:
        await dashboard.press("t", "down", "enter")
        text = dashboard.text()
        assert "'hello'" in text
        assert "'HELLO'" in text
        assert text.count("called hello_service.hello") == 2


async def test_t_again_follows_another_and_escape_goes_back() -> None:
    session = hello_session()
    async with open_dashboard(session) as dashboard:
        await dashboard.press("t", "t")
        assert [done for done in session.done if isinstance(done, Follow)] == [
            Follow("hello/HelloBatch", 1),
            Follow(None, 1),
        ]
        assert len(dashboard.app.screen_stack) == 2
        await dashboard.press("escape")
        assert not isinstance(dashboard.app.screen, TraceScreen)


async def test_a_step_is_followed_and_its_way_is_shown() -> None:
    session = hello_session()
    session.show(phase="paused", in_flight=12)
    async with open_dashboard(session) as dashboard:
        assert "PAUSED, 12 in flight" in dashboard.text()
        await dashboard.press("s")
        assert session.done[-2:] == [Follow("hello/HelloBatch", 1), Step("hello/HelloBatch")]
        traced(session, steps(1, "stepped"))
        await dashboard.press("s")
        assert "'stepped' → 'STEPPED'" in dashboard.text()
        assert len(dashboard.app.screen_stack) == 2


async def test_the_records_of_another_run_are_others() -> None:
    session = hello_session()
    traced(session, steps(1, "old"))
    async with open_dashboard(session) as dashboard:
        await dashboard.press("t")
        assert "'old'" in dashboard.text()
        session.show(run=4)
        await dashboard.frame()
        assert "'old'" not in dashboard.text()


def test_the_sources_that_lead_to_an_operator_are_found_over_joins_and_loops() -> None:
    edges = [EdgeInfo(f"{a}{b}", a, b) for a, b in ("AJ", "BJ", "JK", "KJ", "CX")]
    kinds = {"A": "source", "B": "batch", "C": "source", "J": "join", "K": "map", "X": "sink"}
    operators = tuple(operator(name, kind) for name, kind in kinds.items())
    pipeline = replace(hello_pipeline(), operators=operators, edges=tuple(edges))
    assert sources_of(pipeline, "K") == ["A", "B"]
    assert sources_of(pipeline, "X") == ["C"]
    assert sources_of(pipeline, "A") == ["A"]


def test_only_the_latest_followed_records_are_kept() -> None:
    lines = FakeLines()
    records = TracedRecords(lines)
    for number in range(1, 301):
        lines.add(*steps(number, "x"))
    records.poll()
    assert len(records.latest_first()) == 200
    assert records.latest_first()[0].number == 300


def test_calls_are_found_by_their_numbers_even_if_some_were_left_out() -> None:
    lines = FakeLines()
    for number in range(0, 3000, 3):
        lines.add(ServiceCall(t=steps(1, "x")[1].t, id=number, pipeline="hello", service="s", method="m"))
    step = replace(steps(1, "x")[1], calls=(2, 3, 2997))
    assert [call.id for call in calls_of(step, lines)] == [3, 2997]


def test_what_is_new_in_a_value_is_shown_without_what_is_not() -> None:
    assert difference("{'letter': 7, 'topic': 'tea'}", "{'letter': 7, 'topic': 'tea', 'found': 3}") == "…, 'found': 3}"
    assert difference("'hello'", "'HELLO'") == "'HELLO'"


async def test_a_screen_may_be_closed_while_its_keys_change() -> None:
    session = hello_session()
    async with open_dashboard(session) as dashboard:
        await dashboard.press("t")
        keys = dashboard.app.screen.query_one(KeyBar)
        await dashboard.press("escape")
        keys._draw()
