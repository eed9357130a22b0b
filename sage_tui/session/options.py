"""What a session is asked to run, and how."""

from __future__ import annotations

from pathlib import Path

from sage_runtime.frozen import Frozen

JOURNAL_LIMIT = 2 * 1024**3
"""Bytes of a run's journal that are kept unless something else is asked for."""


class SessionError(Exception):
    """A session that can't begin; the message says what is wrong and what to do."""


class StopTimes(Frozen):
    """Seconds that a stopped worker is given before it gets SIGTERM, then SIGKILL, then is given up."""

    terminate: float = 2.0
    kill: float = 1.0
    give_up: float = 0.7
    leftovers: float = 0.2
    """How long processes that a script has left behind may take to end after SIGTERM."""


class SessionOptions(Frozen):
    """What to run.

    `python` names an interpreter (None: see `choose_python`). `watch` are files and folders to watch beside the
    script's own. `interactive` is the dashboard: `input()` is asked there and streaming pipelines go on until stopped;
    otherwise the worker inherits stdin. `root` takes the place of `$SAGE_PROJECT_ROOT` or the home directory.
    """

    script: Path
    argv: tuple[str, ...] = ()
    python: str | None = None
    watch: tuple[Path, ...] = ()
    reload: bool = True
    interactive: bool = True
    root: Path | None = None
    journal_limit: int = JOURNAL_LIMIT
    keep_sessions: int = 20
    stop_times: StopTimes = StopTimes()
