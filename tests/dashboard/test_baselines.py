"""What the rows say against the run before."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from support.dashboards import open_dashboard
from support.pictures import taken
from support.showing import SIZES, Size, hello_session
from support.stores import charts, edited_session

from sage_runtime.events import replace
from sage_tui.dashboard.base.strips import Span
from sage_tui.dashboard.compare.baselines import NOTHING, Baselines, change_span, change_spans, share_span
from sage_tui.dashboard.messages import ServiceOpened
from sage_tui.state.comparison import Change
from sage_tui.state.views import method_key


def test_only_what_differs_from_the_last_run_that_had_a_pipeline_is_told() -> None:
    session = edited_session()
    found = Baselines(session, lambda task: task()).changes(session.view)
    assert found.run == 2  # the third one failed before it submitted anything
    search = method_key("qa/vector_store", "search")
    assert set(found.by_key) == {"qa/Retriever", "qa/vector_store", search}
    assert found.by_key[search].rate == pytest.approx(-0.33, abs=0.01)
    assert found.by_key["qa/vector_store"].rate == pytest.approx(0.515, abs=0.01)


def test_until_the_earlier_run_was_read_and_without_one_there_is_nothing() -> None:
    session = edited_session()
    later: list[Callable[[], None]] = []
    baselines = Baselines(session, later.append)
    assert baselines.changes(session.view) is NOTHING
    assert baselines.changes(session.view) is NOTHING
    assert len(later) == 1
    later[0]()
    assert baselines.changes(session.view).run == 2
    first = hello_session()
    assert Baselines(first, lambda task: task()).changes(first.view) is NOTHING


def test_a_new_run_is_compared_with_the_one_that_was_new_before() -> None:
    session = edited_session()
    baselines = Baselines(session, lambda task: task())
    assert baselines.changes(session.view).run == 2
    run = replace(session.view.shown, run=5, elapsed=40.0)
    session.earlier[4] = session.view.shown
    for key in ("qa/Retriever", "qa/vector_store"):
        session.past[5, key, "whole"] = charts(1.0, 35.0, 35)
    summary = replace(session.view.runs[-1], run=5)
    session.view = replace(session.view, current=run, shown=run, runs=(*session.view.runs, summary))
    found = baselines.changes(session.view)
    assert found.run == 4
    assert found.by_key["qa/Retriever"].rate == pytest.approx(-0.33, abs=0.01)


def test_a_run_that_was_over_at_once_is_nothing_to_compare_with() -> None:
    session = edited_session()
    run = replace(session.view.shown, run=5, elapsed=40.0)
    session.earlier[4] = replace(session.view.shown, elapsed=1.0)
    summary = replace(session.view.runs[-1], run=5)
    session.view = replace(session.view, current=run, shown=run, runs=(*session.view.runs, summary))
    assert Baselines(session, lambda task: task()).changes(session.view).run == 2


def test_nothing_new_in_a_second_is_the_same_object() -> None:
    session = edited_session()
    baselines = Baselines(session, lambda task: task())
    found = baselines.changes(session.view)
    session.show(elapsed=35.4)
    assert baselines.changes(session.view) is found
    session.show(elapsed=36.4)
    assert baselines.changes(session.view) is found


def test_the_words_are_short_and_say_what_is_worse_by_a_sign() -> None:
    assert share_span(0.12) == Span("▲ 12%", "good")
    assert share_span(-0.08) == Span("▼ 8%", "warn")
    assert share_span(0.3, more_is_good=False) == Span("▲ 30%", "warn")
    assert change_span(Change(rate=0.5, errors=3)) == Span("✗ +3", "bad")
    assert change_span(Change(rate=0.5, p95=-0.4)) == Span("▲ 50%", "good")
    assert change_span(Change(p95=-0.4)) == Span("p95 ▼40%", "good")
    assert change_span(Change(errors=-3)) == Span("✗ -3", "good")
    assert change_span(Change()) == Span("")


def test_where_there_is_room_all_that_changed_is_told() -> None:
    found = Change(rate=0.5, p95=-0.4, errors=3)
    assert "".join(text for text, _ in change_spans(found, 26)) == "✗ +3  ▲ 50%  p95 ▼40%     "
    assert "".join(text for text, _ in change_spans(found, 12)) == "✗ +3  ▲ 50% "
    assert "".join(text for text, _ in change_spans(Change(), 5)) == "     "


async def test_the_view_of_a_service_tells_the_change_of_each_method() -> None:
    async with open_dashboard(edited_session()) as dashboard:
        dashboard.app.post_message(ServiceOpened("qa/vector_store"))
        await dashboard.settle()
        await dashboard.app.workers.wait_for_complete()
        await dashboard.frame()
        rows = {row[2:].split()[0]: row for row in dashboard.text().splitlines() if row.startswith("│ ")}
        assert "vs #2" in rows["method"]
        assert "▲ 52%" in rows["all"]
        assert "▼ 33%" in rows["search"]
        assert not {"▲", "▼"} & set(rows["insert"])


async def test_rows_of_operators_and_services_show_their_change() -> None:
    async with open_dashboard(edited_session()) as dashboard:
        await dashboard.app.workers.wait_for_complete()
        await dashboard.frame()
        rows = dashboard.text().splitlines()
        assert any("vs #2" in row and "operator" in row for row in rows)
        assert any("Retriever" in row and "▲ 67%" in row for row in rows)
        assert ["▼ 33%" in row for row in rows if "◇ vector_store." in row] == [False, True, False]
        assert not any("Reranker" in row and ("▲" in row or "▼" in row) for row in rows if "1.2k" in row)


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_a_run_after_an_edit(snap_compare: Callable[..., bool], size: Size) -> None:
    assert taken(snap_compare, edited_session(), size, ("2",))
