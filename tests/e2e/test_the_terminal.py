"""The real command in all sorts of terminals: settings, the demo, mouse, colours, sizes, clipboards."""

from __future__ import annotations

import os
import re
import signal
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from support.command import COMMAND, nothing_left, processes
from support.scripts import ticking, written
from support.terminal import Terminal, Then, hides, sets_off

pytestmark = pytest.mark.skipif(sys.platform == "darwin", reason="the folder of settings is another one there")

NO_CHANGES: Mapping[str, str] = {}

NOBODY = {
    "SSH_CONNECTION": "",
    "SSH_TTY": "",
    "SSH_CLIENT": "",
    "TMUX": "",
    "STY": "",
    "DISPLAY": "",
    "WSL_DISTRO_NAME": "",
}
"""An environment that names no clipboard."""

FAR_AWAY = {"SSH_CONNECTION": "10.0.0.1 1 10.0.0.2 22"}


def quit_cleanly(terminal: Terminal) -> None:
    terminal.press("q")
    assert terminal.wait() == 0
    assert terminal.modes_left() == {}


def told(text: str) -> Then:
    """A toast says this: they break lines where they must, so blanks don't count."""

    def seen(terminal: Terminal) -> bool:
        said = "".join(re.sub(r"[\s│╯]", "", said) for said in re.findall("▌(.*)", terminal.text))
        return text.replace(" ", "") in said

    return Then(f"says {text!r} in a toast", seen)


def quiet(folder: Path, changes: Mapping[str, str] = NO_CHANGES, size: tuple[int, int] = (120, 36)) -> Terminal:
    """The dashboard on a run that has printed sixty ticks and is at rest, in an environment with `changes`."""
    script = written(folder, "quiet.py", ticking(60))
    return Terminal(*COMMAND, "--tui", script, size=size, cwd=folder, **dict(changes))


# --- settings and the demo --------------------------------------------------------------------------------------------


def settings(folder: Path, text: str) -> dict[str, str]:
    """An environment in which this is the settings file."""
    (folder / "sage-tui").mkdir()
    (folder / "sage-tui" / "settings.toml").write_text(text)
    return {"XDG_CONFIG_HOME": str(folder)}


def test_a_key_of_ones_own_does_what_the_usual_one_did_which_does_nothing_any_more(tmp_path: Path) -> None:
    changes = settings(tmp_path, 'theme = "sage-light"\n[keys]\n"help" = "f"\n"quit" = "Q"\n')
    with quiet(tmp_path, changes) as terminal:
        terminal.wait_for("tick 60")
        assert b"48;2;250;251;248" in terminal.raw  # the light theme's background
        terminal.press("1", "q", "f")
        terminal.wait_for("stop and quit")
        terminal.press("escape")
        terminal.wait_for(hides("stop and quit"))
        terminal.press("Q")
        assert terminal.wait() == 0
        assert terminal.modes_left() == {}


def test_settings_that_cant_be_used_are_named_with_their_lines_and_the_defaults_are_used(tmp_path: Path) -> None:
    changes = settings(tmp_path, 'refresh = 10\ntheme = "no-such"\n[keys]\n"no.such" = "a"\n')
    with quiet(tmp_path, changes, size=(160, 40)) as terminal:
        terminal.wait_for(
            told("settings.toml:2: there is no theme no-such; sage-dark is used"),
            told("settings.toml:4: keys: there is nothing named no.such"),
        )
        assert b"48;2;18;23;26" in terminal.raw  # the usual theme's
        quit_cleanly(terminal)


def test_the_demo_opens_without_a_file_and_has_something_in_every_pane(tmp_path: Path) -> None:
    with Terminal(*COMMAND, "--demo", size=(120, 40), cwd=tmp_path) as terminal:
        terminal.wait_for("help_desk.py", "RUNNING", "Answer", "model.write", "library")
        terminal.press("6")
        terminal.wait_for("ValueError")  # the seventh letter is garbled
        quit_cleanly(terminal)
        nothing_left(tmp_path)


# --- colours, sizes and encodings -------------------------------------------------------------------------------------

COLOUR = re.compile(rb"[34]8;2;(\d+);(\d+);(\d+)")


