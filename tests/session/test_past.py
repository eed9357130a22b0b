"""What a session still knows of its earlier runs."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import pytest
from support.heard import Heard

from sage_tui.session import Session

Start = Callable[..., tuple[Session, Heard]]


def test_every_run_of_the_session_has_charts(start: Start) -> None:
    session, heard = start("w.say('x')")
    heard.finished(1)
    for run in range(2, 5):
        session.reload()
        heard.finished(run)
    for run in range(1, 5):
        charts = session.run_charts(run, None, "whole")
        assert charts is not None
        assert charts.rate.step == 1.0
        assert session.run_charts(run, "no/body", "whole") is None
    assert session.run_charts(1, None, "minute") == session.run_charts(1, None, "minute")
    assert session.run_charts(9, None, "whole") is None


@pytest.mark.skipif(sys.platform != "linux", reason="/proc can't be written, even by root")
def test_where_nothing_can_be_written_a_run_that_failed_early_keeps_its_lines(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_temporary_folder(**_: str) -> str:
        raise OSError("no temporary folder")

    monkeypatch.setattr("tempfile.mkdtemp", no_temporary_folder)
    script = "w.say(f'this is run {w.run}')\nif w.run > 1:\n    os._exit(1)\nw.submit()"
    session, heard = start(f"import os\n{script}", root=Path("/proc/nowhere"))
    heard.finished(1)
    for run in range(2, 4):
        session.reload()
        heard.finished(run)
        assert session.snapshot().shown.run == 1
    for run in range(1, 4):
        source = session.run_lines(run, "output")
        assert source is not None
        assert source.read(0, 1)[0].text == f"this is run {run}"


def test_no_file_is_opened_for_the_lines_of_runs_that_were_just_shown(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    session, heard = start("w.say('x')")
    heard.finished(1)
    for run in range(2, 4):
        session.reload()
        heard.finished(run)

    def refused(*_: object) -> NoReturn:
        raise AssertionError("a journal was opened")

    monkeypatch.setattr("sage_tui.session.run_history.JournalReader", refused)
    assert all(session.run_lines(run, "output") is not None for run in (1, 2, 3))
