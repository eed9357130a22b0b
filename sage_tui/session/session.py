"""A session: the runs of one script, one after the other, as the dashboard and the console see them."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import TYPE_CHECKING

from sage_runtime.events import Command, RunFinished
from sage_tui import exit_codes
from sage_tui.journal.lines import LineSource, NoLines
from sage_tui.session.control import RunControl, RunRequest
from sage_tui.session.options import SessionOptions
from sage_tui.session.process.bootstrap import Bootstrap
from sage_tui.session.protocol import Listener
from sage_tui.session.reload.run_files import RunFiles
from sage_tui.session.reload.versions import FileChange
from sage_tui.session.run_history import RunHistory
from sage_tui.state.series import Span
from sage_tui.state.views import Charts, RunView, SessionView

if TYPE_CHECKING:
    from sage_tui.session.reload.reloader import Reloader
    from sage_tui.session.reload.watcher import Watcher


class Session:
    """The front of a live session for whoever views it (a `SessionWithHistory`). Any thread may call its methods.

    Behind it, what happens goes one way: the watcher reports a save to the `Reloader`, which asks the `RunControl` for
    a run; the control begins it in the `RunHistory`, which is what viewers see. Three kinds of threads do that: the
    supervisor decides and starts processes, a reader for each run reads its worker, the watcher watches files. None of
    them ever waits for a viewer, except a reader for a listener.

    Args:
        options: what to run.
        opening: the session's first steps, where they have been done already.

    Raises:
        SessionError: there is no Python to run the script with.
    """

    def __init__(self, options: SessionOptions, opening: Bootstrap | None = None) -> None:
        opening = opening or Bootstrap(options, ahead=False)
        self.python = opening.python
        self.folder = opening.folder.path
        self._options = options
        self._folder = opening.folder
        self._watcher = _watcher(options, self.folder) if options.reload else None
        self._files = RunFiles(options.script, self._watcher)
        self._history = RunHistory(opening.logs, self._files.version, options.journal_limit)
        self._control = RunControl(
            options,
            self.python,
            opening.logs,
            self._history,
            self._files,
            spawned=opening.spawned,
            trouble=opening.folder.trouble,
        )
        self._reloader: Reloader | None = None
        self._view: SessionView | None = None
        self._closing = threading.Lock()
        self._closed = False

    def start(self) -> None:
        """Start the first run and the watch; returns at once."""
        self._history.expect_run()
        self._control.start()
        if self._watcher is not None:
            from sage_tui.session.reload.reloader import Reloader

            self._reloader = Reloader(self.python, self._control, self._history)
            self._watcher.start(self._reloader)
        self._control.request(RunRequest("start"))
        self._control.post(lambda: self._folder.prune(self._options.keep_sessions))

    def subscribe(self, listener: Listener) -> None:
        """Have `listener` called for every event of the runs that begin from now on."""
        self._history.subscribe(listener)

    def snapshot(self) -> SessionView:
        """The session at this moment; the identical object while nothing changed."""
        runs = self._history.view()
        new = SessionView(
            script=str(self._options.script),
            folder=str(self.folder),
            live=True,
            current=runs.current,
            shown=runs.shown,
            runs=runs.summaries,
            watching=self._files.watched,
            watch_paused=self._files.paused,
            reload_error=None if self._reloader is None else self._reloader.error,
            reloading=runs.reloading,
        )
        old = self._view
        if old is not None and old.current is new.current and old.shown is new.shown and old == new:
            return old
        self._view = new
        return new

    def charts(self, key: str | None, span: Span) -> Charts | None:
        """The past of an operator or a service (`pipeline/name`), or of the whole shown run (None)."""
        run = self._history.shown()
        return None if run is None else run.charts(key, span)

    def lines(self, channel: str) -> LineSource:
        """A channel of the shown run as lines."""
        run = self._history.shown()
        return NoLines() if run is None else run.lines(channel)

    def run_view(self, run: int) -> RunView | None:
        """A run of the session as it is, or as it was in the end; None if it can't be read."""
        return self._history.run_view(run)

    def run_charts(self, run: int, key: str | None, span: Span) -> Charts | None:
        """What `charts` gives, of any run of the session; None if it can't be read."""
        return self._history.run_charts(run, key, span)

    def changes(self, run: int, before: int) -> tuple[FileChange, ...] | None:
        """How the files of a run differ from those of another; None if they aren't known."""
        return self._files.changes(run, before)

    def run_lines(self, run: int, channel: str) -> LineSource | None:
        """A channel of any run of the session; None if it can't be read."""
        return self._history.run_lines(run, channel)

    def send(self, command: Command) -> None:
        """Send a command to the worker of the current run."""
        self._control.send(command)

    def signal(self, signum: int) -> None:
        """Send a signal to the process group of the current run's worker; SIGTSTP stops it for sure (SIGSTOP)."""
        self._control.signal(signum)

    def reload(self, reason: str = "restart", changed: tuple[str, ...] = ()) -> None:
        """Stop the current run and start the script again; `changed` are files. Returns at once."""
        if self._history.expect_run():
            if reason != "reload":
                self._files.resume()
            if self._reloader is not None:
                self._reloader.error = None
            self._control.request(RunRequest(reason, changed))

    def stop(self) -> None:
        """Stop the current run; what is watched may start the next one. Returns at once."""
        self._control.stop()
        self._control.post(self._history.expect_none)

    def wait(self, timeout: float | None = None) -> RunFinished | None:
        """The end of the current run, or None if it has not come within `timeout` seconds."""
        return self._history.wait(timeout)

    def exit_status(self) -> int:
        """The exit status that the command owes for the current run."""
        current = self._history.current
        return exit_codes.of_run(None if current is None else current.finished)

    def close(self) -> None:
        """Stop the worker, reap everything, close the journals. Idempotent."""
        with self._closing:
            if not self._closed:
                self._closed = True
                if self._watcher is not None:
                    self._watcher.stop()
                self._control.close()
                self._history.close()
                self._folder.close()


def _watcher(options: SessionOptions, folder: Path) -> Watcher:
    """What watches the files of a session whose folder is `folder`; loaded only where something is watched."""
    from sage_tui.session.reload.watcher import Watcher, WatchSet

    return Watcher(WatchSet(options.script, options.watch, Path.cwd(), [folder, folder.parent]))
