"""The dashboard: Textual screens over a session. Textual is imported when it opens."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sage_tui.session.protocol import SessionLike


def run_dashboard(session: SessionLike, *, exit_on_finish: bool = False) -> None:
    """Show a session until somebody quits; starts it, and has closed it when this returns.

    With `exit_on_finish` the dashboard leaves by itself once the run has ended.
    """
    from sage_tui.dashboard.app import SageApp

    SageApp(session, exit_on_finish=exit_on_finish).run()
