"""What `sage-tui FILE.sagerun` opens, in a real terminal."""

from __future__ import annotations

import shutil
from pathlib import Path

from support.command import COMMAND
from support.terminal import Terminal, hides


def test_a_recording_opens_at_its_end_and_can_be_played_from_its_start(recording: Path, tmp_path: Path) -> None:
    with Terminal(*COMMAND, recording, size=(120, 36), cwd=tmp_path) as terminal:
        terminal.wait_for("stream.py", "FINISHED", "tick 5", "●", "space Play")
        terminal.press("0")
        terminal.wait_for("STARTING", hides("tick "))
        terminal.press(" ")
        terminal.wait_for("FINISHED", "tick 5")
        terminal.press("0")
        terminal.wait_for("STARTING", hides("tick "))
        terminal.press("$")
        terminal.wait_for("FINISHED", "tick 5")
        terminal.press("q")
        assert terminal.wait() == 0
        assert terminal.modes_left() == {}


def test_of_a_recording_that_was_cut_off_the_rest_is_shown_and_the_damage_is_told(
    recording: Path, tmp_path: Path
) -> None:
    damaged = Path(shutil.copy(recording, tmp_path))
    data = damaged.read_bytes()
    damaged.write_bytes(data[: len(data) - 120])
    with Terminal(*COMMAND, damaged, size=(120, 36), cwd=tmp_path) as terminal:
        terminal.wait_for("run.sagerun is damaged or incomplete", "tick 1")
        terminal.press("q")
        assert terminal.wait() == 0


def test_what_holds_nothing_readable_is_refused_with_a_reason(tmp_path: Path) -> None:
    file = tmp_path / "run.sagerun"
    file.write_bytes(b"PK\x03\x04 and nothing more")
    with Terminal(*COMMAND, file, size=(80, 24), cwd=tmp_path) as terminal:
        assert terminal.wait() == 2
        assert b"run.sagerun" in terminal.raw
