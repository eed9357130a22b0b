"""The screen of one service: its methods, its callers, its calls in any order, and what is slow."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
from support.dashboards import Dashboard, open_dashboard
from support.pictures import taken
from support.showing import SIZES, SMALL, FakeSession, Size
from support.stores import calls, distribution, store_session

from sage_runtime.events import ServiceCall, replace
from sage_tui.dashboard.log.formatters import SlowLimits, slow_limits
from sage_tui.dashboard.log.query import parse
from sage_tui.dashboard.log.scan import RANKED, Ranking
from sage_tui.dashboard.messages import ServiceOpened
from sage_tui.dashboard.screens.detail_screen import DetailScreen
from sage_tui.dashboard.screens.service_screen import ServiceScreen, callers_of, method_rows
from sage_tui.state.views import ServiceView

KEY = "qa/vector_store"


def store(session: FakeSession) -> ServiceView:
    return session.view.shown.pipelines[0].services[0]


@asynccontextmanager
async def open_service(size: tuple[int, int] = (120, 36)) -> AsyncIterator[tuple[Dashboard, ServiceScreen]]:
    async with open_dashboard(store_session(), size) as dashboard:
        dashboard.app.post_message(ServiceOpened(KEY))
        await dashboard.settle()
        screen = dashboard.app.screen
        assert isinstance(screen, ServiceScreen)
        await searched(dashboard, screen)
        yield dashboard, screen


async def searched(dashboard: Dashboard, screen: ServiceScreen) -> None:
    """Show the frame in which filter and order know all calls."""
    for scan in (screen.calls.list.filter_scan, screen.calls.ranking):
        while scan is not None and not scan.complete:
            await dashboard.settle()
    await dashboard.frame()


# --- what is shown ---------------------------------------------------------------------------------------------------


def test_the_busiest_method_is_first_under_the_sum() -> None:
    assert [key for key, _ in method_rows(store(store_session()))] == ["all methods", "embed", "search", "insert"]


def test_the_shares_of_the_callers_add_up() -> None:
    callers = callers_of(store(store_session()))
    assert [caller.name for caller in callers] == ["Retriever", "Reranker", "MemoryWriter"]
    assert sum(caller.share for caller in callers) == pytest.approx(1)


def call(method: str, duration: float) -> ServiceCall:
    return ServiceCall(id=1, pipeline="qa", service="vector_store", method=method, duration=duration)


def test_three_times_the_median_of_its_own_method_is_slow() -> None:
    found = slow_limits([store(store_session())])
    assert found.slow(call("search", 0.041))
    assert not found.slow(call("search", 0.0021))
    assert not found.slow(call("embed", 0.0081))
    assert found.slow(call("insert", 0.0081))
    assert not found.slow(call("unheard of", 9.0))


async def test_the_main_screen_marks_slow_calls_too() -> None:
    async with open_dashboard(store_session()) as dashboard:
        await dashboard.press("4", "z")
        rows = [row for row in dashboard.text().splitlines() if "took" in row]
        assert {"41 ms" in row for row in rows if "▲ 12:" in row} == {True}
        assert not [row for row in rows if "41 ms" in row and "▲ 12:" not in row]


def test_limits_that_hardly_move_are_the_same() -> None:
    found = SlowLimits({("p", "s", "m"): 0.010})
    assert found.near(SlowLimits({("p", "s", "m"): 0.0105}))
    assert not found.near(SlowLimits({("p", "s", "m"): 0.012}))
    assert not found.near(SlowLimits({("p", "s", "other"): 0.010}))


def test_nothing_is_slow_by_the_first_few_calls_or_in_a_narrow_distribution() -> None:
    service = store(store_session())
    method = service.methods[0]
    few = replace(service, methods=(replace(method, calls=5, latency=distribution((1, 5))),))
    assert not slow_limits([few]).slow(call("insert", 0.1))
    narrow = replace(service, methods=(replace(method, latency=distribution((1.0, 500), (1.1, 500))),))
    assert not slow_limits([narrow]).slow(call("insert", 0.00115))


# --- the order of calls ----------------------------------------------------------------------------------------------


def ranked(order: str, query: str = "method:search", count: int = 120) -> Ranking:
    wanted = parse(query)
    assert wanted is not None
    ranking = Ranking((wanted,), order)
    source = FakeSession(store_session().view).lines("service_call")
    source.add(*calls(count))
    ranking.add(3, source)
    while ranking.step():
        pass
    return ranking


def events(ranking: Ranking) -> list[ServiceCall]:
    return [line.event for line in ranking.first() if isinstance(line.event, ServiceCall)]


def test_the_slowest_come_first_over_the_whole_run() -> None:
    found = events(ranked("took"))
    assert [one.duration for one in found] == sorted((one.duration for one in found), reverse=True)
    assert found[0].duration > 0.04
    assert len(found) == 60


def test_calls_are_grouped_by_caller_with_the_slowest_first() -> None:
    found = events(ranked("caller"))
    assert [one.caller for one in found] == ["Reranker"] * 30 + ["Retriever"] * 30
    assert found[30].duration > 0.04


def test_only_so_many_are_kept_and_they_are_the_right_ones() -> None:
    found = events(ranked("waited", "is:result", 4 * RANKED))
    assert len(found) == RANKED
    waited = sorted((one.waited for one in calls(4 * RANKED) if one.error is None), reverse=True)
    assert [one.waited for one in found] == waited[:RANKED]


def test_an_order_that_did_not_change_is_the_same_object() -> None:
    ranking = ranked("took")
    assert ranking.first() is ranking.first()


# --- keys ------------------------------------------------------------------------------------------------------------


async def test_o_goes_through_the_orders_and_back_to_time() -> None:
    async with open_service() as (dashboard, screen):
        seen = []
        for _ in range(5):
            await dashboard.press("o")
            seen.append(screen.calls.order)
        assert seen == ["took", "waited", "caller", "method", "time"]
        assert screen.calls.list.has_focus


async def test_the_slowest_call_is_opened_with_its_arguments_and_result() -> None:
    async with open_service() as (dashboard, screen):
        await dashboard.press("o")
        await searched(dashboard, screen)
        await dashboard.press("enter")
        text = dashboard.text()
        assert isinstance(dashboard.app.screen, DetailScreen)
        assert "41 ms" in text
        assert "'what is record 20?', top_k=1" in text
        assert "['passage 20', 'passage 21']" in text


async def test_o_among_the_calls_of_all_services_opens_the_slowest_one_first() -> None:
    async with open_dashboard(store_session()) as dashboard:
        await dashboard.press("4", "o")
        screen = dashboard.app.screen
        assert isinstance(screen, ServiceScreen)
        await searched(dashboard, screen)
        current = screen.calls.table.current()
        assert current is not None
        assert isinstance(current.event, ServiceCall)
        assert current.event.duration == max(one.duration for one in calls(120))


async def test_the_cursor_stays_on_the_slowest_call_until_somebody_moves_it() -> None:
    async with open_service() as (dashboard, screen):
        await dashboard.press("o")
        await searched(dashboard, screen)
        for number, (keys, on_it) in enumerate((((), True), (("down", "up"), False))):
            await dashboard.press(*keys)
            slower = replace(calls(1)[0], id=9_000 + number, duration=2.0 + number)
            dashboard.session.lines("service_call").add(slower)
            while screen.calls.table.row_count <= 120 + number:
                await dashboard.frame()
            line = screen.calls.table.current()
            assert line is not None
            assert isinstance(line.event, ServiceCall)
            assert (line.event.id == 9_000 + number) is on_it


async def test_a_failed_call_is_opened_with_its_traceback() -> None:
    async with open_service() as (dashboard, screen):
        screen.calls.set_filter(parse("is:failed took:<3ms re:record.43"))
        await searched(dashboard, screen)
        await dashboard.press("up", "enter")
        assert 'File "qa.py", line 31, in search' in dashboard.text()


async def test_enter_on_a_method_and_on_a_caller_shows_their_calls() -> None:
    async with open_service() as (dashboard, screen):
        await dashboard.press("1", "end", "enter")
        await searched(dashboard, screen)
        assert screen.calls.note.startswith("filter method:insert: 30")
        await dashboard.press("2", "down", "enter")
        await searched(dashboard, screen)
        assert screen.calls.note.startswith("filter caller:Reranker: 30")
        await dashboard.press("escape")
        await searched(dashboard, screen)
        assert screen.calls.note.startswith("120 calls")


async def test_a_filter_holds_in_every_order() -> None:
    async with open_service() as (dashboard, screen):
        await dashboard.press("f", *"took:40ms", "enter", "o")
        await searched(dashboard, screen)
        assert screen.calls.table.row_count == 6
        assert screen.calls.note == "filter took:40ms: 6 · by took"


async def test_slow_and_failed_calls_have_a_mark() -> None:
    async with open_service((200, 50)) as (dashboard, _):
        rows = dashboard.text().splitlines()
        assert any("▲ 12:00:07.500" in row for row in rows)
        assert any("✗ 12:00:05.187" in row for row in rows)


async def test_escape_goes_back() -> None:
    async with open_service() as (dashboard, _):
        await dashboard.press("escape")
        assert dashboard.app.screen is dashboard.main


# --- pictures --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [SMALL, *SIZES], ids=str)
def test_a_service(snap_compare: Callable[..., bool], size: Size) -> None:
    assert taken(snap_compare, store_session(), size, opening=ServiceOpened(KEY))


def test_a_service_with_its_slowest_calls(snap_compare: Callable[..., bool]) -> None:
    assert taken(snap_compare, store_session(), Size(120, 36), ("o",), opening=ServiceOpened(KEY))
