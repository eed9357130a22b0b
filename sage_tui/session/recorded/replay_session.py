"""A recorded session, or one that another process is running, in the place of a live one."""

from __future__ import annotations

import threading
import time
from pathlib import Path

from sage_runtime.events import Command, Event, Notice, RunFinished, encode, replace
from sage_tui import exit_codes
from sage_tui.journal.journal_reader import JournalReader
from sage_tui.journal.lines import LineSource, NoLines
from sage_tui.journal.recording import open_recording
from sage_tui.journal.segments import JournalError
from sage_tui.session.protocol import Listener
from sage_tui.session.reload.versions import FileChange
from sage_tui.session.run import summary_of
from sage_tui.session.run_history import FinishedRuns
from sage_tui.state.run_state import RunState
from sage_tui.state.series import Span
from sage_tui.state.views import Charts, RunSummary, RunView, SessionView

FOLLOW_EVERY = 0.1
"""Seconds between looks at the journal of a session that still runs."""


class _Replayed:
    """One run of a recording: its journal, its state and how far it has been folded."""

    def __init__(self, number: int, reader: JournalReader) -> None:
        self.number = number
        self.reader = reader
        folded = reader.fold()
        self.state, self.position, self.t = folded.state, folded.position, folded.t

    def apply(self, event: Event) -> None:
        """Fold an event that has not been folded yet."""
        if event.seq > self.state.seq:
            self.state.apply(event)
            self.t = event.t

    def view(self, *, live: bool) -> RunView:
        return self.state.view(time.time() if live else self.t)

    @property
    def failed_early(self) -> bool:
        return self.state.phase == "failed" and not self.state.pipelines


