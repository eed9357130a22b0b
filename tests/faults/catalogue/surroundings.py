"""Events around a script: signals to the command and its worker, unusual streams and terminals."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

from faults.catalogue.fault import HEAD, Check, Fault, Trial
from support.command import is_stopped
from support.waiting import eventually

STREAM = (
    HEAD
    + """
class Ticks(SourceFunction):
    last = time.monotonic()
    def execute(self):
        if time.monotonic() - self.last > 0.5: print("went on")
        Ticks.last = time.monotonic()
        time.sleep(0.02)
        return 1
class Show(SinkFunction):
    told = False
    def execute(self, value):
        if not self.told: print("ready")
        self.told = True
env = LocalEnvironment("stream")
env.from_source(Ticks).sink(Show)
env.submit(autostop=True)
"""
)
"""A pipeline that runs until it is stopped, and says when it has been stopped for a while."""

ROOT = os.geteuid() == 0
NOT_LINUX = "" if Path("/proc/self/fd").is_dir() else "Linux"


def workers(trial: Trial) -> list[int]:
    """The processes started by the command."""
    found: list[int] = []
    for path in Path(f"/proc/{trial.pid}/task").glob("*/children"):
        found += map(int, path.read_text().split())
    return found


def _to_command(signum: int) -> Check:
    def act(trial: Trial) -> str:
        os.kill(trial.pid, signum)
        return ""

    return act


def _to_worker(signum: int) -> Check:
    def act(trial: Trial) -> str:
        for pid in workers(trial):
            os.kill(pid, signum)
        return ""

    return act


def _suspend(trial: Trial) -> str:
    everyone = [trial.pid, *workers(trial)]
    os.kill(trial.pid, signal.SIGTSTP)
    eventually(lambda: all(map(is_stopped, everyone)), "the stop of the command and its worker")
    time.sleep(0.7)
    os.kill(trial.pid, signal.SIGCONT)
    return ""


def _stop_command(trial: Trial) -> str:
    os.kill(trial.pid, signal.SIGSTOP)
    eventually(lambda: is_stopped(trial.pid), "the stop of the command")
    os.kill(trial.pid, signal.SIGCONT)
    return ""


def _stop_worker(trial: Trial) -> str:
    for pid in workers(trial):
        os.kill(pid, signal.SIGSTOP)
    time.sleep(0.7)
    for pid in workers(trial):
        os.kill(pid, signal.SIGCONT)
    return ""


def _ended_by(name: str, what: str, signum: int) -> Fault:
    return Fault(name, what, STREAM, 128 + signum, act=_to_command(signum), screen="RUNNING", again="")


COMMAND = (
    _ended_by("command_sigterm", "SIGTERM to the command", signal.SIGTERM),
    _ended_by("command_sighup", "SIGHUP to the command, as when the terminal is closed", signal.SIGHUP),
    _ended_by("command_sigquit", "SIGQUIT to the command", signal.SIGQUIT),
    _ended_by("command_sigint", "SIGINT to the command", signal.SIGINT),
    Fault(
        "command_sigkill",
        "SIGKILL to the command",
        STREAM,
        -signal.SIGKILL,
        act=_to_command(signal.SIGKILL),
        screen="RUNNING",
        again="",
        modes_stay=True,
    ),
    Fault(
        "suspended",
        "suspended (ctrl+z) and resumed",
        STREAM,
        130,
        act=_suspend,
        then="went on",
        interrupts=1,
    ),
    Fault(
        "command_stopped",
        "the command, stopped and resumed (`kill -STOP`)",
        STREAM,
        130,
        act=_stop_command,
        interrupts=1,
    ),
    Fault(
        "worker_stopped",
        "the worker, stopped and resumed (`kill -STOP`)",
        STREAM,
        130,
        act=_stop_worker,
        then="went on",
        interrupts=1,
    ),
)

STAGES = {
    "import": "while the script is imported",
    "constructor": "in a constructor",
    "submit": "right after `submit`",
    "execute": "in an operator",
    "service": "in a service",
    "close": "in `close` of a sink",
    "atexit": "in an `atexit` hook",
}

_STAGED = HEAD + (
    """
