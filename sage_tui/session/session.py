"""A session: the runs of one script, one after the other, as the dashboard and the console see them."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import TYPE_CHECKING

from sage_tui import exit_codes
from sage_tui.journal.lines import LineSource, NoLines
from sage_tui.session.control import RunControl, RunRequest
from sage_tui.session.options import SessionOptions
from sage_tui.session.process.bootstrap import Bootstrap
from sage_tui.session.reload.run_files import RunFiles
from sage_tui.session.run_history import RunHistory
from sage_tui.state.series import Span
from sage_tui.state.views import Charts, SessionView

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
        self.send, self.signal = self._control.send, self._control.signal
        self.subscribe, self.wait = self._history.subscribe, self._history.wait
        self.run_view, self.run_charts = self._history.run_view, self._history.run_charts
        self.run_lines, self.changes = self._history.run_lines, self._files.changes
        self._reloader: Reloader | None = None
        self._view: SessionView | None = None
        self._closing = threading.Lock()
        self._closed = False

    def start(self) -> None:
        self._history.expect_run()
        self._control.start()
        if self._watcher is not None:
            from sage_tui.session.reload.reloader import Reloader

            self._reloader = Reloader(self.python, self._control, self._history)
            self._watcher.start(self._reloader)
        self._control.request(RunRequest("start"))
        self._control.post(lambda: self._folder.prune(self._options.keep_sessions))

    def snapshot(self) -> SessionView:
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
        run = self._history.shown()
        return None if run is None else run.charts(key, span)

    def lines(self, channel: str) -> LineSource:
        run = self._history.shown()
        return NoLines() if run is None else run.lines(channel)

    def reload(self, reason: str = "restart", changed: tuple[str, ...] = ()) -> None:
        if self._history.expect_run():
            if reason != "reload":
                self._files.resume()
            if self._reloader is not None:
                self._reloader.error = None
            self._control.request(RunRequest(reason, changed))

    def stop(self) -> None:
        self._control.stop()
        self._control.post(self._history.expect_none)

    def exit_status(self) -> int:
        current = self._history.current
        return exit_codes.of_run(None if current is None else current.finished)

    def close(self) -> None:
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
