"""Where the lines of each run come from: the session for the run that it shows, the journal on disk for another."""

from __future__ import annotations

from sage_tui.journal import JournalError, RecordingError, open_recording
from sage_tui.journal.lines import LineSource
from sage_tui.session.protocol import SessionLike
from sage_tui.state.views import SessionView


class RunLinesFinder:
    """Finds the channels of runs; a run that failed before it submitted is not the shown one, yet has lines."""

    def __init__(self, session: SessionLike) -> None:
        self._session = session

    def lines(self, view: SessionView, run: int, channel: str) -> LineSource | None:
        """A channel of a run; None if it can't be read (yet)."""
        if view.shown.run == run:
            return self._session.lines(channel)
        try:
            return open_recording(self._session.folder).run(run).lines(channel)
        except (JournalError, RecordingError, KeyError, OSError):
            return None
