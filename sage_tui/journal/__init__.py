"""Runs on disk: write, index, read, pack. No Textual."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sage_tui.journal.journal_reader import JournalReader as JournalReader
    from sage_tui.journal.lines import CHANNELS as CHANNELS
    from sage_tui.journal.recording import RecordingError as RecordingError
    from sage_tui.journal.recording import is_recording as is_recording
    from sage_tui.journal.recording import open_recording as open_recording
    from sage_tui.journal.recording import pack as pack
    from sage_tui.journal.segments import JournalError as JournalError
    from sage_tui.journal.writer import JournalWriter as JournalWriter

_HOMES = {
    "RecordingError": "recording",
    "pack": "recording",
    "CHANNELS": "lines",
    "JournalReader": "journal_reader",
    "is_recording": "recording",
    "open_recording": "recording",
    "JournalError": "segments",
    "JournalWriter": "writer",
}


def __getattr__(name: str) -> Any:
    """Import a name's module when the name is first used: running a script needs few of them."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
