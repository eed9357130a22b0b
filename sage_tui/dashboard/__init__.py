"""The dashboard: Textual screens over a session. Textual is imported when it opens."""

from __future__ import annotations

import os
import sys
import termios
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from sage_tui import exit_codes

if TYPE_CHECKING:
    from sage_tui.session.protocol import SessionWithHistory
    from sage_tui.settings import Settings


SWITCH_INTERVAL = 0.0005
"""Seconds after which a busy thread lets another one run. The dashboard's loop asks for its turn dozens of times a key;
with Python's 5 ms a flood in the session's reader would make every key take some 200 ms."""


_SIZE = ("COLUMNS", "LINES")

_MOST = 999
"""Columns or lines that are believed of a terminal that doesn't know how many it has."""


def run_dashboard(session: SessionWithHistory, settings: Settings, *, exit_on_finish: bool = False) -> int | None:
    """Show a session until somebody quits; starts it, and has closed it when this returns.

    With `exit_on_finish` the dashboard leaves by itself once the run has ended. Returns the exit status if a signal has
    ended it, or a fault of its own; None if it is the session's.
    """
    from sage_tui.dashboard.app import SageApp
    from sage_tui.dashboard.own_faults import told
    from sage_tui.dashboard.terminal.end_signals import noted

    sys.setswitchinterval(SWITCH_INTERVAL)
    _have_a_size(1)
    with _of_the_terminals_own_size():
        app = SageApp(
            session,
            interval=1 / settings.refresh,
            exit_on_finish=exit_on_finish,
            heed_signals=True,
            settings=settings,
        )
        app.error_console._environ = app.console._environ
    with told(app.say_fault), noted(app.told_early):
        try:
            app.run()
        finally:
            app.hear_no_more()
    if app.ended_by is not None:
        return exit_codes.SIGNALLED + app.ended_by
    return exit_codes.FAILED if app.return_code else None


@contextmanager
def _of_the_terminals_own_size() -> Iterator[None]:
    """While this lasts, the environment says nothing that Rich takes for the terminal's size.

    That is the shell's COLUMNS and LINES, which are exported by mistake and then stay what they were, and a terminal of
    no known kind, which it says has 80 columns. Textual keeps the environment that it is made in; the script's workers
    have the one that was.
    """
    was = {name: os.environ.pop(name) for name in _SIZE if name in os.environ}
    kind = os.environ.get("TERM", "")
    if kind.lower() in ("dumb", "unknown"):
        was["TERM"] = kind
        os.environ["TERM"] = "ansi"
    try:
        yield
    finally:
        os.environ.update(was)


def _have_a_size(terminal: int) -> None:
    """Give a terminal that knows no size the one that the environment tells, else the common one.

    Textual and Rich each assume another size then, and the screen would be laid out for the two in turn, for ever.
    """
    size = os.get_terminal_size(terminal)
    if not (size.columns and size.lines):
        columns, lines = (_told(os.environ.get(name, "")) for name in _SIZE)
        termios.tcsetwinsize(terminal, (lines or 24, columns or 80))


def _told(number: str) -> int:
    """A number of columns or lines from the environment; 0 for what can't be one."""
    return int(number) if number.isascii() and number.isdigit() and len(number) <= len(str(_MOST)) else 0
