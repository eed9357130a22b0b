"""The real command in a real pseudo-terminal: keys typed, files saved, processes killed."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import pytest
from support.command import COMMAND, is_stopped, nothing_left, processes, worker_of
from support.scripts import IMPORTS, TICKS, written
from support.terminal import Terminal, hides
from support.waiting import eventually


def dashboard(script: Path, *options: str, size: tuple[int, int] = (120, 36), **changes: str) -> Terminal:
    """The dashboard on a script, in a terminal of `size`."""
    return Terminal(*COMMAND, *options, script, size=size, cwd=script.parent, **changes)


def assert_clean(terminal: Terminal, script: Path) -> None:
    """The terminal is as it was, and nothing of the script runs any more."""
    assert b"\x1b[?1049h" in terminal.raw  # it did use the alternate screen
    assert terminal.modes_left() == {}
    nothing_left(script)


def quit_cleanly(terminal: Terminal, script: Path, key: str = "q") -> None:
    terminal.press(key)
    assert terminal.wait() == 0
    assert_clean(terminal, script)


@pytest.mark.parametrize(("size", "key"), [((80, 24), "q"), ((120, 36), "ctrl+q")])
def test_the_first_screen_shows_the_run_and_leaving_leaves_nothing_behind(
    size: tuple[int, int], key: str, tmp_path: Path
) -> None:
    script = written(tmp_path, "stream.py", TICKS)
    with dashboard(script, size=size) as terminal:
        terminal.wait_for("stream.py", "RUNNING", "Ticks", "Show", "tick 5")
        quit_cleanly(terminal, script, key)


def test_a_save_runs_the_new_version_and_a_broken_one_keeps_the_old_one(tmp_path: Path) -> None:
    ticks = "import words\n" + TICKS.replace("tick {", "{words.WORD} {")
    broken = ticks.replace("class Show(SinkFunction):", "class Show(SinkFunction:")
    line = broken.splitlines().index("class Show(SinkFunction:") + 1
    module = written(tmp_path, "words.py", "WORD = 'first'")
    script = written(tmp_path, "stream.py", "raise ValueError('not like this')")
    with dashboard(script) as terminal:
        terminal.wait_for("FAILED", "not like this")
        script.write_text(ticks)
        terminal.wait_for("RUNNING", "first 5", "watching 2 files")
        module.write_text("WORD = 'second'")
        terminal.wait_for("second 5", "watching 2 files")
        worker = worker_of(script)
        script.write_text(broken)
        terminal.wait_for(f"stream.py:{line}", "second 5")
        assert worker_of(script) == worker
        script.write_text(ticks.replace("} {", "} in turn {"))
        terminal.wait_for("second in turn 5", hides(f"stream.py:{line}"))
        quit_cleanly(terminal, script)


def test_a_killed_worker_is_told_and_r_starts_again(tmp_path: Path) -> None:
    script = written(tmp_path, "stream.py", TICKS)
    with dashboard(script) as terminal:
        terminal.wait_for("RUNNING", "tick 5")
        os.kill(worker_of(script), signal.SIGKILL)
        terminal.wait_for("SIGKILL")
        terminal.press("r")
        terminal.wait_for("RUNNING", "run 2", "tick 5")
        worker_of(script)
        quit_cleanly(terminal, script)


def test_however_it_is_suspended_the_run_stops_with_it_and_both_go_on(tmp_path: Path) -> None:
    script = written(tmp_path, "stream.py", TICKS)
    with dashboard(script) as terminal:
        at_rest = terminal.line_modes()
        terminal.wait_for("RUNNING", "tick 5")
        pids = processes(script)

        def stops_and_goes_on() -> None:
            eventually(lambda: all(map(is_stopped, pids)), "the stop of all its processes")
            eventually(lambda: terminal.modes_left() == {}, "the last of what it wrote")
            seen = len(terminal.raw)
            terminal.process.send_signal(signal.SIGCONT)
            eventually(lambda: not any(map(is_stopped, pids)), "their going on")
            words = (b"Pipeline", b"Operators", b"Service calls", b"Quit")
            eventually(
                lambda: all(word in terminal.raw[seen:] for word in words),
                "all of the screen to be drawn again, not only what changed",
            )

        terminal.press("ctrl+z")
        stops_and_goes_on()
        terminal.process.send_signal(signal.SIGTSTP)
        stops_and_goes_on()
        # it isn't asked: it can give the terminal back only afterwards
        terminal.process.send_signal(signal.SIGSTOP)
        eventually(lambda: is_stopped(terminal.process.pid), "its stop")
        seen = len(terminal.raw)
        terminal.process.send_signal(signal.SIGCONT)
        eventually(lambda: b"\x1b[?1049h" in terminal.raw[seen:], "the terminal's being taken anew")
        quit_cleanly(terminal, script)
        assert terminal.line_modes() == at_rest


def test_when_the_dashboard_is_killed_the_worker_goes_too(tmp_path: Path) -> None:
    script = written(tmp_path, "stream.py", TICKS)
    with dashboard(script) as terminal:
        terminal.wait_for("tick 5")
        terminal.process.kill()
        terminal.wait()
        nothing_left(script)


ENDING = [signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGQUIT]


@pytest.mark.parametrize("signum", ENDING)
def test_a_termination_leaves_the_terminal_as_it_was(signum: signal.Signals, tmp_path: Path) -> None:
    script = written(tmp_path, "stream.py", TICKS)
    with dashboard(script) as terminal:
        terminal.wait_for("tick 5")
        terminal.process.send_signal(signum)
        assert terminal.wait() == 128 + signum
        assert_clean(terminal, script)


TOLD_WHILE_IT_OPENS = """
import os
from textual.drivers.linux_driver import LinuxDriver
from sage_tui.cli import main

