"""A thousand operators: the table is in front, the picture one key away, and numbers that change cost no new layout."""

from __future__ import annotations

from itertools import pairwise

import pytest
from support.dashboards import open_dashboard
from support.showing import FakeSession, edge, operator, run_view, session_view

from sage_runtime.events import replace
from sage_tui.state import layout
from sage_tui.state.graph import topology
from sage_tui.state.views import PipelineView

NAMES = [f"Step{number}" for number in range(1000)]


def chains(length: int) -> FakeSession:
    """A thousand operators in chains of `length`."""
    edges = tuple(edge(a, b) for i, (a, b) in enumerate(pairwise(NAMES), 1) if i % length)
    pipeline = PipelineView(
        id="hello",
        name="hello",
        era=1,
        status="running",
        started=0.0,
        duration=None,
        operators=tuple(operator(name, "map") for name in NAMES),
        edges=edges,
        services=(),
    )
    return FakeSession(session_view(run_view(phase="running", pipelines=(pipeline,))))


@pytest.mark.parametrize("length", [4, 1000])
async def test_the_table_is_in_front_and_the_picture_says_how_to_come_back(length: int) -> None:
    async with open_dashboard(chains(length)) as dashboard:
        assert "rec/s" in dashboard.text()
        assert "Step7" in dashboard.text()
        await dashboard.press("1")
        assert "1,000 operators, a row each · 2 for the table" in dashboard.text()
        await dashboard.press("2", "end", "k")
        assert "Step999" in dashboard.text()


async def test_numbers_that_change_have_nothing_laid_out(monkeypatch: pytest.MonkeyPatch) -> None:
    session = chains(4)
    async with open_dashboard(session) as dashboard:
        await dashboard.press("1")
        made: list[object] = []
        monkeypatch.setattr(topology, "topology_of", lambda pipelines: made.append(pipelines))
        before = layout.best_layout.cache_info()
        for records in range(3):
            (pipeline,) = session.view.shown.pipelines
            operators = tuple(replace(one, records_out=records) for one in pipeline.operators)
            session.show(pipelines=(replace(pipeline, operators=operators),))
            await dashboard.frame()
        assert not made
        assert layout.best_layout.cache_info() == before
