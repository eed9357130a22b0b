"""A session: the runs of one script, one after the other, as the dashboard and the console see them."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from sage_runtime.events import Command, Event, FilesWritten, Message, Modules, Notice, ReloadFailed, RunFinished
from sage_tui.journal.lines import LineSource, NoLines
from sage_tui.session.control import RunControl, deadline, stop_seconds
from sage_tui.session.exit_status import exit_status
from sage_tui.session.options import SessionOptions
from sage_tui.session.process.bootstrap import Bootstrap
from sage_tui.session.protocol import Listener
from sage_tui.session.recorded.finished_runs import history_in_folder, run_folder
from sage_tui.session.reload.requests import IN_A_ROW, OwnWrites, RunRequest
from sage_tui.session.reload.syntax import check_syntax
from sage_tui.session.reload.versions import FileChange, Versions
from sage_tui.session.run import Run, summary_of
from sage_tui.session.supervisor import Supervisor
from sage_tui.session.text_logs import TextLogs
from sage_tui.state.run_state import RunState
from sage_tui.state.series import Span
from sage_tui.state.views import Charts, RunSummary, RunView, SessionView

if TYPE_CHECKING:
    from sage_tui.session.reload.watcher import ChangeListener, Watcher


class Session:
    """The runs of one script (a `SessionWithHistory`). Any thread may call its methods.

    Inside there are three kinds of threads: the supervisor decides and starts processes, a reader for each run reads
    its worker, the watcher watches files. None of them ever waits for the one who looks at the session, except a
    reader for a listener.

    Args:
        options: what to run.
        opening: the session's first steps, where they have been done already.

    Raises:
        SessionError: there is no Python to run the script with.
    """

    def __init__(self, options: SessionOptions, opening: Bootstrap | None = None) -> None:
        opening = opening or Bootstrap(options, ahead=False)
        self.python = opening.python
        self._options = options
        self._folder = opening.folder
        self.folder = self._folder.path
        self._logs = logs = opening.logs
        self._texts = TextLogs(logs)
        self._past_runs = history_in_folder(logs)
        self._listeners: list[Listener] = []
        self._supervisor = Supervisor("sage-tui supervisor")
        self._control = RunControl(options, self.python, logs, self._supervisor, self, opening.spawned)
        self._watcher: Watcher | None = None
        if options.reload:
            self._watcher = watcher_of(options, self.folder, self)
        self._own_writes = OwnWrites()
        self._versions = Versions()
        self._changed = threading.Condition()
        self._blank = RunState(1)
        self._current: Run | None = None
        self._fallback: Run | None = None
        self._past: tuple[RunSummary, ...] = ()
        self._reloading = False
        self._reload_error: ReloadFailed | None = None
        self._watch_paused: str | None = None
        self._view: SessionView | None = None
        self._started = False
        self._closing = threading.Lock()
        self._closed = False

    # --- SessionLike -------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Start the first run and the watch; returns at once."""
        self._started = True
        with self._changed:
            self._reloading = True
        self._supervisor.start()
        if self._watcher is not None:
            self._watcher.start()
        self._supervisor.post(lambda: self._control.want(RunRequest("start")))
        self._supervisor.post(self._control.keep_reaping)
        self._supervisor.post(lambda: self._folder.prune(self._options.keep_sessions))

    def subscribe(self, listener: Listener) -> None:
        """Have `listener` called for every event of the runs that begin from now on."""
        self._listeners.append(listener)

    def snapshot(self) -> SessionView:
        """The session at this moment; the identical object while nothing changed."""
        with self._changed:
            current, fallback = self._current, self._fallback
            past, reloading = self._past, self._reloading
            error, paused = self._reload_error, self._watch_paused
        view = current.view() if current is not None else self._blank.view(time.time())
        shown = view
        if current is not None and fallback is not None and _failed_early(current):
            shown = fallback.view()
        summary = () if current is None else (summary_of(view, self._versions.version(current.number)),)
        new = SessionView(
            script=str(self._options.script),
            folder=str(self.folder),
            live=True,
            current=view,
            shown=shown,
            runs=(*past, *summary),
            watching=self._watcher.count if self._watcher is not None and paused is None else 0,
            watch_paused=paused,
            reload_error=error,
            reloading=reloading and current is not None,
        )
        old = self._view
        if old is not None and old.current is view and old.shown is shown and old == new:
            return old
        self._view = new
        return new

    def charts(self, key: str | None, span: Span) -> Charts | None:
        """The past of an operator or a service (`pipeline/name`), or of the whole shown run (None)."""
        run = self._shown()
        return None if run is None else run.charts(key, span)

    def lines(self, channel: str) -> LineSource:
        """A channel of the shown run as lines."""
        run = self._shown()
        return NoLines() if run is None else run.lines(channel)

    def run_view(self, run: int) -> RunView | None:
        """A run of the session as it is, or as it was in the end; None if it can't be read."""
        for known in self._kept():
            if known.number == run:
                return known.view()
        return self._past_runs.view(run)

    def run_charts(self, run: int, key: str | None, span: Span) -> Charts | None:
        """What `charts` gives, of any run of the session; None if it can't be read."""
        for known in self._kept():
            if known.number == run:
                return known.charts(key, span)
        return self._past_runs.charts(run, key, span)

    def changes(self, run: int, before: int) -> tuple[FileChange, ...] | None:
        """How the files of a run differ from those of another; None if they aren't known."""
        return self._versions.changes(run, before, lambda file: self.shown_names((file,))[0])

    def run_lines(self, run: int, channel: str) -> LineSource | None:
        """A channel of any run of the session; None if it can't be read."""
        for known in self._kept():
            if known.number == run:
                return known.lines(channel)
        return self._past_runs.lines(run, channel)

    def send(self, command: Command) -> None:
        """Send a command to the worker of the current run."""
        self._control.send(command)

    def signal(self, signum: int) -> None:
        """Send a signal to the process group of the current run's worker; SIGTSTP stops it for sure (SIGSTOP)."""
        self._control.signal(signum)

    def reload(self, reason: str = "restart", changed: tuple[str, ...] = ()) -> None:
        """Stop the current run and start the script again; `changed` are files. Returns at once."""
        with self._changed:
            if self._closed:
                return
            self._reloading = True
            self._reload_error = None
            if reason != "reload":
                self._watch_paused = None
        if self._watcher is not None and reason != "reload":
            self._watcher.resume()
        self._supervisor.post(lambda: self._control.want(RunRequest(reason, changed)))

    def stop(self) -> None:
        """Stop the current run; what is watched may start the next one. Returns at once."""

        def stop() -> None:
            self._control.stop()
            with self._changed:
                self._reloading = False
                self._changed.notify_all()

        self._supervisor.post(stop)

    def wait(self, timeout: float | None = None) -> RunFinished | None:
        """The end of the current run (of the one that follows while a reload is under way), or None if it is late."""

        def over() -> bool:
            return self._closed or (
                not self._reloading and self._current is not None and self._current.finished is not None
            )

        with self._changed:
            self._changed.wait_for(over, timeout)
            if self._reloading and not self._closed:
                return None
            return self._current.finished if self._current is not None else None

    def exit_status(self) -> int:
        """The exit status that the command owes for the current run."""
        current = self._current
        return exit_status(None if current is None else current.finished)

    def close(self) -> None:
        """Stop the worker, reap everything, close the journals. Idempotent."""
        with self._closing:
            if self._closed:
                return
            left = deadline(stop_seconds(self._options) + 0.5)
            if self._watcher is not None and self._started:
                self._watcher.stop()
            if self._started:
                self._supervisor.post(self._control.shut)
                self._supervisor.call(lambda: None, left())
                self._control.wait_idle(left())
                self._supervisor.call(self._control.end_leftovers, 1.0)
            else:
                self._control.drop_next()
            with self._changed:
                self._closed = True
                self._reloading = False
                self._changed.notify_all()
            self._supervisor.close()
            self._control.release()
            for run in self._kept():
                run.close()
            self._texts.close()
            self._folder.close()

    # --- Stage: what the control tells -------------------------------------------------------------------------------

    def make_run(self, number: int) -> Run:
        """A new run."""
        folder = None if self._logs is None else run_folder(self._logs, number)
        return Run(number, folder, tuple(self._listeners), self._texts, self._options.journal_limit)

    def begins(self, run: Run, wanted: RunRequest) -> Sequence[Event]:
        """The run begins; the notices that it begins with."""
        notices = []
        if run.number == 1 and self._folder.trouble is not None:
            notices.append(Notice(level="warning", message=self._folder.trouble))
        if self._watcher is not None:
            self._watcher.begin_run(time.time())
            if wanted.reason == "reload" and self._own_writes.reloaded(wanted.changed):
                notices.append(self._pause_watch(wanted.changed))
        self._own_writes.begin_run()
        self._versions.begin_run(run.number, (str(self._options.script.absolute()), *wanted.changed))
        with self._changed:
            old, dropped = self._current, None
            if old is not None:
                self._past = (*self._past, summary_of(old.view(), self._versions.version(old.number)))
                if old.words.submitted:
                    self._fallback, dropped = old, self._fallback
                else:
                    dropped = old
            self._current = run
            self._reloading = False
            self._changed.notify_all()
        if dropped is not None:
            dropped.close()
        return notices

    def _pause_watch(self, changed: Sequence[str]) -> Notice:
        assert self._watcher is not None
        self._watcher.pause()
        names = ", ".join(self.shown_names(changed))
        message = (
            f"the script itself has written {names} and so reloaded itself {IN_A_ROW} times in a row: watching pauses"
        )
        with self._changed:
            self._watch_paused = message
        return Notice(level="warning", message=f"{message} until you reload")

    def shown_names(self, changed: Sequence[str]) -> tuple[str, ...]:
        """File names relative to the script's folder, where they lie in it."""
        base = self._options.script.absolute().parent
        return tuple(
            str(path.relative_to(base)) if (path := Path(name)).is_relative_to(base) else name for name in changed
        )

    def hears(self, run: Run, message: Message) -> None:
        """The worker sent something that is no event."""
        if isinstance(message, FilesWritten):
            self._own_writes.wrote(message.files)
        elif isinstance(message, Modules) and self._watcher is not None:
            self._watcher.modules(message.files)
            self._versions.note(run.number, filter(self._watcher.owns, message.files))
            if run.words.submitted:
                self._watcher.confirm()

    def ended(self, run: Run) -> None:
        """The run is over."""
        if self._watcher is not None and run.finished is not None:
            if run.words.submitted or run.finished.status == "finished":
                self._watcher.confirm()
            elif run.finished.status == "failed":
                self._watcher.give_up_run()
        with self._changed:
            self._changed.notify_all()

    # --- Saves: what the watcher tells -------------------------------------------------------------------------------

    def suspect(self) -> None:
        """Something was saved: warm up the next interpreter while the files are checked."""
        self._supervisor.post(self._control.prestart)

    def check(self, files: tuple[Path, ...]) -> ReloadFailed | None:
        """The first syntax error in the files."""
        return check_syntax(self.python, files)

    def broken(self, error: ReloadFailed) -> None:
        """What was saved does not compile: the run goes on."""
        with self._changed:
            self._reload_error = error
            current = self._current
        self._supervisor.post(self._control.drop_next)
        if current is not None:
            current.publish(error)

    def changed(self, files: tuple[Path, ...]) -> None:
        """What was saved compiles."""
        self.reload("reload", tuple(map(str, files)))

    def _kept(self) -> list[Run]:
        """The runs that are in memory."""
        with self._changed:
            return [run for run in (self._current, self._fallback) if run is not None]

    def _shown(self) -> Run | None:
        with self._changed:
            current, fallback = self._current, self._fallback
        if current is not None and fallback is not None and _failed_early(current):
            return fallback
        return current


def watcher_of(options: SessionOptions, folder: Path, saves: ChangeListener) -> Watcher:
    """What watches the files of a session whose folder is `folder`; loaded only where something is watched."""
    from sage_tui.session.reload.watch_set import WatchSet
    from sage_tui.session.reload.watcher import Watcher

    files = WatchSet(options.script, options.watch, Path.cwd(), [folder, folder.parent])
    return Watcher(files, saves)


def _failed_early(run: Run) -> bool:
    """Whether a run has failed before it submitted anything."""
    return run.finished is not None and run.finished.status == "failed" and not run.words.submitted
