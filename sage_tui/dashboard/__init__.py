"""The dashboard: Textual screens over a session. Textual is imported when it opens."""

from __future__ import annotations

import os
import sys
import termios
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from sage_tui import exit_codes

if TYPE_CHECKING:
    from sage_tui.session.protocol import SessionWithHistory
    from sage_tui.settings import Settings


SWITCH_INTERVAL = 0.0005
"""Seconds after which a busy thread lets another one run. The dashboard's loop asks for its turn dozens of times a key;
with Python's 5 ms, a flood in the session's reader would make every key take some 200 ms."""


_SIZE = ("COLUMNS", "LINES")

_MOST = 999
"""The most columns or lines that the environment may claim for a terminal that doesn't know its size."""


def run_dashboard(session: SessionWithHistory, settings: Settings, *, exit_on_finish: bool = False) -> int | None:
    """Show a session until the user quits. Starts the session, and has closed it on return.

    With `exit_on_finish` the dashboard quits by itself once the run has ended. Returns the exit status if a signal or
    an internal error has ended it; None if the status is the session's.
    """
    from sage_tui.dashboard.app import SageApp
    from sage_tui.dashboard.terminal.signals import early_signals
    from sage_tui.dashboard.terminal.textual_internals import keep_environment

    sys.setswitchinterval(SWITCH_INTERVAL)
    _ensure_size(1)
    with _without_claimed_size():
        app = SageApp(
            session,
            interval=1 / settings.refresh,
            exit_on_finish=exit_on_finish,
            handle_signals=True,
            settings=settings,
        )
        keep_environment(app)
    with report_thread_errors(app.show_internal_error), early_signals(app.note_early_signal):
        try:
            app.run()
        finally:
            app.restore_signals()
    if app.ended_by is not None:
        return exit_codes.SIGNALLED + app.ended_by
    return exit_codes.FAILED if app.return_code else None


@contextmanager
def report_thread_errors(show: Callable[[str], None]) -> Iterator[None]:
    """Have `show` called, on the thread itself, when an exception ends a thread. Print the tracebacks on exit.

    A terminal with a dashboard on it can't show a traceback, and a frozen screen explains nothing.
    """
    reports: list[str] = []
    before = threading.excepthook

    def hook(args: threading.ExceptHookArgs) -> None:
        if args.exc_type is SystemExit:
            return
        text = "".join(traceback.format_exception(args.exc_type, args.exc_value, args.exc_traceback))
        reports.append(f"sage-tui: internal error in the thread {args.thread.name if args.thread else '?'}\n{text}")
        what = traceback.format_exception_only(args.exc_type, args.exc_value)[-1].strip()
        show(f"Internal error in sage-tui: {what[:200]}. The display may be frozen; q quits and prints more.")

    threading.excepthook = hook
    try:
        yield
    finally:
        threading.excepthook = before
        for report in reports:
            print(report, file=sys.stderr, end="")


@contextmanager
def _without_claimed_size() -> Iterator[None]:
    """Remove from the environment, for as long as this lasts, what Rich takes for the terminal's size.

    That is the shell's COLUMNS and LINES, which are exported by mistake and then never updated, and a terminal of an
    unknown kind, for which it assumes 80 columns. Textual keeps the environment that it is created in; the script's
    workers get the original one.
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


def _ensure_size(terminal: int) -> None:
    """Give a terminal that doesn't know its size the one in the environment, else the usual one.

    Textual and Rich would each assume another size, and the layout would change between the two for ever.
    """
    size = os.get_terminal_size(terminal)
    if not (size.columns and size.lines):
        columns, lines = (_number(os.environ.get(name, "")) for name in _SIZE)
        termios.tcsetwinsize(terminal, (lines or 24, columns or 80))


def _number(text: str) -> int:
    """A number of columns or lines from the environment; 0 for what can't be one."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= len(str(_MOST)) else 0
