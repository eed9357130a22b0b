"""What the main screen shows of itself, before anybody has chosen anything."""

from __future__ import annotations

from support.dashboards import open_dashboard
from support.showing import FakeSession, hello_pipeline, hello_session, misbehaving_session

from sage_runtime.events import replace
from sage_tui.dashboard.screens.main_screen import lower_pane


def without_services(session: FakeSession) -> FakeSession:
    """The same with a pipeline that calls nobody."""
    first, second, third = hello_pipeline().operators
    operators = (first, replace(second, services=()), third)
    session.show(pipelines=(replace(hello_pipeline(), operators=operators, services=()),))
    session.channels.pop((3, "service_call"))
    return session


def test_the_lower_pane_that_is_in_front_has_something_to_say() -> None:
    assert lower_pane(hello_session().view) == "calls"
    assert lower_pane(misbehaving_session().view) == "calls"
    quiet = without_services(hello_session())
    assert lower_pane(quiet.view) == "calls"
    quiet.show(lines={"log": 1})
    assert lower_pane(quiet.view) == "log"
    assert lower_pane(without_services(misbehaving_session()).view) == "failures"


async def test_without_services_it_says_what_would_be_there() -> None:
    async with open_dashboard(without_services(hello_session())) as dashboard:
        assert "This pipeline has no services." in dashboard.text()


async def test_what_somebody_has_chosen_stays_in_front() -> None:
    session = without_services(hello_session())
    async with open_dashboard(session) as dashboard:
        assert "calls" in [pane.pane for pane in dashboard.main.grid.shown()]
        session.show(lines={"log": 1})
        await dashboard.frame()
        assert "log" in [pane.pane for pane in dashboard.main.grid.shown()]
        await dashboard.press("6", "3")
        await dashboard.frame()
        assert "failures" in [pane.pane for pane in dashboard.main.grid.shown()]
        assert dashboard.main.grid.active == "output"
