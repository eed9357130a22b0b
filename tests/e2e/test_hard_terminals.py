"""The real command where a terminal or a shell makes it hard: stops in quick succession, wrong sizes, slow lines."""

from __future__ import annotations

import signal
import sys
from pathlib import Path

import pytest
from support.command import COMMAND, nothing_left
from support.scripts import TICKS, written
from support.terminal import Terminal, Then
from support.waiting import SOON, eventually

FLOOD = "while True:\n    print('a line of very many')\n"


def ends_cleanly(terminal: Terminal, at_rest: tuple[int, int, int], script: Path) -> None:
    terminal.press("q")
    assert terminal.wait() == 0
    assert terminal.modes_left() == {}
    assert terminal.line_modes() == at_rest
    nothing_left(script)


# --- stops and goings on ----------------------------------------------------------------------------------------------


def test_stops_and_goings_on_in_quick_succession_leave_it_running_and_the_terminal_as_it_was(tmp_path: Path) -> None:
    script = written(tmp_path, "flood.py", FLOOD)
    with Terminal(*COMMAND, script, size=(120, 36), cwd=tmp_path) as terminal:
        at_rest = terminal.line_modes()
        terminal.wait_for("a line of very many")
        for _ in range(50):
            terminal.process.send_signal(signal.SIGTSTP)
            terminal.process.send_signal(signal.SIGCONT)
        # Without a pause between them the kernel may give the last two to different threads, and so in another order.
        terminal.press("q")

        def ended() -> bool:
            terminal.process.send_signal(signal.SIGCONT)
            return terminal.process.poll() is not None

        eventually(ended, "its end")
        assert terminal.wait() == 0
        assert terminal.modes_left() == {}
        assert terminal.line_modes() == at_rest
        nothing_left(script)


TOLD_INSIDE = """
import os
from textual.drivers.linux_driver import LinuxDriver
from sage_tui.cli import main

disable = LinuxDriver._disable_mouse_support

def told_and_disable_mouse_support(self):
    LinuxDriver._disable_mouse_support = disable
    disable(self)
    os.kill(os.getpid(), {signum})

LinuxDriver._disable_mouse_support = told_and_disable_mouse_support
raise SystemExit(main())
"""


def test_told_to_go_on_while_it_gives_the_terminal_back_it_goes_on(tmp_path: Path) -> None:
    script = written(tmp_path, "stream.py", TICKS)
    code = TOLD_INSIDE.format(signum=int(signal.SIGCONT))
    with Terminal(sys.executable, "-c", code, script, size=(120, 36), cwd=tmp_path) as terminal:
        at_rest = terminal.line_modes()
        terminal.wait_for("tick 5")
        seen = len(terminal.raw)
        terminal.process.send_signal(signal.SIGTSTP)
        eventually(lambda: b"\x1b[?1049h" in terminal.raw[seen:], "the terminal's being taken anew")
        ends_cleanly(terminal, at_rest, script)


def test_told_to_stop_and_go_on_while_it_leaves_it_does_not_take_the_terminal_again(tmp_path: Path) -> None:
    script = written(tmp_path, "stream.py", TICKS)
    code = TOLD_INSIDE.format(signum=f"{int(signal.SIGTSTP)}); os.kill(os.getpid(), {int(signal.SIGCONT)}")
    with Terminal(sys.executable, "-c", code, script, size=(120, 36), cwd=tmp_path) as terminal:
        at_rest = terminal.line_modes()
        terminal.wait_for("tick 5")
        ends_cleanly(terminal, at_rest, script)
        assert terminal.raw.count(b"\x1b[?1049h") == 1


# --- sizes ------------------------------------------------------------------------------------------------------------


def at_size(columns: int, lines: int) -> Then:
    """The dashboard fills so many cells: the keys are in the last line, and frames end at the right."""

    def seen(terminal: Terminal) -> bool:
        rows = terminal.text.split("\n")
        return "Quit" in rows[lines - 1] and any(row[: columns + 1].rstrip().endswith("╮") for row in rows)

    return Then(f"fills {columns} by {lines}", seen)


@pytest.mark.parametrize("told", ["²", "1000000000", "0"])
def test_the_terminals_own_size_counts_and_the_script_has_the_environment_that_was(told: str, tmp_path: Path) -> None:
    tells = "print(os.environ['COLUMNS'], 'told')\n"
    script = written(tmp_path, "told.py", TICKS.replace("env = ", f"{tells}env = "))
    with Terminal(*COMMAND, script, size=(80, 24), cwd=tmp_path, COLUMNS=told, LINES=told) as terminal:
        at_rest = terminal.line_modes()
        terminal.wait_for("tick 5", f"{told} told", at_size(80, 24))
        terminal.resize(132, 40)
        terminal.wait_for(f"{told} told", at_size(132, 40))
        terminal.press("r")
        terminal.wait_for("run 2", "tick 5", f"{told} told")
        ends_cleanly(terminal, at_rest, script)


@pytest.mark.parametrize(
    ("told", "size"), [({}, (80, 24)), ({"COLUMNS": "100", "LINES": "30"}, (100, 30))], ids=["nothing", "told"]
)
def test_a_terminal_that_knows_no_size_has_the_one_that_the_environment_says_or_the_usual_one(
    told: dict[str, str], size: tuple[int, int], tmp_path: Path
) -> None:
    script = written(tmp_path, "stream.py", TICKS)
    with Terminal(*COMMAND, script, size=(0, 0), cwd=tmp_path, **told) as terminal:
        at_rest = terminal.line_modes()
        terminal.resize_screen(*size)
        terminal.wait_for("tick 5", at_size(*size))
        ends_cleanly(terminal, at_rest, script)


def test_the_summary_is_the_same_whatever_the_environment_says(tmp_path: Path) -> None:
    script = written(tmp_path, "short.py", "print('just this')")
    with Terminal(*COMMAND, "--plain", script, size=(80, 24), cwd=tmp_path, COLUMNS="²", LINES="5") as terminal:
        assert terminal.wait() == 0
        assert "sage-tui: short.py finished in " in terminal.text


# --- lines that are slow ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("signum", [None, signal.SIGTERM])
def test_a_terminal_that_takes_nothing_does_not_hold_up_the_end(signum: signal.Signals | None, tmp_path: Path) -> None:
    script = written(tmp_path, "flood.py", FLOOD)
    with Terminal(*COMMAND, script, size=(120, 36), cwd=tmp_path) as terminal:
        at_rest = terminal.line_modes()
        terminal.wait_for("a line of very many")
        terminal.take_no_more()
        if signum is None:
            terminal.press("q")
        else:
            terminal.process.send_signal(signum)
        assert terminal.process.wait(SOON) == (0 if signum is None else 128 + signum)
        terminal.take_all()
        terminal.wait()
        assert terminal.modes_left() == {}
        assert terminal.line_modes() == at_rest
        nothing_left(script)
