"""Where a copied text goes, and that what is said about it is true."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from support.dashboards import open_dashboard
from support.showing import hello_session

from sage_tui.dashboard.terminal import clipboard
from sage_tui.dashboard.terminal.clipboard import ClipboardProgram, CopyResult

SSH = {"TERM": "xterm-256color", "SSH_CONNECTION": "10.0.0.1 50000 10.0.0.2 22"}
DESK = {"TERM": "xterm-256color", "DISPLAY": ":0"}


def taking(*names: str) -> Callable[[ClipboardProgram, str], bool]:
    """Programs of which only these are installed."""
    return lambda program, text: program.command[0] in names


def put(environment: Mapping[str, str], *installed: str, text: str = "hello", platform: str = "linux") -> CopyResult:
    return clipboard.put(text, environment, platform, taking(*installed))


@pytest.mark.parametrize(
    ("environment", "platform", "installed", "words"),
    [
        (DESK, "linux", "xclip", "Copied 5 characters to the clipboard (xclip)."),
        (DESK, "linux", "xsel", "Copied 5 characters to the clipboard (xsel)."),
        (
            {**DESK, "WAYLAND_DISPLAY": "wayland-0"},
            "linux",
            "wl-copy",
            "Copied 5 characters to the clipboard (wl-copy).",
        ),
        ({"TERM": "xterm"}, "darwin", "pbcopy", "Copied 5 characters to the clipboard (pbcopy)."),
        ({**DESK, "TMUX": "/tmp/tmux"}, "linux", "xclip", "Copied 5 characters to the clipboard (xclip)."),
    ],
)
def test_at_the_computer_itself_its_own_clipboard_takes_it(
    environment: Mapping[str, str], platform: str, installed: str, words: str
) -> None:
    assert put(environment, installed, platform=platform) == CopyResult(words)


@pytest.mark.parametrize("environment", [SSH, {**SSH, "DISPLAY": "localhost:10.0"}, DESK, {"TERM": "xterm"}])
def test_over_ssh_and_without_a_program_the_terminal_is_asked(environment: Mapping[str, str]) -> None:
    installed = ("xclip",) if "SSH_CONNECTION" in environment else ()
    assert put(environment, *installed) == CopyResult(
        "Sent 5 characters to the terminal's clipboard (OSC 52).", sequence=True
    )


def test_inside_tmux_it_is_tmux_that_takes_it() -> None:
    outcome = put({**SSH, "TMUX": "/tmp/tmux"}, "tmux")
    assert not outcome.sequence
    assert outcome.words.startswith("Copied 5 characters to tmux's buffer (prefix ] pastes)")


def test_an_old_tmux_keeps_it_to_itself() -> None:
    def old(program: ClipboardProgram, text: str) -> bool:
        return "-w" not in program.command

    outcome = clipboard.put("hello", {**SSH, "TMUX": "/tmp/tmux"}, "linux", old)
    assert outcome.words == "Copied 5 characters to tmux's buffer (prefix ] pastes)."


@pytest.mark.parametrize(
    ("environment", "text"),
    [
        ({"TERM": "linux"}, "hello"),
        ({"TERM": "dumb"}, "hello"),
        ({"TERM": "screen", "STY": "1.pts-0"}, "hello"),
        ({**SSH, "TERM_PROGRAM": "Apple_Terminal"}, "hello"),
        (SSH, "x" * 80_000),
        (SSH, "宽" * 30_000),
    ],
)
def test_where_no_clipboard_can_be_reached_it_is_in_a_file_that_is_named(
    environment: Mapping[str, str], text: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    outcome = put(environment, text=text)
    (written,) = tmp_path.iterdir()
    assert outcome.words == f"No clipboard can be reached: wrote {len(text):,} characters to {written}."
    assert written.read_text() == text
    assert written.stat().st_mode & 0o777 == 0o600


def test_what_can_not_even_be_written_is_not_said_to_be_copied(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "gone"))
    outcome = put({"TERM": "linux"})
    assert outcome.failed
    assert outcome.words.startswith("Nothing was copied: no clipboard can be reached, nor a file written (No such file")


@pytest.mark.parametrize(("script", "taken"), [("cat > got", True), ("exit 3", False), ("kill -9 $$", False)])
def test_a_program_has_taken_a_text_if_it_says_so(
    script: str, taken: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    assert clipboard.run(ClipboardProgram(("sh", "-c", script), ""), "grüße") is taken
    assert not taken or Path("got").read_text() == "grüße"


def test_a_program_that_is_not_there_takes_nothing() -> None:
    assert not clipboard.run(ClipboardProgram(("no-such-program",), ""), "x")


@pytest.fixture
def xclip(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A desktop with a program that keeps what it gets in a file."""
    program, kept = tmp_path / "bin" / "xclip", tmp_path / "kept"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\ncat > "{kept}"\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    monkeypatch.setenv("DISPLAY", ":0")
    return kept


async def test_y_in_the_dashboard_hands_the_line_to_the_clipboard(xclip: Path) -> None:
    async with open_dashboard(hello_session()) as dashboard:
        await dashboard.press("3", "y")
        await dashboard.app.workers.wait_for_complete()
        await dashboard.frame()
        assert xclip.read_text() == "a warning on stderr"
        assert "Copied 19 characters to the clipboard" in dashboard.text()


async def test_without_a_program_y_sends_the_line_to_the_terminal() -> None:
    async with open_dashboard(hello_session()) as dashboard:
        await dashboard.press("3", "y")
        assert dashboard.app.clipboard == "a warning on stderr"
        assert "OSC 52" in dashboard.text()


async def test_a_shout_copies_the_event_as_json_prints_it() -> None:
    async with open_dashboard(hello_session()) as dashboard:
        await dashboard.press("4", "Y")
        assert dashboard.app.clipboard.startswith('{"type":"service_call"')
        assert '"service":"hello_service"' in dashboard.app.clipboard


async def test_half_a_character_does_not_stop_the_copying() -> None:
    session = hello_session()
    session.print("lone \ud800 half")
    async with open_dashboard(session) as dashboard:
        await dashboard.press("3", "y")
        assert dashboard.app.clipboard == "lone ? half"
