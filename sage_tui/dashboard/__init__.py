"""The dashboard: Textual screens over a session. Textual is imported when it opens."""

from __future__ import annotations

import os
import sys
import termios
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sage_tui.session.protocol import SessionWithPast
    from sage_tui.settings import Settings


SWITCH_INTERVAL = 0.0005
"""Seconds after which a busy thread lets another one run. The dashboard's loop asks for its turn dozens of times a key;
with Python's 5 ms a flood in the session's reader would make every key take some 200 ms."""


def run_dashboard(session: SessionWithPast, settings: Settings, *, exit_on_finish: bool = False) -> int | None:
    """Show a session until somebody quits; starts it, and has closed it when this returns.

    With `exit_on_finish` the dashboard leaves by itself once the run has ended. Returns the number of the signal that
    ended it, None if none did.
    """
    from sage_tui.dashboard.app import SageApp
    from sage_tui.dashboard.ending import noted
    from sage_tui.dashboard.own_faults import told

    sys.setswitchinterval(SWITCH_INTERVAL)
    _have_a_size(1)
    with _of_a_kind_that_has_a_size():
        app = SageApp(
            session,
            interval=1 / settings.refresh,
            exit_on_finish=exit_on_finish,
            heed_signals=True,
            settings=settings,
        )
    with told(app.say_fault), noted(app.told_early):
        app.run()
    return app.ended_by


@contextmanager
def _of_a_kind_that_has_a_size() -> Iterator[None]:
    """Of a terminal of no known kind, which somebody wants the dashboard in, Rich would say that it has 80 columns.

    Rich keeps the environment that it is made in; the script's workers have the one that was.
    """
    kind = os.environ.get("TERM", "")
    if kind.lower() not in ("dumb", "unknown"):
        yield
        return
    os.environ["TERM"] = "ansi"
    try:
        yield
    finally:
        os.environ["TERM"] = kind


def _have_a_size(terminal: int) -> None:
    """Give a terminal that knows no size the common one.

    Textual and Rich each assume another size then, and the screen would be laid out for the two in turn, for ever.
    """
    size = os.get_terminal_size(terminal)
    if not (size.columns and size.lines):
        termios.tcsetwinsize(terminal, (24, 80))
