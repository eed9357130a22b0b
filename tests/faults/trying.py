"""Try a fault with the real command in each mode, and compare what is seen with what is right."""

from __future__ import annotations

import json
import math
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from faults.catalogue.fault import HERE, READY, Fault, Trial
from support.command import COMMAND, environment
from support.terminal import Terminal, Then
from support.waiting import SOON

MARK = "SAGE_TUI_FAULT"
"""The environment variable that marks the processes of a trial."""

_BETWEEN_INTERRUPTS = (0.5, 2.0, 8.0, 32.0)
_AT_ONCE = 0.5
_TELLING = re.compile(r"sage-tui: |  [\d,]+ x |  (warning|error): ")
"""Lines of the summary that say how the run ended. The others give numbers."""
_VARYING = (
    (re.compile(r"\b\d+(\.\d+)? (ms|s)\b"), "… s"),
    (re.compile(r"\bsession_\d+_\d+(_\d+)?(-\w+)?"), "session_…"),
)
_RUN = re.compile(r"\brun (\d+)\b")
_NEVER_DRAWN = (b"\x1b]52;", b"\x1b]0;evil", b"\x1b]0;title", b"\x1bc", b"\x1b[6n where")
"""What scripts print and the dashboard must not pass to the terminal."""


@dataclass
class Seen:
    """What was seen of a fault in one mode: `text` to read, and what is wrong."""

    way: str
    text: str = ""
    wrong: list[str] = field(default_factory=list)
    left: str = "nothing"
    seconds: float = 0.0

    def expect(self, wanted: object, found: object, what: str) -> None:
        """Note a value that is not the expected one."""
        if wanted != found:
            self.wrong.append(f"{what}: {found!r} instead of {wanted!r}")

    def expect_in(self, wanted: str | bytes, found: str | bytes, what: str) -> None:
        """Note an expected text that is missing."""
        if wanted not in found:  # type: ignore[operator]
            self.wrong.append(f"{what} lacks {wanted!r}: …{found[-300:]!r}")


def attempt(fault: Fault, way: str, folder: Path) -> Seen:
    """Try a fault in one mode, in an empty folder."""
    trial = Trial(folder, folder / "project" / f"{fault.name}.py", way)
    trial.script.parent.mkdir(parents=True)
    trial.root.mkdir()
    write_script(fault, trial.script)
    if fault.prepare is not None:
        fault.prepare(trial)
    seen, began = Seen(way), time.monotonic()
    try:
        if way == "tui":
            _in_dashboard(fault, trial, seen)
        else:
            _in_pipes(fault, trial, seen)
        if fault.check is not None and (complaint := fault.check(trial)):
            seen.wrong.append(complaint)
        if fault.keeps and not trial.sessions():
            seen.wrong.append("no session's folder")
    except AssertionError as error:
        seen.wrong.append(str(error))
    finally:
        seen.seconds = time.monotonic() - began
        if left := _left_over(folder):
            seen.left = ", ".join(command for _, command in left)
            seen.wrong.append(f"left behind: {seen.left}")
            for pid, _ in left:
                os.kill(pid, signal.SIGKILL)
    return seen


def write_script(fault: Fault, path: Path) -> None:
    """Write a fault's script, if it has one."""
    if isinstance(fault.script, bytes):
        path.write_bytes(fault.script)
    elif fault.script is not None:
        path.write_text(fault.script)


def command_line(fault: Fault, way: str, folder: str, command: tuple[str, ...] = COMMAND) -> list[str]:
    """The command to run in the trial's `folder`."""
    file = f"{folder}/project/" + fault.file.format(name=fault.name)
    by = (
        (shutil.which(fault.wrap[0]) or fault.wrap[0], *fault.wrap[1:])
        if fault.wrap and command is COMMAND
        else fault.wrap
    )
    words = [*by, *command, f"--{way}", *fault.options, file, *fault.arguments]
    return [word.replace("{folder}", folder) for word in words]


def _surroundings(fault: Fault, folder: Path) -> dict[str, str]:
    own = {name: value.replace("{folder}", str(folder)) for name, value in fault.environment.items()}
    return {"SAGE_PROJECT_ROOT": str(folder / "root"), "HOME": str(folder), MARK: str(folder), **own}


# --- without a dashboard ---------------------------------------------------------------------------------------------


