"""A session on the standard streams: plain text, JSON lines, and the summary at the end."""

from __future__ import annotations

import contextlib
import select
import sys
from pathlib import Path

from sage_tui import exit_codes
from sage_tui.console.headless_runner import HeadlessRunner
from sage_tui.console.streams import DescriptorWriter, JsonLinesSink, PlainSink
from sage_tui.session.protocol import SessionLike
from sage_tui.state.views import RunView

__all__ = ["run_console"]

_REAPED = 10.0
"""Seconds in which a worker that has ended, or was killed, is surely reaped."""


def run_console(session: SessionLike, mode: str, *, keep_going: bool = False, exit_on_finish: bool = False) -> int:
    """Run a session to its end on the standard streams; the caller closes it.

    Args:
        session: not yet started.
        mode: plain or json.
        keep_going: wait for reloads after a run has ended, until a signal comes.
        exit_on_finish: with `keep_going`, end all the same where a run ends by itself.

    Returns:
        The exit status that the command owes.
    """
    with DescriptorWriter(1) as stdout, DescriptorWriter(2) as stderr:
        sink = JsonLinesSink(stdout) if mode == "json" else PlainSink(stdout, stderr)
        with HeadlessRunner(session, sink, (stdout, stderr)) as runner:
            status = runner.run(
                keep_going=keep_going,
                exit_on_finish=exit_on_finish,
                meanwhile=_load_summary if mode == "plain" else _nothing,
            )
    if status in (exit_codes.FAILED, exit_codes.STDOUT_CLOSED):  # stdout takes no more: end quietly
        return status
    signalled = status not in (None, exit_codes.INTERRUPTED)
    if session.wait(0.0 if signalled else _REAPED) is not None:
        run = session.snapshot().current
        if mode == "plain":
            _summarize(run, session.folder, even_if_unread=not signalled)
        elif run.signal and status is None:
            print(f"sage-tui: the run was ended by {run.signal}", file=sys.stderr)
    return session.exit_status() if status is None else status


def _summarize(run: RunView, folder: Path, *, even_if_unread: bool) -> None:
    """Write the summary, to a stderr that takes it; the terminal may be gone, or nobody read the pipe any more."""
    if even_if_unread or select.select([], [2], [], 0)[1]:
        with contextlib.suppress(OSError):
            from sage_tui.console.summary import print_summary

            print_summary(run, folder)


def _load_summary() -> None:
    import sage_tui.console.summary  # noqa: F401  loaded while the worker starts

    if sys.stderr.isatty():
        import rich.console
        import rich.text  # noqa: F401


def _nothing() -> None:
    pass
