"""Runs on disk: write, index, read, pack. No Textual."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sage_tui.journal.journal_reader import JournalReader
    from sage_tui.journal.lines import CHANNELS, Line, LineSource, line_count, lines_of
    from sage_tui.journal.recording import Recording, RecordingError, is_recording, open_recording, pack
    from sage_tui.journal.segments import JournalError
    from sage_tui.journal.writer import JournalWriter

__all__ = [
    "CHANNELS",
    "JournalError",
    "JournalReader",
    "JournalWriter",
    "Line",
    "LineSource",
    "Recording",
    "RecordingError",
    "is_recording",
    "line_count",
    "lines_of",
    "open_recording",
    "pack",
]

_HOMES = {
    "RecordingError": "recording",
    "pack": "recording",
    "CHANNELS": "lines",
    "Line": "lines",
    "LineSource": "lines",
    "line_count": "lines",
    "lines_of": "lines",
    "JournalReader": "journal_reader",
    "Recording": "recording",
    "is_recording": "recording",
    "open_recording": "recording",
    "JournalError": "segments",
    "JournalWriter": "writer",
}


def __getattr__(name: str) -> Any:
    """Load what is asked for with the module that has it: whoever runs a script needs few of them."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