class _Piped:
    """The command with pipes for its streams; a thread reads each."""

    def __init__(self, command: list[str], folder: Path, changes: dict[str, str]) -> None:
        self.out, self.err = bytearray(), bytearray()
        self._changed = threading.Condition()
        self.process = subprocess.Popen(
            command,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment(**changes),
        )
        streams = ((self.process.stdout, self.out), (self.process.stderr, self.err))
        self._threads = [threading.Thread(target=self._read, args=pair) for pair in streams]
        for thread in self._threads:
            thread.start()

    def _read(self, stream: Any, into: bytearray) -> None:
        with stream:
            while data := os.read(stream.fileno(), 1 << 16):
                with self._changed:
                    into += data
                    self._changed.notify_all()
        with self._changed:
            self._changed.notify_all()

    def wait_for(self, text: str) -> bool:
        """Wait until it has printed `text`, or has ended."""
        wanted = text.encode()
        with self._changed:
            self._changed.wait_for(lambda: wanted in self.out or not self._threads[0].is_alive(), SOON)
            return wanted in self.out

    def end(self) -> int | None:
        """Its exit status; None if it had to be killed."""
        try:
            status: int | None = self.process.wait(SOON)
        except subprocess.TimeoutExpired:
            status = None
            self.process.kill()
            self.process.wait()
        for thread in self._threads:
            thread.join(SOON)
        return status


def _in_pipes(fault: Fault, trial: Trial, seen: Seen) -> None:
    command = command_line(fault, trial.way, str(trial.folder))
    piped = _Piped(command, trial.folder, _surroundings(fault, trial.folder))
    try:
        if fault.act is not None or fault.goes_on:
            _disturb(fault, Trial(trial.folder, trial.script, trial.way, piped.process.pid), piped, seen)
    finally:
        began = time.monotonic()
        status = piped.end()
    if fault.goes_on:
        ended = time.monotonic() - began
        soon = "at once" if ended < _AT_ONCE else f"within {math.ceil(ended)} s"
        seen.text = f", {soon} after ctrl+c" + (" twice" if fault.interrupts > 1 else "")
    seen.expect(fault.status, status, "exit status")
    out, err = bytes(piped.out), bytes(piped.err)
    if trial.way == "plain":
        _judge_plain(fault, trial, seen, out, err)
    else:
        _judge_json(fault, trial, seen, out, err)
    seen.text = f"{status}{seen.text}"


def _disturb(fault: Fault, trial: Trial, piped: _Piped, seen: Seen) -> None:
    if not piped.wait_for(READY):
        seen.wrong.append(f"never printed {READY!r}: {bytes(piped.err[-300:])!r}")
    if fault.act is not None and (complaint := fault.act(trial)):
        seen.wrong.append(complaint)
    if fault.then and not piped.wait_for(fault.then):
        seen.wrong.append(f"never printed {fault.then!r}: {bytes(piped.err[-300:])!r}")
    if fault.interrupts:
        piped.process.send_signal(signal.SIGINT)
    if fault.interrupts > 1:
        _interrupt_again(piped.process)


def _interrupt_again(process: subprocess.Popen[bytes]) -> None:
    """Interrupt it until it ends. A signal that comes too soon counts as an echo of the one before."""
    for seconds in _BETWEEN_INTERRUPTS:
        try:
            process.wait(seconds)
            return
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGINT)


def _judge_plain(fault: Fault, trial: Trial, seen: Seen, out: bytes, err: bytes) -> None:
    seen.expect_in(fault.prints.encode(), out, "stdout")
    said = err.decode(errors="backslashreplace")
    seen.expect_in(fault.says.replace("{folder}", str(trial.folder)), said, "stderr")
    if fault.like_python and out != (python := _by_python(fault, trial)):
        seen.wrong.append(f"stdout is not as by Python: {out[-200:]!r} instead of {python[-200:]!r}")
    lines = said.splitlines()
    ours = [line for line in lines if _TELLING.match(line)] or lines
    seen.text += f": {_shown(ours[-1], trial)}" if ours else ""


def _by_python(fault: Fault, trial: Trial) -> bytes:
    own = {name: value for name, value in _surroundings(fault, trial.folder).items() if name != MARK}
    done = subprocess.run(
        [sys.executable, str(trial.script)],
        cwd=trial.folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
        env=environment(**own),
    )
    return done.stdout


def _judge_json(fault: Fault, trial: Trial, seen: Seen, out: bytes, err: bytes) -> None:
    if fault.status == 2 and not out:
        seen.expect_in(fault.says, err.decode(errors="backslashreplace"), "stderr")
        seen.text += f": {_shown(err.decode(errors='backslashreplace').strip(), trial)}"
        return
    lines = out.splitlines()
    if fault.status < 0 and not out.endswith(b"\n"):
        lines.pop()  # it was killed while it wrote this
    events = [json.loads(line) for line in lines]
    for run in {event["run"] for event in events}:
        numbers = [event["seq"] for event in events if event["run"] == run]
        seen.expect(list(range(len(numbers))), numbers, f"numbers of the events of run {run}")
    printed = [e["text"] + e["end"] for e in events if e["type"] == "output" and e["stream"] == "stdout"]
    seen.expect_in(fault.prints, "".join(printed), "stdout")
    failures = [event for event in events if event["type"] == "failure"]
    _judge_failure(fault, trial, seen, failures)
    ends = [event for event in events if event["type"] == "run_finished"]
    if fault.status < 0:
        return
    if fault.script is None and fault.prepare is not None and not ends:
        seen.wrong.append("no run_finished")
    elif fault.script is not None and events[-1:] != ends[-1:]:
        seen.wrong.append(f"the last event is {events[-1:]}")
    elif fault.errors is not None:
        seen.expect(fault.errors, ends[-1]["errors"], "records that count as failed")
        seen.text += f", {ends[-1]['errors']} failed"