class ReplaySession:
    """The runs of a recording, a session's folder or a run's folder (a `SessionWithHistory`), all there at once.

    What is shown is the last run, to its end; a session that still runs is followed. Listeners get every event of
    every run as fast as they take it, on a thread of the replay. A run whose end is not in the journal is given one
    (`stopped`), and what could not be read is told in notices. Commands do nothing.

    Raises:
        RecordingError: `path` is no recording, or nothing of it can be read.
    """

    python = ""

    def __init__(self, path: Path) -> None:
        self._recording = open_recording(path)
        self.folder = path
        self._lock = threading.RLock()
        self._listeners: list[Listener] = []
        self._live = self._recording.live()
        self._current = self._last_readable()
        self._fallback: _Replayed | None = None
        self._past: dict[int, RunSummary] = {}
        self._view: SessionView | None = None
        self._past_runs = FinishedRuns(self._recording.run)
        self._told_damage: set[str] = set()
        self._stopping = threading.Event()
        self._played = threading.Event()
        self._thread = threading.Thread(target=self._play, name="sage-tui replay", daemon=True)

    def _last_readable(self) -> _Replayed | None:
        for number in reversed(self._recording.runs):
            try:
                return _Replayed(number, self._recording.run(number))
            except JournalError as error:
                self._recording.note(str(error))
        return None

    # --- SessionLike -------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Start to tell the listeners, and to follow a session that still runs."""
        self._thread.start()

    def subscribe(self, listener: Listener) -> None:
        """Have `listener` called for every event of every run."""
        self._listeners.append(listener)

    def snapshot(self) -> SessionView:
        """The recording as it is shown; the identical object while nothing changed."""
        with self._lock:
            current = self._current
            view = current.view(live=self._live) if current is not None else RunState(1).view(0.0)
            shown = view
            if current is not None and current.failed_early and self._fallback is not None:
                shown = self._fallback.view(live=False)
            now = (summary_of(view),) if current is not None else ()
            new = SessionView(
                script=view.script,
                folder=str(self.folder),
                live=False,
                current=view,
                shown=shown,
                runs=(*(self._past[number] for number in sorted(self._past)), *now),
                watching=0,
                watch_paused=None,
                reload_error=None,
                reloading=False,
            )
            if self._view is None or new != self._view:
                self._view = new
            return self._view

    def charts(self, key: str | None, span: Span) -> Charts | None:
        """The past of an operator or a service (`pipeline/name`), or of the whole shown run (None)."""
        with self._lock:
            run = self._shown()
            return None if run is None else run.state.charts(key, span, run.t)

    def lines(self, channel: str) -> LineSource:
        """A channel of the shown run as lines."""
        with self._lock:
            run = self._shown()
            return NoLines() if run is None else run.reader.lines(channel)

    def run_view(self, run: int) -> RunView | None:
        """A run of the recording as it was in the end; None if it can't be read."""
        with self._lock:
            current = self._current
            if current is not None and current.number == run:
                return current.view(live=self._live)
        return self._past_runs.view(run)

    def run_charts(self, run: int, key: str | None, span: Span) -> Charts | None:
        """What `charts` gives, of any run of the recording; None if it can't be read."""
        with self._lock:
            current = self._current
            if current is not None and current.number == run:
                return current.state.charts(key, span, current.t)
        return self._past_runs.charts(run, key, span)

    def changes(self, run: int, before: int) -> tuple[FileChange, ...] | None:
        """Nothing: a recording holds no code."""
        return None

    def run_lines(self, run: int, channel: str) -> LineSource | None:
        """A channel of any run of the recording; None if it can't be read."""
        with self._lock:
            current = self._current
            if current is not None and current.number == run:
                return current.reader.lines(channel)
        return self._past_runs.lines(run, channel)

    def send(self, command: Command) -> None:
        """Nothing: there is no worker."""

    def signal(self, signum: int) -> None:
        """Nothing: there is no worker."""

    def reload(self, reason: str = "restart", changed: tuple[str, ...] = ()) -> None:
        """Nothing: a recording holds no script."""

    def stop(self) -> None:
        """Nothing: there is no worker."""

    def wait(self, timeout: float | None = None) -> RunFinished | None:
        """The end of the last run once all is told; None if that takes longer."""
        if not self._played.wait(timeout):
            return None
        with self._lock:
            return None if self._current is None else self._current.state.finished

    def exit_status(self) -> int:
        """The exit status that the last run had earned."""
        with self._lock:
            return exit_codes.of_run(None if self._current is None else self._current.state.finished)

    def close(self) -> None:
        """End the replay's thread. Idempotent."""
        self._stopping.set()
        if self._thread.is_alive() and threading.current_thread() is not self._thread:
            self._thread.join(2.0)
        self._played.set()

    def _shown(self) -> _Replayed | None:
        current = self._current
        if current is not None and current.failed_early and self._fallback is not None:
            return self._fallback
        return current

    # --- the thread --------------------------------------------------------------------------------------------------

    def _play(self) -> None:
        done = 0
        while not self._stopping.is_set():
            following = [number for number in self._recording.runs if number > done]
            if following:
                done = following[0]
                self._play_run(done)
            elif self._recording.live():
                self._stopping.wait(FOLLOW_EVERY)
                self._recording.refresh()
            else:
                break
        self._live = False
        self._played.set()

    def _play_run(self, number: int) -> None:
        """Tell a run's events, and those that are still to come as long as it may go on."""
        try:
            run = self._enter(number)
        except JournalError as error:
            self._recording.note(str(error))
            return
        position = None if self._listeners else run.position
        while True:
            goes_on = self._recording.live() and number == self._recording.runs[-1]
            run.reader.refresh()
            for line, event, behind in run.reader.positions(position):
                position = behind
                self._tell(run, line, event)
                if self._stopping.is_set():
                    return
            if not goes_on:
                break
            self._stopping.wait(FOLLOW_EVERY)
            self._recording.refresh()
        self._finish(run)

    def _enter(self, number: int) -> _Replayed:
        """The run, in its place among the others: the last one is the current one."""
        with self._lock:
            if self._current is not None and self._current.number == number:
                return self._current
        run = _Replayed(number, self._recording.run(number))
        with self._lock:
            older = run
            if self._current is None or number > self._current.number:
                if self._current is None:
                    self._current = run
                    return run
                older, self._current = self._current, run
            self._past[older.number] = summary_of(older.view(live=False))
            if older.state.pipelines and (self._fallback is None or older.number > self._fallback.number):
                self._fallback = older
        return run

    def _tell(self, run: _Replayed, line: bytes, event: Event) -> None:
        with self._lock:
            run.apply(event)
        for listener in self._listeners:
            listener(line, event)

    def _finish(self, run: _Replayed) -> None:
        """Say what could not be read, and end a run that has no end."""
        new = [text for text in self._recording.damage if text not in self._told_damage]
        self._told_damage.update(new)
        for text in new:
            self._add(run, Notice(level="warning", message=text))
        if run.state.finished is None:
            self._add(run, Notice(level="warning", message="the recording stops before the end of this run"))
            self._add(run, RunFinished(status="stopped", errors=run.view(live=False).errors))

    def _add(self, run: _Replayed, event: Event) -> None:
        stamped = replace(event, run=run.number, t=run.t, seq=run.state.seq + 1)
        self._tell(run, encode(stamped), stamped)