def test_without_colours_there_are_greys_only_and_what_is_selected_is_seen_all_the_same(tmp_path: Path) -> None:
    with quiet(tmp_path, {"NO_COLOR": "1"}) as terminal:
        terminal.wait_for("tick 60")
        terminal.press("2")
        terminal.wait_for("▌● Ticks")
        quit_cleanly(terminal)
        colours = COLOUR.findall(terminal.raw)
        assert colours
        assert all(len(set(colour)) == 1 for colour in colours)


@pytest.mark.parametrize(
    "changes",
    [
        {"TERM": "screen-256color", "COLORTERM": "", "LANG": "C", "LC_ALL": "C"},
        {"TERM": "unknown", "COLORTERM": ""},
        {"TERM": "dumb"},
    ],
    ids=lambda changes: changes["TERM"],
)
def test_it_looks_the_same_in_other_terminals(changes: dict[str, str], tmp_path: Path) -> None:
    with quiet(tmp_path, changes) as terminal:
        terminal.wait_for("● RUNNING", "╭─ 1 Pipeline", "tick 60")
        quit_cleanly(terminal)


def test_a_small_terminal_shows_a_pane_at_a_time(tmp_path: Path) -> None:
    with quiet(tmp_path, size=(60, 20)) as terminal:
        terminal.wait_for("tick 60", hides("Ticks"))
        terminal.press("2")
        terminal.wait_for("▌● Ticks", hides("tick 60"))
        terminal.press("1")
        terminal.wait_for("│ Ticks", hides("▌● Ticks"))
        terminal.press("3")
        terminal.wait_for("tick 60")
        quit_cleanly(terminal)


# --- the mouse --------------------------------------------------------------------------------------------------------


def test_the_mouse_selects_rows_brings_tabs_to_the_front_scrolls_and_copies_from_one_pane(tmp_path: Path) -> None:
    with quiet(tmp_path, NOBODY | FAR_AWAY) as terminal:
        terminal.wait_for("tick 60", "● Show ")
        terminal.click(*terminal.picture.place("● Show "))
        terminal.wait_for("▌● Show")
        terminal.click(*terminal.picture.place("5 Log"))
        terminal.wait_for("Nothing has been logged", hides("▌● Show"))
        x, y = terminal.picture.place("tick 55")
        terminal.wheel(x, y, up=True)
        terminal.wait_for("G ─╯", hides("tick 60"))
        x, y = terminal.picture.place("tick 50")
        terminal.hold(x, y)
        terminal.drag(x + 3, y)
        terminal.wait_for(sets_off("^tick$"))
        terminal.drag(5, y + 3)  # far into the pane at the left
        terminal.drop(5, y + 3)
        terminal.wait_for(sets_off("tick 52"))
        terminal.press("ctrl+c")
        terminal.wait_for(Then("copies something", lambda shown: bool(shown.copies)))
        lines = terminal.copies[-1].splitlines()
        assert len(lines) >= 3
        assert all(re.fullmatch(r"(\s*Show\s+)?tick \d+|", line.strip()) for line in lines[:-1])
        assert "Ticks" not in terminal.copies[-1]
        quit_cleanly(terminal)


# --- clipboards -------------------------------------------------------------------------------------------------------


KEEPER = """#!/bin/sh
cat > "$TAKEN"
tail -f "$TAKEN" < /dev/null > /dev/null 2>&1 &
"""
"""A clipboard's program: takes a text, and stays to answer for it."""


def test_on_this_computer_a_line_is_handed_to_its_clipboard_and_outlives_us(tmp_path: Path) -> None:
    program, taken = written(tmp_path, "wl-copy", KEEPER), tmp_path / "taken"
    program.chmod(0o755)
    changes = NOBODY | {"WAYLAND_DISPLAY": "wayland-0", "TAKEN": str(taken), "PATH": f"{tmp_path}:/usr/bin:/bin"}
    with quiet(tmp_path, changes) as terminal:
        terminal.wait_for("tick 60")
        terminal.press("y")
        terminal.wait_for("Copied 7 characters to the clipboard (wl-copy).")
        assert taken.read_text() == "tick 60"
        assert terminal.copies == []
        quit_cleanly(terminal)
    (keeper,) = processes(taken)
    os.kill(keeper, signal.SIGKILL)
