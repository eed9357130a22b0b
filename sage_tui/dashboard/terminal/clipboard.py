"""Where copied text goes: this computer's clipboard, tmux's buffer, the terminal's clipboard, or a file."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from textual.app import App
from textual.message import Message

from sage_runtime.frozen import Frozen
from sage_tui.state import format as fmt

PATIENCE = 3.0
"""Seconds that a program may take."""

LONGEST_SEQUENCE = 74_000
"""The most bytes that terminals take in one sequence: xterm reads 100,000 characters of base 64."""

_REMOTE = ("SSH_CONNECTION", "SSH_TTY", "SSH_CLIENT")
_DEAF = ("dumb", "linux", "vt100", "vt102", "vt220", "cons25", "emacs", "eterm-color")
"""Terminals without a clipboard."""


class ClipboardProgram(Frozen):
    """A program that takes a text on its stdin; `words` say where the text is then."""

    command: tuple[str, ...]
    words: str
    encoding: str = "utf-8"


class CopyResult(Frozen):
    """Where a text went. With `sequence`, it is still to be sent to the terminal."""

    words: str
    sequence: bool = False
    failed: bool = False


def programs(environment: Mapping[str, str], platform: str) -> Sequence[ClipboardProgram]:
    """The programs that may take a text, the best first; they may not be installed.

    Over SSH nobody uses the clipboard of the remote computer, so there it is only tmux.
    """
    found = []
    if not any(environment.get(name) for name in _REMOTE):
        if platform == "darwin":
            found.append(ClipboardProgram(("pbcopy",), "to the clipboard (pbcopy)"))
        if environment.get("WAYLAND_DISPLAY"):
            found.append(ClipboardProgram(("wl-copy",), "to the clipboard (wl-copy)"))
        if environment.get("DISPLAY"):
            found.append(ClipboardProgram(("xclip", "-selection", "clipboard"), "to the clipboard (xclip)"))
            found.append(ClipboardProgram(("xsel", "--clipboard", "--input"), "to the clipboard (xsel)"))
        if environment.get("WSL_DISTRO_NAME"):
            found.append(ClipboardProgram(("clip.exe",), "to the clipboard of Windows (clip.exe)", "utf-16-le"))
    if environment.get("TMUX"):
        # by default, tmux doesn't let a program inside it set the terminal's clipboard by a sequence
        buffer = "to tmux's buffer (prefix ] pastes)"
        found.append(
            ClipboardProgram(("tmux", "load-buffer", "-w", "-"), f"{buffer} and, if tmux may, the terminal's clipboard")
        )
        found.append(ClipboardProgram(("tmux", "load-buffer", "-"), buffer))
    return found


def hears(environment: Mapping[str, str], text: str) -> bool:
    """Whether the terminal may accept a text by the sequence OSC 52."""
    if environment.get("TERM", "") in _DEAF or environment.get("TERM_PROGRAM") == "Apple_Terminal":
        return False
    if environment.get("TMUX") or environment.get("STY"):  # GNU screen swallows the sequence
        return False
    return len(text.encode("utf-8", "replace")) <= LONGEST_SEQUENCE


def put(
    text: str, environment: Mapping[str, str], platform: str, run: Callable[[ClipboardProgram, str], bool]
) -> CopyResult:
    """Copy a text in the best available way. Waits for programs: not for the dashboard's thread."""
    size = _size(text)
    for program in programs(environment, platform):
        if run(program, text):
            return CopyResult(f"Copied {size} {program.words}.")
    if hears(environment, text):
        return CopyResult(f"Sent {size} to the terminal's clipboard (OSC 52).", sequence=True)
    try:
        return CopyResult(f"No clipboard can be reached: wrote {size} to {_write(text)}.")
    except OSError as error:
        why = fmt.clean(f"{error.strerror}: {error.filename}")
        return CopyResult(f"Nothing was copied: no clipboard can be reached, nor a file written ({why}).", failed=True)


def _size(text: str) -> str:
    count = len(text)
    return f"{fmt.exact(count)} character{'s' if count != 1 else ''}"


def run(program: ClipboardProgram, text: str) -> bool:
    """Pass a text to a program; whether it took it. It may keep running, to serve the clipboard."""
    try:
        done = subprocess.run(
            program.command,
            input=text.encode(program.encoding, "replace"),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=PATIENCE,
            check=False,
            process_group=0,  # the terminal's keys don't reach it; in its own session it would count as an orphan
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


def _write(text: str) -> str:
    """Write a text into a new file that only its owner may read; returns its name."""
    number, path = tempfile.mkstemp(prefix="sage-tui-copied-", suffix=".txt")
    with os.fdopen(number, "w", encoding="utf-8", errors="replace") as file:
        file.write(text)
    return path


class CopyActions(App[None]):
    """A part of the app: copying. Textual, too, calls `copy_to_clipboard`: for ctrl+c with something selected."""

    @dataclass
    class Copied(Message):
        """A text was copied on another thread, or could not be."""

        text: str
        result: CopyResult

    copied = ""

    @property
    def clipboard(self) -> str:
        """The last text that was copied, for pasting into the dashboard's own fields."""
        return self.copied

    def copy_to_clipboard(self, text: str) -> None:
        """Copy a text, and say where it went."""
        text = text.encode("utf-8", "replace").decode()  # a script may print halves of characters
        self.copied = text
        if not programs(os.environ, sys.platform):
            self._report_copy(text, put(text, os.environ, sys.platform, run))
            return

        def copy() -> None:
            self.post_message(self.Copied(text, put(text, os.environ, sys.platform, run)))

        self.run_worker(copy, thread=True, group="clipboard", name="copy")

    def on_copy_actions_copied(self, event: Copied) -> None:
        self._report_copy(event.text, event.result)

    def _report_copy(self, text: str, result: CopyResult) -> None:
        if result.sequence:
            super().copy_to_clipboard(text)
        self.notify(result.words, severity="error" if result.failed else "information", markup=False)
