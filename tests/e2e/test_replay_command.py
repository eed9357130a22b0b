"""Recording from the dashboard, and what `sage-tui FILE.sagerun` opens, in a real terminal."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.command import COMMAND
from support.scripts import STREAM, written
from support.terminal import Terminal


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    """A recording of a stream that printed some ticks, made with `--record` from the dashboard."""
    script, file = written(tmp_path, "stream.py", STREAM), tmp_path / "run.sagerun"
    with Terminal(*COMMAND, "--record", file, script, size=(120, 36), cwd=tmp_path) as terminal:
        terminal.wait_for("tick 5")
        terminal.press("q")
        assert terminal.wait() == 0
    script.unlink()
    return file


def test_a_recording_opens_at_its_end_and_can_be_played_from_its_start(recording: Path) -> None:
    with Terminal(*COMMAND, recording, size=(120, 36), cwd=recording.parent) as terminal:
        terminal.wait_for(
            lambda text: all(part in text for part in ("stream.py", "STOPPED", "tick 5", "●", "space Play"))
        )
        terminal.press("0")
        terminal.wait_for(lambda text: "STARTING" in text and "tick" not in text)
        terminal.press(" ")
        terminal.wait_for(lambda text: "REPLAY" in text and "tick 1" in text)
        terminal.press("$")
        terminal.wait_for(lambda text: "STOPPED" in text and "tick 5" in text)
        terminal.press("q")
        assert terminal.wait() == 0
        assert terminal.modes_left() == {}


def test_of_a_recording_that_was_cut_off_the_rest_is_shown_and_the_damage_is_told(recording: Path) -> None:
    data = recording.read_bytes()
    recording.write_bytes(data[: len(data) - 120])
    with Terminal(*COMMAND, recording, size=(120, 36), cwd=recording.parent) as terminal:
        terminal.wait_for(lambda text: "run.sagerun is damaged or incomplete" in text and "tick 1" in text)
        terminal.press("q")
        assert terminal.wait() == 0


def test_what_holds_nothing_readable_is_refused_with_a_reason(tmp_path: Path) -> None:
    file = tmp_path / "run.sagerun"
    file.write_bytes(b"PK\x03\x04 and nothing more")
    with Terminal(*COMMAND, file, size=(80, 24), cwd=tmp_path) as terminal:
        assert terminal.wait() == 2
        assert b"run.sagerun" in terminal.raw
