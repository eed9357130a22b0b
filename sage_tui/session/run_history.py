"""The runs of a session: the current one and those before it, in memory and read back from their journals."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from sage_runtime.events import RunFinished
from sage_tui.journal.journal_reader import JournalReader
from sage_tui.journal.lines import LineSource
from sage_tui.journal.segments import JournalError, SegmentFolder
from sage_tui.session.protocol import Listener
from sage_tui.session.run import Run, TextLogs, summary_of
from sage_tui.state.run_state import RunState
from sage_tui.state.series import Span
from sage_tui.state.views import Charts, RunSummary, RunView

OPEN_RUNS = 4
"""So many journals stay indexed in memory."""
KEPT_RUNS = 2
"""Runs that are kept in memory although they are no longer shown: a viewer may be one frame behind."""


def run_folder(session_folder: Path, run: int) -> Path:
    """Where the journal of a run lies in a session's folder."""
    return session_folder / f"run-{run}.sagerun"


class FinishedRuns:
    """The journals of runs, opened when somebody looks at them. Any thread may ask.

    Args:
        open_run: opens the journal of a run; raises `JournalError`.
    """

    def __init__(self, open_run: Callable[[int], JournalReader]) -> None:
        self._open = open_run
        self._lock = threading.Lock()
        self._readers: OrderedDict[int, JournalReader] = OrderedDict()
        self._states: OrderedDict[int, tuple[RunState, float]] = OrderedDict()

    def _reader(self, run: int) -> JournalReader | None:
        with self._lock:
            reader = self._readers.get(run)
            if reader is None:
                try:
                    reader = self._readers[run] = self._open(run)
                except (JournalError, OSError):
                    return None
                while len(self._readers) > OPEN_RUNS:
                    self._readers.popitem(last=False)
            self._readers.move_to_end(run)
            return reader

    def view(self, run: int) -> RunView | None:
        """A run as it was in the end; None if it can't be read."""
        reader = self._reader(run)
        if reader is None:
            return None
        try:
            folded = reader.fold()
        except JournalError:
            return None
        return folded.state.view(folded.t)

    def charts(self, run: int, key: str | None, span: Span) -> Charts | None:
        """The past of a part of a run, or of all of it (None); None if it can't be read."""
        with self._lock:
            state = self._states.get(run)
        if state is None:
            reader = self._reader(run)
            if reader is None:
                return None
            try:
                folded = reader.fold()
            except JournalError:
                return None
            state = folded.state, folded.t
            with self._lock:
                self._states[run] = state
                while len(self._states) > OPEN_RUNS:
                    self._states.popitem(last=False)
        return state[0].charts(key, span, state[1])

    def lines(self, run: int, channel: str) -> LineSource | None:
        """A channel of a run; None if it can't be read."""
        reader = self._reader(run)
        return None if reader is None else reader.lines(channel)


def _finished_runs(session_folder: Path | None) -> FinishedRuns:
    """The runs whose journals lie in a session's folder; what can't be read is not tried again."""
    unreadable: dict[int, JournalError] = {}

    def open_run(run: int) -> JournalReader:
        if session_folder is None:
            raise JournalError("nothing of this session is kept")
        if run in unreadable:
            raise unreadable[run]
        try:
            return JournalReader(SegmentFolder(run_folder(session_folder, run)))
        except JournalError as error:
            unreadable[run] = error
            raise

    return FinishedRuns(open_run)


class RunsView(NamedTuple):
    """The runs as `SessionView` has them."""

    current: RunView
    shown: RunView
    summaries: tuple[RunSummary, ...]
    reloading: bool


