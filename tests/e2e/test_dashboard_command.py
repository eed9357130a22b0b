"""The real command in a real pseudo-terminal: keys typed, files saved, processes killed."""

from __future__ import annotations

import base64
import os
import re
import signal
import sys
from pathlib import Path

import pytest
from support.command import COMMAND, eventually, is_stopped, nothing_left, processes, worker_of
from support.scripts import STREAM, TUTORIAL, written
from support.terminal import Terminal

SIZES = [(80, 24), (120, 36)]


def dashboard(script: Path, *options: str, size: tuple[int, int] = (120, 36), **changes: str) -> Terminal:
    """The dashboard on a script, in a terminal of `size`."""
    return Terminal(*COMMAND, *options, script, size=size, cwd=script.parent, **changes)


def assert_clean(terminal: Terminal, script: Path) -> None:
    """The terminal is as it was, and nothing of the script runs any more."""
    assert b"\x1b[?1049h" in terminal.raw  # it did use the alternate screen
    assert terminal.modes_left() == {}
    nothing_left(script)


@pytest.mark.parametrize("size", SIZES)
def test_the_first_screen_shows_the_run_and_q_leaves_nothing_behind(size: tuple[int, int], tmp_path: Path) -> None:
    script = written(tmp_path, "stream.py", STREAM)
    with dashboard(script, size=size) as terminal:
        terminal.wait_for(
            lambda text: all(part in text for part in ("stream.py", "RUNNING", "Ticks", "Show", "tick 3"))
        )
        terminal.press("q")
        assert terminal.wait() == 0
        assert_clean(terminal, script)


def test_ctrl_q_quits_too(tmp_path: Path) -> None:
    script = written(tmp_path, "stream.py", STREAM)
    with dashboard(script) as terminal:
        terminal.wait_for("tick 1")
        terminal.press("ctrl+q")
        assert terminal.wait() == 0
        assert_clean(terminal, script)


def test_a_save_runs_the_new_version_and_a_syntax_error_keeps_the_old_one(tmp_path: Path) -> None:
    script = written(tmp_path, "stream.py", STREAM)
    with dashboard(script) as terminal:
        terminal.wait_for("tick 2")
        script.write_text(STREAM.replace("tick {", "tock {"))
        terminal.wait_for("tock 2")
        broken = STREAM.replace("tick {", "tack {").replace("class Show(SinkFunction):", "class Show(SinkFunction:")
        line = broken.splitlines().index("class Show(SinkFunction:") + 1
        worker = worker_of(script)
        script.write_text(broken)
        terminal.wait_for(lambda text: f"stream.py:{line}" in text)
        before = terminal.text.count("tack")
        assert before == 0
        assert worker_of(script) == worker
        script.write_text(STREAM.replace("tick {", "tuck {"))
        shown = terminal.wait_for("tuck 2")
        assert f"stream.py:{line}" not in shown
        terminal.press("q")
        assert terminal.wait() == 0
        assert_clean(terminal, script)


def test_a_module_beside_the_script_is_watched(tmp_path: Path) -> None:
    module = written(tmp_path, "words_of_mine.py", "WORD = 'first'")
    script = written(tmp_path, "stream.py", STREAM.replace("tick {", "{words_of_mine.WORD} {") + "\n")
    script.write_text("import words_of_mine\n" + script.read_text())
    with dashboard(script) as terminal:
        terminal.wait_for("first 2")
        module.write_text("WORD = 'second'")
        terminal.wait_for("second 2")
        terminal.press("q")
        assert terminal.wait() == 0


def test_a_script_that_fails_is_shown_and_a_better_version_goes_on(tmp_path: Path) -> None:
    script = written(tmp_path, "stream.py", "raise ValueError('not like this')")
    with dashboard(script) as terminal:
        terminal.wait_for(lambda text: "FAILED" in text and "not like this" in text)
        script.write_text(STREAM)
        terminal.wait_for(lambda text: "RUNNING" in text and "tick 2" in text)
        terminal.press("q")
        assert terminal.wait() == 0


def test_a_killed_worker_is_told_and_r_starts_again(tmp_path: Path) -> None:
    script = written(tmp_path, "stream.py", STREAM)
    with dashboard(script) as terminal:
        terminal.wait_for("tick 2")
        os.kill(worker_of(script), signal.SIGKILL)
        terminal.wait_for("SIGKILL")
        terminal.press("r")
        terminal.wait_for(lambda text: "RUNNING" in text and "tick 2" in text)
        worker_of(script)
        terminal.press("q")
        assert terminal.wait() == 0
        assert_clean(terminal, script)


