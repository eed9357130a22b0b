"""The exit status that the command owes for a run (DESIGN.md, section 4)."""

from __future__ import annotations

from sage_runtime.events import RunFinished

FAILED = 1


def exit_status(finished: RunFinished | None) -> int:
    """0 for a run that goes on, finished or was stopped; the script's own status where it failed with one; else 1."""
    if finished is None or finished.status != "failed":
        return 0
    return finished.exit_code or FAILED
