"""How much is drawn for how small a change: lines are counted, not seconds."""

from __future__ import annotations

from collections import Counter

import pytest
from support.dashboards import Dashboard, open_dashboard
from support.showing import hello_session
from textual.geometry import Region
from textual.widget import Widget

from sage_runtime.events import replace


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """The lines that were asked to be drawn anew, by widget."""
    lines: Counter[str] = Counter()
    refresh = Widget.refresh

    def counted(self: Widget, *regions: Region, **options: bool) -> Widget:
        lines[type(self).__name__] += sum(region.height for region in regions) if regions else self.size.height
        return refresh(self, *regions, **options)

    monkeypatch.setattr(Widget, "refresh", counted)
    return lines


def count(dashboard: Dashboard, records: int) -> None:
    """Have the first operator put out more records."""
    (pipeline,) = dashboard.session.view.shown.pipelines
    first, *rest = pipeline.operators
    operators = (replace(first, records_out=records), *rest)
    dashboard.session.show(pipelines=(replace(pipeline, operators=operators),))


async def test_where_nothing_changed_nothing_is_drawn(drawn: Counter[str]) -> None:
    async with open_dashboard(hello_session()) as dashboard:
        drawn.clear()
        for _ in range(3):
            dashboard.session.show(seq=dashboard.session.view.shown.seq + 1)
            await dashboard.frame()
        assert drawn.total() == 0


async def test_a_number_in_one_row_has_no_other_row_drawn(drawn: Counter[str]) -> None:
    async with open_dashboard(hello_session()) as dashboard:
        before = dashboard.text()
        drawn.clear()
        count(dashboard, 15_555)
        await dashboard.frame()
        after = dashboard.text()
        assert drawn == {"Table": 1}
    changed = [new for old, new in zip(before.splitlines(), after.splitlines(), strict=True) if old != new]
    assert len(changed) == 1
    assert "15,555" in changed[0]


async def test_new_lines_in_a_full_pane_leave_every_other_pane_alone(drawn: Counter[str]) -> None:
    async with open_dashboard(hello_session()) as dashboard:
        drawn.clear()
        dashboard.session.print("one more")
        await dashboard.frame()
        assert "one more" in dashboard.text()
        assert set(drawn) <= {"LineList"}


async def test_the_scroll_bar_of_a_long_run_is_not_drawn_for_a_line_more(monkeypatch: pytest.MonkeyPatch) -> None:
    session = hello_session()
    session.print(*(f"line {number}" for number in range(20_000)))
    async with open_dashboard(session) as dashboard:
        bar = dashboard.lines("output").vertical_scrollbar
        refreshed: list[object] = []
        monkeypatch.setattr(bar, "refresh", lambda *args, **kwargs: refreshed.append(args))
        session.print("one more")
        await dashboard.frame()
        assert "one more" in dashboard.text()
        assert not refreshed
        assert bar.window_virtual_size == dashboard.lines("output").transcript.count()
