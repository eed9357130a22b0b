"""Toasts: that nothing of them stays."""

from __future__ import annotations

from support.dashboards import open_dashboard
from support.showing import hello_session


async def test_a_toast_that_the_rack_removes_leaves_no_holder() -> None:
    async with open_dashboard(hello_session()) as dashboard:
        dashboard.app.notify("one")
        await dashboard.settle()
        dashboard.app.clear_notifications()  # the rack removes the toast, as it does a spent one
        await dashboard.settle()
        dashboard.app.notify("two")
        await dashboard.settle()
        assert len(dashboard.app.query("ToastHolder")) == 1