def _judge_failure(fault: Fault, trial: Trial, seen: Seen, failures: list[dict[str, Any]]) -> None:
    first = failures[0] if failures else None
    seen.expect(fault.failure, first["exception"] if first else "", "failure")
    if first is None:
        return
    place = Path(first["file"]).name if first["file"] else ""
    if first["line"] is not None:
        place += f":{first['line']}"
    if fault.line is not None:
        seen.expect(f"{trial.script.name}:{fault.line}", place, "place of the failure")
    seen.text += f": {first['exception']}" + (f" at {place}" if place else "")


# --- in the dashboard ------------------------------------------------------------------------------------------------


def _in_dashboard(fault: Fault, trial: Trial, seen: Seen) -> None:
    command = command_line(fault, "tui", str(trial.folder))
    changes = _surroundings(fault, trial.folder)
    with Terminal(*command, size=(120, 36), cwd=trial.folder, **changes) as terminal:
        rest = terminal.line_modes()
        states = _watch(fault, Trial(trial.folder, trial.script, "tui", terminal.process.pid), terminal)
        status = terminal.wait()
        seen.text = f"{' → '.join(states)}, {status}" if states else f"{status}: {_last_words(terminal, trial)}"
        seen.expect(fault.dashboard_status, status, "exit status")
        if fault.status == 2:
            seen.expect_in(fault.says, " ".join(terminal.text.split()), "the terminal")
        if not fault.modes_stay:
            seen.expect({}, terminal.modes_left(), "modes of the terminal")
            seen.expect(rest, terminal.line_modes(), "line modes of the terminal")
        for never in _NEVER_DRAWN:
            if never in terminal.raw:
                seen.wrong.append(f"the terminal got {never!r}")


def _watch(fault: Fault, trial: Trial, terminal: Terminal) -> list[str]:
    """Watch it run, do the fault's action, run it again, and quit. Returns the states that were shown."""
    if fault.status == 2:
        terminal.wait()
        return []
    states = []
    if fault.act is not None or fault.goes_on:
        terminal.wait_for(READY, _is("RUNNING"))
    if fault.act is not None:
        states.append("RUNNING")
        complaint = fault.act(trial)
        assert not complaint, complaint
    if fault.then:
        terminal.wait_for(fault.then)
    if not fault.state_again and fault.act is not None:
        return states
    shown = terminal.wait_for(_is(fault.state))
    states.append(_state(shown, fault.state))
    if fault.state_again:
        before = _run(shown)
        if fault.script is not None and not trial.script.exists():
            back = trial.script.with_suffix(".back")
            write_script(fault, back)
            with back.open("a") as file:
                file.write("# changed: the same text again would be no save\n")
            back.replace(trial.script)  # it runs as soon as it is there
        else:
            terminal.press("r")
        another = Then(f"shows a run after run {before}", lambda terminal: _run(terminal.text) > before)
        shown = terminal.wait_for(another, _is(fault.state_again))
        states.append(_state(shown, fault.state_again))
    terminal.press("q")
    return states


def _is(state: str) -> Then:
    return Then(f"shows {state} in its header", lambda terminal: state in _header(terminal.text))


def _header(text: str) -> str:
    return text.partition("\n")[0]


def _state(text: str, word: str) -> str:
    found = re.search(rf"{word}( \([^)]*\))?", _header(text))
    return found[0] if found else word


def _run(text: str) -> int:
    found = _RUN.search(_header(text))
    return int(found[1]) if found else 1


def _last_words(terminal: Terminal, trial: Trial) -> str:
    return _shown(" ".join(terminal.text.split()), trial)


# --- what is left ----------------------------------------------------------------------------------------------------


def _left_over(folder: Path) -> list[tuple[int, str]]:
    """The processes of a trial that don't soon end by themselves."""
    end = time.monotonic() + SOON
    while (left := list(_of(folder))) and time.monotonic() < end:
        time.sleep(0.05)
    return left


def _of(folder: Path) -> Iterator[tuple[int, str]]:
    mark = f"{MARK}={folder}".encode()
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if mark in (entry / "environ").read_bytes().split(b"\0") and not _is_zombie(entry):
                yield int(entry.name), (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:  # it has just ended, or is not ours
            continue


def _is_zombie(entry: Path) -> bool:
    return (entry / "stat").read_text().rpartition(")")[2].split()[0] == "Z"


def _shown(text: str, trial: Trial) -> str:
    """One line, without paths of this machine."""
    for place in (trial.script.parent, trial.folder):
        text = text.replace(f"{place}/", "")
    line = " ".join(text.replace(HERE, "").split())
    for pattern, instead in _VARYING:
        line = pattern.sub(instead, line)
    return line if len(line) <= 160 else line[:159] + "…"
