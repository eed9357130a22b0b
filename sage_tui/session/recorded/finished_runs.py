"""Runs that are over, read back from their journals."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path

from sage_tui.journal.journal_reader import JournalReader
from sage_tui.journal.lines import LineSource
from sage_tui.journal.segments import JournalError, SegmentFolder
from sage_tui.state.run_state import RunState
from sage_tui.state.series import Span
from sage_tui.state.views import Charts, RunView

OPEN_RUNS = 4
"""So many journals stay indexed in memory."""


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


def history_in_folder(session_folder: Path | None) -> FinishedRuns:
    """The runs whose journals lie in a session's folder; none of a session that keeps nothing."""

    def open_run(run: int) -> JournalReader:
        if session_folder is None:
            raise JournalError("nothing of this session is kept")
        return JournalReader(SegmentFolder(run_folder(session_folder, run)))

    return FinishedRuns(open_run)
