"""Make recordings, and read one in every way."""

from __future__ import annotations

import zipfile
from pathlib import Path

from sage_runtime.events import Event, Output, RunFinished, RunStarted, encode, stamped
from sage_tui.journal import CHANNELS, JournalError, JournalWriter, open_recording
from sage_tui.state.run_state import RunState


def small_session(folder: Path) -> Path:
    """The folder of a session of one run, in several segments."""
    state = RunState(1)
    writer = JournalWriter(folder / "run-1.sagerun", state.to_json, segment_bytes=2_000)
    events: list[Event] = [RunStarted(script="a.py"), *(Output(text=f"line {i}", end="\n") for i in range(60))]
    events.append(RunFinished(status="finished"))
    for seq, event in enumerate(events):
        event = stamped(event, run=1, t=float(seq), worker=0, seq=seq)
        state.apply(event)
        writer.append(encode(event), event)
        writer.flush()
    writer.close()
    return folder


def read_all(path: Path) -> int:
    """Read a recording in every way that `sage-tui FILE` does. Returns the number of output lines."""
    try:
        recording = open_recording(path)
    except JournalError:
        return 0
    found = 0
    for number in recording.runs:
        try:
            run = recording.run(number)
            for channel in CHANNELS:
                lines = run.lines(channel)
                found += len(lines.read(0, 100))
            for _ in run.events():
                pass
            run.state().view(0.0)
        except JournalError:
            continue
    assert all(isinstance(text, str) for text in recording.damage)
    return found


def archive(folder: Path, members: dict[str, bytes]) -> Path:
    path = folder / "made.sagerun"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as out:
        for name, content in members.items():
            out.writestr(name, content)
    return path
