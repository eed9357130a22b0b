"""Write journals as a session does."""

from __future__ import annotations

from pathlib import Path

from sage_runtime.events import Event, encode, replace
from sage_tui.journal import JournalWriter
from sage_tui.state.run_state import RunState

_open: list[JournalWriter] = []


def close_all() -> None:
    """Close the journals of all recorders so far."""
    while _open:
        _open.pop().close()


class Recorder:
    """Writes events as a session does: appended, folded, flushed in batches."""

    def __init__(
        self, folder: Path | None, *, limit: int = 2**31, segment_bytes: int = 8 * 1024 * 1024, run: int = 1
    ) -> None:
        self.run = run
        self.state = RunState(run)
        self.writer = JournalWriter(folder, self.state.to_json, limit=limit, segment_bytes=segment_bytes)
        self.seq = 0
        self.paused = 0.0
        """Seconds since the last write."""
        _open.append(self.writer)

    def write(self, *events: Event) -> None:
        for event in events:
            stamped = replace(event, run=self.run, t=1000.0 + self.paused + self.seq / 100, seq=self.seq)
            self.seq += 1
            self.state.apply(stamped)
            self.writer.append(encode(stamped), stamped)
        self.writer.flush()
