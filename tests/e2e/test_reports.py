"""What a failing wait says: enough for a report from somebody else's machine."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from support.command import Running
from support.scripts import written
from support.terminal import Terminal
from support.waiting import eventually


def test_a_wait_in_a_terminal_shows_the_screen_what_is_missing_and_how_the_command_ended(tmp_path: Path) -> None:
    script = written(tmp_path, "short.py", "import sys\nprint('hello')\nsys.exit('not today')")
    with (
        Terminal(sys.executable, script, size=(40, 4), cwd=tmp_path) as terminal,
        pytest.raises(AssertionError) as failed,
    ):
        terminal.wait_for("hello", "goodbye")
    said = str(failed.value).splitlines()
    assert said[0].startswith("it ended before it shows ('goodbye',): ")
    assert said[1] == "40 columns, 4 rows, cursor in column 0, row 2"
    assert said[2:8] == [
        f"╭{'─' * 40}╮",
        f"│{'hello':40}│",
        f"│{'not today':40}│",
        f"│{'':40}│",
        f"│{'':40}│",
        f"╰{'─' * 40}╯",
    ]
    assert said[8:] == ["the command has ended with status 1", r"its last words: 'hello\nnot today\n'"]


def test_a_wait_for_a_line_shows_what_came_and_how_the_command_ended(tmp_path: Path) -> None:
    script = written(tmp_path, "short.py", "print('hello', end='')\n1/0")
    with Running("--plain", script, cwd=tmp_path) as command, pytest.raises(AssertionError) as failed:
        command.line()
    said = str(failed.value)
    assert "no more lines; the command has ended with status 1" in said
    assert "stdout: 5 bytes, at last b'hello'" in said
    assert "ZeroDivisionError" in said


def test_a_wait_for_anything_else_says_for_what_and_what_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("support.waiting.SOON", 0.0)
    with pytest.raises(AssertionError, match="waited 0 s for the impossible; seen: nothing"):
        eventually(lambda: False, "the impossible", lambda: "nothing")
