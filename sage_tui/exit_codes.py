"""The exit statuses of the command."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sage_runtime.events import RunFinished

FAILED = 1
"""The script or a pipeline failed, a signal ended the run, or (with --fail-on-error) a record failed; or the dashboard
itself did."""

USAGE = 2
"""Wrong usage, or a FILE that is missing or is neither a script nor a recording."""

INTERRUPTED = 130
"""Ctrl+c, as shells give it for SIGINT."""

STDOUT_CLOSED = 141
"""Whoever read stdout has gone, as shells give it for SIGPIPE."""

SIGNALLED = 128
"""Added to the number of another signal that ended us."""


def of_run(finished: RunFinished | None) -> int:
    """0 for a run that goes on, finished or was stopped; the script's own status where it failed with one; else 1."""
    if finished is None or finished.status != "failed":
        return 0
    return finished.exit_code or FAILED
