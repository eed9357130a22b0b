"""What the dashboard and the console need of a session, whether its runs are live or replayed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Protocol, runtime_checkable

from sage_runtime.events import Command, Event, RunFinished
from sage_tui.journal.lines import CHANNELS, Line, LineSource
from sage_tui.session.reload.versions import FileChange
from sage_tui.state.series import Span
from sage_tui.state.views import Charts, RunView, SessionView

__all__ = ["CHANNELS", "Line", "LineSource", "Listener", "Playable", "SessionLike", "SessionWithHistory"]

Listener = Callable[[bytes, Event], None]
"""Called with the JSON line (newline included) and the event it holds, in stream order, on the reader's thread.

A listener that blocks holds back the reader, and with it the worker: that is how a slow stdout slows a script.
"""


class SessionLike(Protocol):
    """The runs of one script, live (`Session`) or out of a recording (`ReplaySession`). Any thread may call."""

    @property
    def folder(self) -> Path:
        """Where the session's journals are."""
        ...

    @property
    def python(self) -> str:
        """The interpreter of the current run; empty where a recording doesn't say."""
        ...

    def start(self) -> None:
        """Start the first run (or the replay); returns at once."""
        ...

    def subscribe(self, listener: Listener) -> None:
        """Have `listener` called for every event of every run; subscribe before `start` to miss none."""
        ...

    def snapshot(self) -> SessionView:
        """The session at this moment; cheap, and the identical object while nothing changed."""
        ...

    def lines(self, channel: str) -> LineSource:
        """A channel of the shown run: output, log, service_call, failure, notice, record or trace.

        Ask again after the shown run has changed; a source keeps reading the run that it was made for.
        """
        ...

    def send(self, command: Command) -> None:
        """Send a command (pause, resume, step, inspect, follow, input) to the current run's worker."""
        ...

    def signal(self, signum: int) -> None:
        """Send a signal to the current run's process group."""
        ...

    def reload(self, reason: str = "restart", changed: tuple[str, ...] = ()) -> None:
        """Stop the current run and start the script again; returns at once."""
        ...

    def stop(self) -> None:
        """Stop the current run and keep the session; returns at once."""
        ...

    def wait(self, timeout: float | None = None) -> RunFinished | None:
        """The end of the current run, or None if it has not come within `timeout` seconds."""
        ...

    def exit_status(self) -> int:
        """The exit status that the command owes for the current run (0 while it runs)."""
        ...

    def close(self) -> None:
        """Stop the worker, reap everything, close the journals. Idempotent; takes about 4 seconds at most."""
        ...


class SessionWithHistory(SessionLike, Protocol):
    """What `Session` and `ReplaySession` offer beyond that: what was, in this run and in earlier ones."""

    def charts(self, key: str | None, span: Span) -> Charts | None:
        """The past of an operator or a service (`pipeline/name`), or of the whole shown run (None)."""
        ...

    def run_view(self, run: int) -> RunView | None:
        """A run of the session as it is, or as it was in the end; None if there is none, or it can't be read.

        Of a run that is long over it is read from its journal, which takes a moment: not for the dashboard's thread.
        """
        ...

    def run_charts(self, run: int, key: str | None, span: Span) -> Charts | None:
        """What `charts` gives, of any run of the session; not for the dashboard's thread, as `run_view`."""
        ...

    def changes(self, run: int, before: int) -> tuple[FileChange, ...] | None:
        """How the files of a run differ from those of another one; None where that isn't known, as in a recording."""
        ...

    def run_lines(self, run: int, channel: str) -> LineSource | None:
        """A channel of any run of the session; None if there is none, or it can't be read."""
        ...


@runtime_checkable
class Playable(Protocol):
    """A recording that can be moved through; what it shows then is in `SessionView.replay`. Any thread may call."""

    def play(self) -> None:
        """Go on from the moment that is shown; from the beginning where that is the end."""
        ...

    def hold(self) -> None:
        """Stop at the moment that is shown."""
        ...

    def set_speed(self, speed: float) -> None:
        """Have `speed` seconds of the recording pass in a second."""
        ...

    def seek(self, moment: float) -> None:
        """Show the run as it was at this Unix time, within its beginning and its end."""
        ...

    def choose_run(self, run: int) -> None:
        """Show another run of the recording, from its beginning if it plays, else at its end."""
        ...
