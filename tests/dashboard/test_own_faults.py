"""A thread of ours that fails is heard of."""

from __future__ import annotations

import threading

import pytest
from support.dashboards import open_dashboard
from support.showing import hello_session

from sage_tui.dashboard.own_faults import told


def fail() -> None:
    raise LookupError("no such thing")


def test_it_is_said_at_once_and_told_in_full_afterwards(capsys: pytest.CaptureFixture[str]) -> None:
    said: list[str] = []
    with told(said.append):
        thread = threading.Thread(target=fail, name="reader")
        thread.start()
        thread.join()
        assert said == [
            "A fault of sage-tui itself: LookupError: no such thing. What is shown may stand still; q tells more."
        ]
        assert capsys.readouterr().err == ""
    err = capsys.readouterr().err
    assert err.startswith("sage-tui: a fault of its own in the thread reader\nTraceback")
    assert "in fail" in err


def test_a_thread_that_just_ends_is_no_fault(capsys: pytest.CaptureFixture[str]) -> None:
    said: list[str] = []
    with told(said.append):
        thread = threading.Thread(target=exit)
        thread.start()
        thread.join()
    assert said == []
    assert capsys.readouterr().err == ""


async def test_the_dashboard_shows_it_from_any_thread() -> None:
    async with open_dashboard(hello_session()) as dashboard:
        thread = threading.Thread(target=dashboard.app.say_fault, args=("A fault of sage-tui itself",))
        thread.start()
        thread.join()
        await dashboard.settle()
        assert "A fault of sage-tui itself" in dashboard.text()
