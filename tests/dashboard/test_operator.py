"""The screen of one operator: figures, records, charts, failures, lines and source."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from support.dashboards import Dashboard, open_dashboard
from support.pictures import taken
from support.showing import SIZES, SMALL, Size, run_view
from support.stores import SOURCE, distribution, inspected_session

from sage_runtime.events import Inspect, Latency, Record, replace
from sage_tui.dashboard.charts.plot import histogram_lines
from sage_tui.dashboard.messages import OperatorOpened
from sage_tui.dashboard.screens.operator_screen import OperatorScreen, record_lines, skew_of
from sage_tui.dashboard.screens.source_pane import editor_command, extent, run_editor, source_of

KEY = "qa/Retriever"


@asynccontextmanager
async def open_operator(
    folder: Path, size: tuple[int, int] = (200, 50)
) -> AsyncIterator[tuple[Dashboard, OperatorScreen]]:
    async with open_dashboard(inspected_session(folder), size) as dashboard:
        dashboard.app.post_message(OperatorOpened(KEY))
        await dashboard.settle()
        await dashboard.frame()
        screen = dashboard.app.screen
        assert isinstance(screen, OperatorScreen)
        yield dashboard, screen


async def test_records_are_sent_while_it_is_open_and_asked_for_again_in_the_next_run(tmp_path: Path) -> None:
    async with open_operator(tmp_path) as (dashboard, _):
        session = dashboard.session
        assert session.done[-1] == Inspect((KEY,))
        await dashboard.frame()
        session.show(run=5, phase="starting")
        await dashboard.frame()
        assert session.done.count(Inspect((KEY,))) == 1
        session.show(run=5, phase="running")
        await dashboard.frame()
        assert session.done.count(Inspect((KEY,))) == 2
        await dashboard.press("escape")
        assert session.done[-1] == Inspect(())


async def test_the_newest_record_of_each_side_is_on_top_and_pretty(tmp_path: Path) -> None:
    async with open_operator(tmp_path) as (dashboard, _):
        await dashboard.press("5")
        rows = dashboard.text().splitlines()
        first = next(i for i, row in enumerate(rows) if "#108" in row)
        assert '"passages": ["a", "b", "c"]' in rows[first + 4]
        await dashboard.press("4")
        text = dashboard.text()
        assert '"text": "what is record 8?"' in text
        assert "passages" not in text


async def test_every_pane_has_its_number(tmp_path: Path) -> None:
    async with open_operator(tmp_path, (80, 24)) as (dashboard, screen):
        for number, name in enumerate(screen.grid.panes, start=1):
            await dashboard.press(str(number))
            assert screen.grid.active == name
            assert screen.grid.panes[name].has_focus_within


async def test_lines_log_and_failures_are_its_own(tmp_path: Path) -> None:
    async with open_operator(tmp_path) as (dashboard, screen):
        scan = screen.output.list.filter_scan
        while scan is not None and not scan.complete:
            await dashboard.settle()
        await dashboard.press("6")
        assert "looked for record 8" in dashboard.text()
        await dashboard.press("8")
        assert "No failures of this operator" in dashboard.text()


async def test_the_source_is_that_of_its_class_and_follows_a_save(tmp_path: Path) -> None:
    async with open_operator(tmp_path) as (dashboard, screen):
        await dashboard.press("9")
        text = dashboard.text()
        assert "4 class Retriever(MapFunction):" in text
        assert "class Other" not in text
        (tmp_path / "qa.py").write_text(SOURCE.replace("top_k=3", "top_k=30"))
        await dashboard.frame()
        assert "top_k=30" in dashboard.text()
        assert "class Retriever" in (screen.source.copied() or "")


async def test_without_an_editor_that_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("EDITOR", raising=False)
    monkeypatch.delenv("VISUAL", raising=False)
    async with open_operator(tmp_path) as (dashboard, _):
        await dashboard.press("9", "e")
        assert [notice.message for notice in dashboard.app._notifications][-1].startswith("Set $EDITOR")


async def test_an_operator_that_is_not_in_the_run_is_not_there(tmp_path: Path) -> None:
    async with open_operator(tmp_path) as (dashboard, _):
        dashboard.session.view = replace(dashboard.session.view, shown=run_view(9), current=run_view(9))
        await dashboard.frame()
        assert "not in this run" in dashboard.text()


# --- parts -----------------------------------------------------------------------------------------------------------


def test_an_editor_that_can_not_be_started_is_named_and_nothing_is_raised() -> None:
    assert run_editor(["no-such-editor", "+1", "a.py"]) == (
        "$EDITOR can't be started: no-such-editor: No such file or directory"
    )
    assert run_editor(["/"]) == "$EDITOR can't be started: /: Permission denied"
    assert run_editor(["sh", "-c", "exit 3"]) == "sh ended with status 3"
    assert run_editor(["true"]) == ""


def test_an_editor_is_opened_at_the_line() -> None:
    assert editor_command("vim -p", "a.py", 12) == ["vim", "-p", "+12", "a.py"]
    assert editor_command("/usr/bin/code --wait", "a.py", 12) == ["/usr/bin/code", "--wait", "-g", "a.py:12"]
    assert editor_command("nano", "a.py", None) == ["nano", "a.py"]
    assert editor_command("", "a.py", 1) is None
    assert editor_command("vim 'x", "a.py", 1) is None


def test_a_class_is_shown_with_its_decorators_and_a_lambda_with_what_is_around() -> None:
    text = "x = 1\n\n@keep\nclass A:\n    def f(self): ...\n\ny = map(lambda r: r)\n"
    assert extent(text, 5) == (3, 5)
    assert extent(text, 7) == (1, 8)
    assert extent("class (", 1) == (1, 1)


def test_a_source_that_is_gone_says_so(tmp_path: Path) -> None:
    assert "can't be read" in source_of(str(tmp_path / "gone.py"), 3).problem
    assert "not known" in source_of(None, None).problem


def test_a_histogram_has_a_row_for_each_range_and_all_shares() -> None:
    lines = ["".join(text for text, _ in line) for line in histogram_lines(distribution((1, 75), (9, 25)), 60, 10)]
    assert "75%" in lines[1]
    assert "25%" in lines[-1]
    assert len(lines) == 10
    assert histogram_lines(Latency(), 60, 10) == []
    assert histogram_lines(distribution((1, 75)), 60, 2) == []


def test_skew_is_the_most_of_one_replica_against_the_mean(tmp_path: Path) -> None:
    operator = inspected_session(tmp_path).view.shown.pipelines[0].operators[1]
    assert skew_of(operator) == "skew 1.29× the mean"
    assert skew_of(replace(operator, replicas=operator.replicas[:1])) == ""


def test_control_characters_of_records_are_shown() -> None:
    record = Record(pipeline="p", operator="o", port="in", preview="a\x1b[31m\nb", sequence=1)
    lines = ["".join(text for text, _ in line) for line in record_lines([record])]
    assert lines[1:] == ["   a␛[31m", "   b"]


@pytest.mark.parametrize("size", [SMALL, *SIZES], ids=str)
def test_the_screen(
    snap_compare: Callable[..., bool], size: Size, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert taken(snap_compare, inspected_session(Path()), size, opening=OperatorOpened(KEY))


def test_the_source(snap_compare: Callable[..., bool], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert taken(snap_compare, inspected_session(Path()), Size(80, 24), ("9",), opening=OperatorOpened(KEY))
