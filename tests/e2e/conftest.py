"""What several end-to-end tests read and none changes: made once, whichever process needs it first."""

from __future__ import annotations

import fcntl
from pathlib import Path

import pytest
from support.command import COMMAND
from support.scripts import ENDING, written
from support.terminal import Terminal


@pytest.fixture(scope="session")
def recording(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """A recording of five ticks, made with `--record` from the dashboard."""
    base = tmp_path_factory.getbasetemp()
    folder = (base if worker_id == "master" else base.parent) / "recorded"
    folder.mkdir(exist_ok=True)
    file = folder / "run.sagerun"
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not file.exists():
            script, unfinished = written(folder, "stream.py", ENDING), folder / "unfinished.sagerun"
            with Terminal(*COMMAND, "--record", unfinished, script, size=(120, 36), cwd=folder) as terminal:
                terminal.wait_for("FINISHED", "tick 5")
                terminal.press("q")
                assert terminal.wait() == 0
            script.unlink()
            unfinished.rename(file)
    return file