open_terminal = LinuxDriver.start_application_mode

def open_and_be_told(self):
    open_terminal(self)
    os.kill(os.getpid(), {signum})

LinuxDriver.start_application_mode = open_and_be_told
raise SystemExit(main())
"""


@pytest.mark.parametrize("signum", ENDING)
def test_a_termination_as_the_dashboard_opens_leaves_the_terminal_as_it_was(
    signum: signal.Signals, tmp_path: Path
) -> None:
    script = written(tmp_path, "stream.py", TICKS)
    code = TOLD_WHILE_IT_OPENS.format(signum=int(signum))
    with Terminal(sys.executable, "-c", code, script, size=(120, 36), cwd=tmp_path) as terminal:
        at_rest = terminal.line_modes()
        assert terminal.wait() == 128 + signum
        assert terminal.line_modes() == at_rest
        assert_clean(terminal, script)


FAULTY = """
from sage_tui.cli import main
from sage_tui.dashboard.log.line_pane import LinePane

def fail(self):
    raise ZeroDivisionError("a fault of ours")

LinePane.action_search = fail
raise SystemExit(main())
"""


def test_a_fault_of_the_dashboard_itself_is_told_and_no_success(tmp_path: Path) -> None:
    script = written(tmp_path, "stream.py", TICKS)
    with Terminal(sys.executable, "-c", FAULTY, script, size=(120, 36), cwd=tmp_path) as terminal:
        at_rest = terminal.line_modes()
        terminal.wait_for("tick 5")
        terminal.press("/")
        assert terminal.wait() == 1
        terminal.wait_for("ZeroDivisionError: a fault of ours")
        assert terminal.line_modes() == at_rest
        assert_clean(terminal, script)


SPINNING = (
    IMPORTS
    + """

class Spin(MapFunction):
    def execute(self, number):
        while True:
            pass


class Show(SinkFunction):
    def execute(self, number):
        print(number)


env = LocalEnvironment("spinning")
env.from_batch(range(4)).map(Spin, parallelism=4).sink(Show)
env.submit(autostop=True)
"""
)


def test_operators_that_never_return_stop_neither_the_keys_nor_the_end(tmp_path: Path) -> None:
    script = written(tmp_path, "spinning.py", SPINNING)
    with dashboard(script) as terminal:
        terminal.wait_for("RUNNING", "Spin")
        first = worker_of(script)
        terminal.press("?")
        terminal.wait_for("stop and quit")
        terminal.press("escape")
        terminal.wait_for(hides("stop and quit"))  # a key right after escape would be alt and that key
        terminal.press("r")
        eventually(lambda: first not in processes(script), "the end of the first worker")
        terminal.wait_for("RUNNING", "run 2", "Spin")
        quit_cleanly(terminal, script)


def test_any_size_shows_the_run(tmp_path: Path) -> None:
    script = written(tmp_path, "stream.py", TICKS)
    with dashboard(script, size=(80, 24)) as terminal:
        terminal.wait_for("tick 5")
        for _ in range(3):
            for size in [(200, 50), (60, 20), (30, 8), (10, 3), (120, 36)]:
                terminal.resize(*size)
            terminal.wait_for("RUNNING", "tick 5", "Ticks", "╭─ 4 Service")
        quit_cleanly(terminal, script)


def test_exit_on_finish_ends_with_the_scripts_status(tmp_path: Path) -> None:
    script = written(tmp_path, "short.py", "raise SystemExit(7)")
    with dashboard(script, "--exit-on-finish") as terminal:
        assert terminal.wait() == 7
        assert_clean(terminal, script)


def test_where_nobody_watches_the_output_is_plain(tmp_path: Path) -> None:
    script = written(tmp_path, "short.py", "print('just this')")
    with dashboard(script, CI="true") as terminal:
        assert terminal.wait() == 0
        assert b"\x1b[?1049h" not in terminal.raw
        assert terminal.raw.startswith(b"just this\r\n")
