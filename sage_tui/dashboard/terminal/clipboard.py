"""Where copied text goes: this computer's clipboard, tmux's buffer, the terminal's clipboard, or a file.

Nothing is promised that can't be known: a program's exit status can, what a terminal does with a sequence can't.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Callable, Mapping, Sequence

from sage_runtime.frozen import Frozen
from sage_tui.state import format as fmt

PATIENCE = 3.0
"""Seconds that a program may take for a text."""

LONGEST_SEQUENCE = 74_000
"""Bytes that terminals take in one sequence at most: xterm reads 100,000 characters of base 64."""

_REMOTE = ("SSH_CONNECTION", "SSH_TTY", "SSH_CLIENT")
_DEAF = ("dumb", "linux", "vt100", "vt102", "vt220", "cons25", "emacs", "eterm-color")
"""Terminals that have no clipboard."""


class ClipboardProgram(Frozen):
    """A program that takes a text on its stdin; `words` tell where the text is then."""

    command: tuple[str, ...]
    words: str
    encoding: str = "utf-8"


class CopyResult(Frozen):
    """What became of a text. `sequence`: it has yet to be sent to the terminal."""

    words: str
    sequence: bool = False
    failed: bool = False


def programs(environment: Mapping[str, str], platform: str) -> Sequence[ClipboardProgram]:
    """The programs that may take a text, the best first; they need not be installed.

    Over SSH the clipboard of the computer that we run on is nobody's, so it is only tmux there.
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
        # tmux lets no program inside it set the terminal's clipboard by a sequence, unless it is told to
        buffer = "to tmux's buffer (prefix ] pastes)"
        found.append(
            ClipboardProgram(("tmux", "load-buffer", "-w", "-"), f"{buffer} and, if tmux may, the terminal's clipboard")
        )
        found.append(ClipboardProgram(("tmux", "load-buffer", "-"), buffer))
    return found


def hears(environment: Mapping[str, str], text: str) -> bool:
    """Whether the terminal may take a text by the sequence OSC 52."""
    if environment.get("TERM", "") in _DEAF or environment.get("TERM_PROGRAM") == "Apple_Terminal":
        return False
    if environment.get("TMUX") or environment.get("STY"):  # GNU screen keeps the sequence to itself
        return False
    return len(text.encode("utf-8", "replace")) <= LONGEST_SEQUENCE


def put(
    text: str, environment: Mapping[str, str], platform: str, run: Callable[[ClipboardProgram, str], bool]
) -> CopyResult:
    """Copy a text in the best way there is. Not for the dashboard's thread: programs are waited for."""
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
    """Hand a text to a program; whether it took it. It may stay, to answer for the clipboard."""
    try:
        done = subprocess.run(
            program.command,
            input=text.encode(program.encoding, "replace"),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=PATIENCE,
            check=False,
            process_group=0,  # out of reach of the terminal's keys; in our session, or it was taken for an orphan
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


def _write(text: str) -> str:
    """Put a text into a new file that is only its owner's, and tell its name."""
    number, path = tempfile.mkstemp(prefix="sage-tui-copied-", suffix=".txt")
    with os.fdopen(number, "w", encoding="utf-8", errors="replace") as file:
        file.write(text)
    return path