class RunHistory:
    """The runs of a live session. The control begins and ends runs, any thread asks; none waits for a listener.

    Args:
        logs: the session's folder, None where nothing is kept.
        version: gives the version of a run's files, 0 where it isn't known.
        journal_limit: bytes that are kept of a run's journal.
    """

    def __init__(self, logs: Path | None, version: Callable[[int], int], journal_limit: int) -> None:
        self._logs = logs
        self._version = version
        self._journal_limit = journal_limit
        self._texts = TextLogs(logs)
        self._listeners: list[Listener] = []
        self._finished = _finished_runs(logs)
        self._changed = threading.Condition()
        self._blank = RunState(1)
        self._current: Run | None = None
        self._fallback: Run | None = None
        self._recent: deque[Run] = deque(maxlen=KEPT_RUNS)
        self._summaries: tuple[RunSummary, ...] = ()
        self._expecting = False
        self._closed = False

    def subscribe(self, listener: Listener) -> None:
        """Have `listener` called for every event of the runs that begin from now on."""
        self._listeners.append(listener)

    # --- what the control tells --------------------------------------------------------------------------------------

    def expect_run(self) -> bool:
        """A run has been requested, so the end of the current one is not the session's; false once it is closed."""
        with self._changed:
            self._expecting = not self._closed
            return self._expecting

    def expect_none(self) -> None:
        """No run follows the current one."""
        with self._changed:
            self._expecting = False
            self._changed.notify_all()

    def begin_run(self, number: int) -> Run:
        """Make a run the current one. The last one that submitted a pipeline stays, for if this one fails before."""
        folder = None if self._logs is None else run_folder(self._logs, number)
        run = Run(number, folder, tuple(self._listeners), self._texts, self._journal_limit)
        with self._changed:
            old, dropped = self._current, None
            if old is not None:
                self._summaries = (*self._summaries, summary_of(old.view(), self._version(old.number)))
                if old.finalizer.submitted:
                    self._fallback, dropped = old, self._fallback
                else:
                    dropped = old
            if dropped is not None:
                self._recent.append(dropped)
            self._current = run
            self._expecting = False
            self._changed.notify_all()
        if dropped is not None:
            dropped.close()
        return run

    def end_run(self) -> None:
        """The current run is over."""
        with self._changed:
            self._changed.notify_all()

    def close(self) -> None:
        """Close the journals and release all who wait; what is in memory can still be read."""
        with self._changed:
            self._closed = True
            self._expecting = False
            self._changed.notify_all()
        for run in self._kept():
            run.close()
        self._texts.close()

    # --- for any thread ----------------------------------------------------------------------------------------------

    @property
    def current(self) -> Run | None:
        """The run that goes on, or was the last."""
        return self._current

    def shown(self) -> Run | None:
        """The current run, or the last that submitted a pipeline while the current one has failed before it did."""
        with self._changed:
            current, fallback = self._current, self._fallback
        failed_early = current is not None and _failed_early(current)
        return fallback if failed_early and fallback is not None else current

    def view(self) -> RunsView:
        """The runs at this moment; the views are the identical objects while nothing changed."""
        shown = self.shown()
        with self._changed:
            current, summaries, expecting = self._current, self._summaries, self._expecting
        if current is None:
            view = self._blank.view(time.time())
            return RunsView(view, view, summaries, False)
        view = current.view()
        summary = summary_of(view, self._version(current.number))
        in_view = view if shown is None or shown is current else shown.view()
        return RunsView(view, in_view, (*summaries, summary), expecting)

    def wait(self, timeout: float | None = None) -> RunFinished | None:
        """The end of the current run if none is to follow, or None if it has not come within `timeout` seconds."""

        def over() -> bool:
            current = self._current
            return self._closed or (not self._expecting and current is not None and current.finished is not None)

        with self._changed:
            self._changed.wait_for(over, timeout)
            if self._expecting and not self._closed:
                return None
            return self._current.finished if self._current is not None else None

    def run_view(self, run: int) -> RunView | None:
        """A run as it is, or as it was in the end; None if it can't be read."""
        known = self._known(run)
        return self._finished.view(run) if known is None else known.view()

    def run_charts(self, run: int, key: str | None, span: Span) -> Charts | None:
        """The past of a part of a run, or of all of it (None); None if it can't be read."""
        known = self._known(run)
        return self._finished.charts(run, key, span) if known is None else known.charts(key, span)

    def run_lines(self, run: int, channel: str) -> LineSource | None:
        """A channel of a run; None if it can't be read. No file is opened for a run that is or was just shown."""
        known = self._known(run)
        return self._finished.lines(run, channel) if known is None else known.lines(channel)

    def _known(self, number: int) -> Run | None:
        with self._changed:
            recent = tuple(self._recent)
        return next((run for run in (*self._kept(), *recent) if run.number == number), None)

    def _kept(self) -> list[Run]:
        """The runs that are in memory and may be shown."""
        with self._changed:
            return [run for run in (self._current, self._fallback) if run is not None]


def _failed_early(run: Run) -> bool:
    """Whether a run has failed before it submitted anything."""
    return run.finished is not None and run.finished.status == "failed" and not run.finalizer.submitted
