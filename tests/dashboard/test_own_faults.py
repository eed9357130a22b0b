"""A thread of ours that fails is heard of."""

from __future__ import annotations

import threading

import pytest
from support.dashboards import open_dashboard
from support.showing import hello_session

from sage_tui.dashboard import report_thread_errors


def fail() -> None:
    raise LookupError("no such thing")


def test_it_is_said_at_once_and_told_in_full_afterwards(capsys: pytest.CaptureFixture[str]) -> None:
    said: list[str] = []
    with report_thread_errors(said.append):
        thread = threading.Thread(target=fail, name="reader")
        thread.start()
        thread.join()
        assert said == [
            "Internal error in sage-tui: LookupError: no such thing. "
            "The display may be frozen; q quits and prints more."
        ]
        assert capsys.readouterr().err == ""
    err = capsys.readouterr().err
    assert err.startswith("sage-tui: internal error in the thread reader\nTraceback")
    assert "in fail" in err


def test_a_thread_that_just_ends_is_no_fault(capsys: pytest.CaptureFixture[str]) -> None:
    said: list[str] = []
    with report_thread_errors(said.append):
        thread = threading.Thread(target=exit)
        thread.start()
        thread.join()
    assert said == []
    assert capsys.readouterr().err == ""


async def test_the_dashboard_shows_it_from_any_thread() -> None:
    async with open_dashboard(hello_session()) as dashboard:
        thread = threading.Thread(target=dashboard.app.show_internal_error, args=("Internal error in sage-tui",))
        thread.start()
        thread.join()
        await dashboard.settle()
        assert "Internal error in sage-tui" in dashboard.text()
