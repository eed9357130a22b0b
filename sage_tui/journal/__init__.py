"""Runs on disk: write, index, read, pack. No Textual."""

from sage_tui.journal.archive import RecordingError, pack
from sage_tui.journal.lines import CHANNELS, Line, LineSource, line_count, lines_of
from sage_tui.journal.reader import JournalReader
from sage_tui.journal.recording import Recording, is_recording, open_recording
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