import atexit
STAGE = sys.argv[1]
def stage(name):
    if name == STAGE:
        print("killed in", name)
        os.kill(os.getpid(), signal.SIGKILL)
class Numbers(Numbers):
    def __init__(self, **options):
        super().__init__(**options)
        stage("constructor")
class Echo(BaseService):
    def go(self, number):
        stage("service")
        return number
class Work(MapFunction):
    def execute(self, number):
        stage("execute")
        return self.call_service["echo"].go(number)
class Show(Show):
    def close(self): stage("close")
atexit.register(stage, "atexit")
stage("import")
env = LocalEnvironment("staged")
env.register_service("echo", Echo)
env.from_batch(Numbers).map(Work).sink(Show)
job = env.submit()
stage("submit")
time.sleep(0.5)
"""
)

WORKER = (
    *(
        Fault(
            f"worker_killed_{stage}",
            f"SIGKILL of the worker {what}",
            _STAGED,
            1,
            "SIGKILL",
            prints=f"killed in {stage}",
            arguments=(stage,),
        )
        for stage, what in STAGES.items()
    ),
    *(
        Fault(
            f"worker_{signum.name.lower()}",
            f"{signum.name} to the worker, from outside",
            STREAM,
            1,
            signum.name,
            act=_to_worker(signum),
            screen="KILLED",
            again="RUNNING",
        )
        for signum in (signal.SIGKILL, signal.SIGTERM, signal.SIGSEGV, signal.SIGABRT)
    ),
)

_LINES = "for number in range(20_000): print('line', number)\n"

STREAMS = (
    Fault(
        "no_stdout",
        "stdout closed",
        _LINES,
        141,
        wrap=("sh", "-c", 'exec "$@" >&-', "sh"),
        ways=("plain",),
    ),
    Fault(
        "head",
        "a reader of stdout that goes away",
        _LINES,
        141,
        wrap=("bash", "-c", 'set -o pipefail; "$@" | head -n 1', "bash"),
        ways=("plain",),
        prints="line 0",
    ),
    Fault(
        "stdout_full",
        "stdout on a full disk",
        _LINES,
        1,
        wrap=("sh", "-c", 'exec "$@" >/dev/full', "sh"),
        ways=("plain",),
        says="No space left",
    ),
    Fault(
        "no_stderr",
        "stderr closed",
        _LINES,
        wrap=("sh", "-c", 'exec "$@" 2>&-', "sh"),
        ways=("plain", "json"),
        like_python=True,
    ),
    Fault(
        "no_stdin",
        "stdin closed",
        "try: input()\nexcept EOFError: print('no input')\n",
        wrap=("sh", "-c", 'exec "$@" <&-', "sh"),
        ways=("plain", "json"),
        prints="no input",
    ),
)

_TEXT = "print('plain')\ntry: print('\\u00e9\\u4e2d')\nexcept UnicodeEncodeError: print('refused')\n"

TERMINALS = (
    Fault(
        "no_utf_8",
        "a locale without UTF-8, and no UTF-8 mode",
        _TEXT,
        environment={"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"},
        like_python=True,
    ),
    Fault(
        "latin_1_locale",
        "a locale that isn't there",
        _TEXT,
        environment={"LC_ALL": "de_DE.ISO-8859-1", "LANG": "nosuch"},
        like_python=True,
    ),
    Fault("no_colour", "NO_COLOR", _TEXT, environment={"NO_COLOR": "1"}, like_python=True),
    Fault("vt100", "TERM=vt100", _TEXT, environment={"TERM": "vt100", "COLORTERM": ""}, like_python=True),
    Fault("linux_console", "TERM=linux", _TEXT, environment={"TERM": "linux", "COLORTERM": ""}, like_python=True),
    Fault("term_unknown", "TERM=nosuch", _TEXT, environment={"TERM": "nosuch", "COLORTERM": ""}, like_python=True),
)
