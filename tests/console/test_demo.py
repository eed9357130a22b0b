"""The pipeline that comes with the package."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from support.heard import wait_for

from sage_tui.arguments import parse
from sage_tui.demo import demo_script
from sage_tui.session import Session, SessionOptions


def test_the_demo_takes_the_place_of_a_file() -> None:
    assert parse(["--demo"]).file == demo_script()
    assert demo_script().is_file()
    assert parse(["--plain", "--demo"]).mode == "plain"


@pytest.mark.parametrize("argv", [["--demo", "x.py"], []])
def test_it_is_either_the_demo_or_a_file(argv: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        parse(argv)
    assert left.value.code == 2
    assert ("--demo takes the place of FILE" if argv else "required: FILE") in capsys.readouterr().err


def test_the_demo_has_something_for_every_pane(tmp_path: Path) -> None:
    session = Session(SessionOptions(script=demo_script(), python=sys.executable, reload=False, root=tmp_path))
    try:
        session.start()
        wait_for(lambda: bool(session.snapshot().shown.failures) and session.snapshot().shown.lines["log"] > 0)
        wait_for(lambda: session.snapshot().shown.lines["output"] > 3)
        (pipeline,) = session.snapshot().shown.pipelines
        assert {one.name for one in pipeline.services if one.calls} == {"library", "model"}
        assert any(edge.feedback for edge in pipeline.edges)
        assert any(one.parallelism > 1 for one in pipeline.operators)
    finally:
        session.close()
