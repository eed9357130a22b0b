"""Sessions whose workers are stubs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support.heard import PATIENT, STUB, Heard

import sage_tui.session.process.bootstrap as bootstrap_module
from sage_runtime.worker.launch import WorkerConfig, encode_config
from sage_tui.session import Session, SessionOptions

Started = tuple[Session, Heard]
Start = Callable[..., Started]


@pytest.fixture
def stub_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers are stubs."""

    def stub_command_line(python: str, config: WorkerConfig) -> list[str]:
        return [python, "-S", str(STUB), encode_config(config)]

    monkeypatch.setattr(bootstrap_module, "command_line", stub_command_line)


@pytest.fixture
def start(tmp_path: Path, stub_workers: None) -> Iterator[Start]:
    """Starts a session with a stub worker on a script's text; closes it in the end."""
    sessions: list[Session] = []

    def start(text: str, **options: object) -> Started:
        script = tmp_path / "work" / "script.py"
        script.parent.mkdir(exist_ok=True)
        script.write_text(text)
        given: dict[str, object] = {"root": tmp_path / "root", "reload": False, "stop_times": PATIENT, **options}
        session = Session(SessionOptions(script, **given))  # type: ignore[arg-type]
        heard = Heard()
        session.subscribe(heard)
        sessions.append(session)
        session.start()
        return session, heard

    yield start
    for session in sessions:
        session.close()