def test_suspended_it_stops_the_run_and_goes_on_with_it(tmp_path: Path) -> None:
    script = written(tmp_path, "stream.py", STREAM)
    with dashboard(script) as terminal:
        terminal.wait_for("tick 2")
        pids = processes(script)
        terminal.press("ctrl+z")
        eventually(lambda: all(map(is_stopped, pids)), "the stop of all its processes")
        eventually(lambda: terminal.modes_left() == {}, "the last of what it wrote")
        seen = len(terminal.raw)
        terminal.process.send_signal(signal.SIGCONT)
        eventually(lambda: not any(map(is_stopped, pids)), "their going on")
        eventually(
            lambda: all(part in terminal.raw[seen:] for part in (b"Pipeline", b"Operators", b"Service calls", b"Quit")),
            "all of the screen to be drawn again, not only what changed",
        )
        terminal.press("q")
        assert terminal.wait() == 0
        assert_clean(terminal, script)


def test_a_stop_from_outside_stops_the_run_too(tmp_path: Path) -> None:
    script = written(tmp_path, "stream.py", STREAM)
    with dashboard(script) as terminal:
        terminal.wait_for("tick 2")
        pids = processes(script)
        terminal.process.send_signal(signal.SIGTSTP)
        eventually(lambda: all(map(is_stopped, pids)), "the stop of all its processes")
        eventually(lambda: terminal.modes_left() == {}, "the last of what it wrote")
        terminal.process.send_signal(signal.SIGCONT)
        eventually(lambda: not any(map(is_stopped, pids)), "their going on")
        terminal.press("q")
        assert terminal.wait() == 0
        assert_clean(terminal, script)


def test_stopped_without_being_asked_it_takes_the_terminal_anew_and_gives_it_back(tmp_path: Path) -> None:
    script = written(tmp_path, "stream.py", STREAM)
    with dashboard(script) as terminal:
        at_rest = terminal.line_modes()
        terminal.wait_for("tick 2")
        terminal.process.send_signal(signal.SIGSTOP)
        eventually(lambda: is_stopped(terminal.process.pid), "its stop")
        seen = len(terminal.raw)
        terminal.process.send_signal(signal.SIGCONT)
        eventually(lambda: b"\x1b[?1049h" in terminal.raw[seen:], "the terminal's being taken anew")
        terminal.press("q")
        assert terminal.wait() == 0
        assert terminal.line_modes() == at_rest
        assert_clean(terminal, script)


def test_when_the_dashboard_is_killed_the_worker_goes_too(tmp_path: Path) -> None:
    script = written(tmp_path, "stream.py", STREAM)
    with dashboard(script) as terminal:
        terminal.wait_for("tick 2")
        terminal.process.kill()
        terminal.wait()
        nothing_left(script)


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGQUIT])
def test_a_termination_leaves_the_terminal_as_it_was(signum: signal.Signals, tmp_path: Path) -> None:
    script = written(tmp_path, "stream.py", STREAM)
    with dashboard(script) as terminal:
        terminal.wait_for("tick 2")
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


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGQUIT])
def test_a_termination_as_the_dashboard_opens_leaves_the_terminal_as_it_was(
    signum: signal.Signals, tmp_path: Path
) -> None:
    script = written(tmp_path, "stream.py", STREAM)
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
    script = written(tmp_path, "stream.py", STREAM)
    with Terminal(sys.executable, "-c", FAULTY, script, size=(120, 36), cwd=tmp_path) as terminal:
        at_rest = terminal.line_modes()
        terminal.wait_for("tick 2")
        terminal.press("/")
        assert terminal.wait() == 1
        terminal.wait_for("ZeroDivisionError: a fault of ours")
        assert terminal.line_modes() == at_rest
        assert_clean(terminal, script)


SPINNING = STREAM.replace(
    "class Show(SinkFunction):",
    """class Spin(MapFunction):
    def execute(self, tick):
        while True:
            pass


class Show(SinkFunction):""",
).replace(".sink(Show)", ".map(Spin, parallelism=4).sink(Show)")


def test_operators_that_never_return_stop_neither_the_keys_nor_the_end(tmp_path: Path) -> None:
    script = written(tmp_path, "spinning.py", SPINNING)
    with dashboard(script) as terminal:
        terminal.wait_for(lambda text: "RUNNING" in text and "Spin" in text)
        first = worker_of(script)
        terminal.press("?")
        terminal.wait_for("stop and quit")
        terminal.press("escape")
        terminal.wait_for(
            lambda text: "stop and quit" not in text
        )  # a key right after escape would be alt and that key
        terminal.press("r")
        eventually(lambda: first not in processes(script), "the end of the first worker")
        terminal.wait_for(lambda text: "RUNNING" in text and "Spin" in text)
        terminal.press("q")
        assert terminal.wait() == 0
        assert_clean(terminal, script)


def test_any_size_shows_the_run(tmp_path: Path) -> None:
    script = written(tmp_path, "stream.py", STREAM)
    with dashboard(script, size=(80, 24)) as terminal:
        terminal.wait_for("tick 2")
        for _ in range(10):
            for size in [(200, 50), (60, 20), (30, 8), (10, 3), (120, 36)]:
                terminal.resize(*size)
            terminal.wait_for(lambda text: all(part in text for part in ("RUNNING", "tick", "Ticks", "╭─ 4 Service")))
        terminal.press("q")
        assert terminal.wait() == 0
        assert_clean(terminal, script)


def test_a_terminal_that_knows_no_size_is_taken_for_an_ordinary_one(tmp_path: Path) -> None:
    script = written(tmp_path, "stream.py", STREAM)
    with dashboard(script, size=(0, 0)) as terminal:
        terminal.resize_screen(80, 24)
        terminal.wait_for("tick 2")
        terminal.process.send_signal(signal.SIGTERM)
        assert terminal.wait() == 128 + signal.SIGTERM
        assert_clean(terminal, script)


@pytest.mark.parametrize("kind", ["dumb", "unknown"])
def test_a_terminal_of_no_known_kind_shows_the_dashboard_to_who_wants_it(kind: str, tmp_path: Path) -> None:
    script = written(tmp_path, "stream.py", STREAM)
    with dashboard(script, "--tui", TERM=kind) as terminal:
        terminal.wait_for("tick 2")
        terminal.press("q")
        assert terminal.wait() == 0
        assert_clean(terminal, script)


@pytest.mark.parametrize(("text", "status"), [(TUTORIAL, 0), ("raise SystemExit(7)", 7), ("raise ValueError", 1)])
def test_exit_on_finish_ends_with_the_scripts_status(text: str, status: int, tmp_path: Path) -> None:
    script = written(tmp_path, "short.py", text)
    with dashboard(script, "--exit-on-finish") as terminal:
        assert terminal.wait() == status
        assert_clean(terminal, script)


@pytest.mark.parametrize("ci", ["", "true"])
def test_where_nobody_watches_the_output_is_plain(ci: str, tmp_path: Path) -> None:
    script = written(tmp_path, "short.py", "print('just this')")
    with dashboard(script, CI=ci, TERM="xterm" if ci else "dumb") as terminal:
        assert terminal.wait() == 0
        assert b"\x1b[?1049h" not in terminal.raw
        assert terminal.raw.startswith(b"just this\r\n")


def test_a_recording_opens_in_the_dashboard(tmp_path: Path) -> None:
    script = written(tmp_path, "tutorial.py", TUTORIAL)
    with dashboard(script, "--plain", "--record", "run.sagerun") as terminal:
        assert terminal.wait() == 0
    with Terminal(*COMMAND, "run.sagerun", cwd=tmp_path, size=(120, 36)) as terminal:
        terminal.wait_for(lambda text: "Hello, World! #10" in text and "FINISHED" in text)
        terminal.press("q")
        assert terminal.wait() == 0
        assert terminal.modes_left() == {}


def test_text_leaves_by_clipboard_and_file_and_the_source_by_an_editor(tmp_path: Path) -> None:
    script = written(tmp_path, "stream.py", STREAM)
    editor = written(tmp_path, "editor", '#!/bin/sh\necho "opened $*"\nread answer\n')
    editor.chmod(0o755)
    with dashboard(
        script, SSH_CONNECTION="10.0.0.1 1 10.0.0.2 22", TMUX="", STY="", VISUAL="", EDITOR=str(editor)
    ) as terminal:
        terminal.wait_for("tick 3")
        # press in the first line of Output, move over the graph, let go: only Output is selected
        terminal.press("\x1b[<0;88;3M", "k")
        terminal.wait_for("↓ G")  # the button and the key have arrived, one after the other
        terminal.press("\x1b[<32;40;6M", "\x1b[<0;40;6m", "ctrl+c")
        terminal.wait_for("to the terminal's clipboard (OSC 52)")
        (copied,) = re.findall(rb"\x1b\]52;c;([^\x07]*)\x07", terminal.raw)
        assert b"tick" in base64.b64decode(copied)
        assert "╭".encode() not in base64.b64decode(copied)
        terminal.press("3", "x")
        terminal.wait_for("Export Output")
        terminal.press("enter")
        terminal.wait_for("Wrote ")
        assert "tick 3" in (tmp_path / "stream-output-run1.txt").read_text()
        terminal.press("2", "enter")
        terminal.wait_for("Source")
        terminal.press("9")
        terminal.wait_for("e Edit")
        terminal.press("e")
        terminal.wait_for(f"opened +{line_of(script, 'class Ticks')} {script}")
        terminal.press("enter")
        terminal.wait_for("e Edit")
        terminal.press("q")
        assert terminal.wait() == 0
        assert_clean(terminal, script)


def line_of(script: Path, text: str) -> int:
    """The number of the line that begins so."""
    lines = script.read_text().splitlines()
    return next(number for number, line in enumerate(lines, start=1) if line.startswith(text))
