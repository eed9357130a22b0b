"""The session with the real worker: what both promise together."""

from __future__ import annotations

import os
import pty
import select
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support.heard import Heard, age, wait_for
from support.waiting import SOON

from sage_runtime.events import Failure, Input, InputRequested, OperatorStats, Output, PipelineFinished, RunStarted
from sage_tui.session import Session, SessionOptions

Start = Callable[..., tuple[Session, Heard]]

PIPELINE = """
from sage.core.api.local_environment import LocalEnvironment
from sage.core.api.function.batch_function import BatchFunction
from sage.core.api.function.source_function import SourceFunction
from sage.core.api.function.map_function import MapFunction
from sage.core.api.function.sink_function import SinkFunction

class Numbers(SourceFunction):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.number = 0
    def execute(self):
        self.number += 1
        return self.number

class Work(MapFunction):
    def execute(self, data):
        WORK
        return data

class Show(SinkFunction):
    def execute(self, data):
        print("got", data)

env = LocalEnvironment("numbers")
env.from_source(Numbers, delay=0.01).map(Work, parallelism=4).sink(Show)
env.submit()
print("submitted")
"""


@pytest.fixture
def start_real(tmp_path: Path) -> Iterator[Start]:
    """Starts a session on a script's text; closes it in the end."""
    sessions: list[Session] = []

    def start(text: str, **options: object) -> tuple[Session, Heard]:
        script = tmp_path / "work" / "script.py"
        script.parent.mkdir(exist_ok=True)
        script.write_text(text)
        session = Session(SessionOptions(script, root=tmp_path / "root", **options))  # type: ignore[arg-type]
        heard = Heard()
        session.subscribe(heard)
        sessions.append(session)
        session.start()
        return session, heard

    yield start
    for session in sessions:
        session.close()


def gone(pid: int) -> bool:
    """Whether a process has ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
    except OSError:
        return True


def test_print_child_print(start_real: Start) -> None:
    _, heard = start_real(
        """
import os, subprocess, sys
for i in range(10):
    print("before", i)
    subprocess.run(["echo", f"child {i}"])
    print("after", i)
os.system("echo system")
print("last")
""",
        reload=False,
    )
    heard.finished()
    assert heard.text() == "".join(f"before {i}\nchild {i}\nafter {i}\n" for i in range(10)) + "system\nlast\n"


def test_a_stream_runs_until_it_is_stopped_and_says_its_last_numbers(start_real: Start) -> None:
    session, heard = start_real(PIPELINE.replace("WORK", "pass"), reload=False)
    heard.said("got 5")
    session.stop()
    finished = heard.finished()
    assert finished.status == "stopped"
    assert finished.signal is None
    last = {event.operator: event for event in heard.events if isinstance(event, OperatorStats)}
    assert last["Show"].records_in >= 5
    assert not last["Show"].incomplete
    ends = [event.status for event in heard.events if isinstance(event, PipelineFinished)]
    assert ends == ["stopped"]


def test_operators_that_never_return_are_ended(start_real: Start) -> None:
    session, heard = start_real(PIPELINE.replace("WORK", "while True: pass"), reload=False)
    heard.said("submitted")
    session.close()
    assert heard.finished().status == "stopped"
    assert session.snapshot().current.phase == "stopped"


def test_saving_a_module_runs_the_new_version(start_real: Start, tmp_path: Path) -> None:
    module = tmp_path / "work" / "words.py"
    module.parent.mkdir()
    module.write_text("text = 'one'\n")
    age()
    session, heard = start_real("import words\n" + PIPELINE.replace("WORK", "print(words.text)"))
    heard.said("one")
    wait_for(lambda: session.snapshot().watching == 2)
    module.write_text("text = 'two'\n")
    heard.said("two")
    view = session.snapshot()
    assert (view.current.run, view.current.phase) == (2, "running")
    assert view.current.changed == ("words.py",)


@pytest.mark.parametrize("prefix", [False, True])
def test_versions_of_one_length_saved_within_a_second_are_told_apart(
    start_real: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, prefix: bool
) -> None:
    monkeypatch.delenv("PYTHONDONTWRITEBYTECODE", raising=False)
    if prefix:
        monkeypatch.setenv("PYTHONPYCACHEPREFIX", str(tmp_path / "cache"))
    module = tmp_path / "work" / "words.py"
    module.parent.mkdir()
    module.write_text("text = 'version 0'\n")
    age()
    session, heard = start_real("import words, time\nprint(words.text)\ntime.sleep(600)\n")
    heard.said("version 0")
    wait_for(lambda: session.snapshot().watching == 2)
    for version in range(1, 6):
        module.write_text(f"text = 'version {version}'\n")
        heard.said(f"version {version}")


def test_a_module_that_was_missing_is_waited_for(start_real: Start, tmp_path: Path) -> None:
    session, heard = start_real("import later\n" + PIPELINE.replace("WORK", "print(later.text)"))
    assert heard.finished(1).status == "failed"
    assert any(isinstance(event, Failure) and event.kind == "script" for event in heard.events)
    (tmp_path / "work" / "later.py").write_text("text = 'here I am'\n")
    heard.said("here I am")
    assert session.snapshot().shown.run == 2


def test_input_is_asked_for_until_it_is_answered(start_real: Start) -> None:
    session, heard = start_real("import time\nprint('hello', input('name? '))\ntime.sleep(3600)", reload=False)
    heard.until(lambda event: isinstance(event, InputRequested))
    assert session.snapshot().current.prompt == "name? "
    session.send(Input("Anna"))
    heard.said("hello Anna")
    wait_for(lambda: session.snapshot().current.prompt is None)
    assert session.snapshot().current.phase == "running"


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_the_worker_dies_with_the_session_even_where_it_never_looks(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text("import os\nprint('worker', os.getpid())\n" + PIPELINE.replace("WORK", "while True: pass"))
    driver = subprocess.Popen(
        [sys.executable, "-m", "sage_tui", "--plain", str(script)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        env={**os.environ, "SAGE_PROJECT_ROOT": str(tmp_path)},
    )
    assert driver.stdout is not None
    with driver.stdout as output:
        worker = int(output.readline().split()[1])
        assert not gone(worker)
        driver.send_signal(signal.SIGKILL)
        driver.wait(SOON)
        wait_for(lambda: gone(worker))


def test_a_terminal_is_read_though_the_worker_has_a_process_session_of_its_own(tmp_path: Path) -> None:
    script = tmp_path / "ask.py"
    script.write_text("import sys\nprint(sys.stdin.isatty())\nprint('hello', input('name? '))\n")
    pid, terminal = pty.fork()
    if pid == 0:
        os.environ["SAGE_PROJECT_ROOT"] = str(tmp_path)
        os.execv(sys.executable, [sys.executable, "-m", "sage_tui", "--plain", str(script)])
    shown = b""

    def shows(text: bytes) -> bool:
        nonlocal shown
        if text not in shown and select.select([terminal], [], [], 0.05)[0]:
            shown += os.read(terminal, 4096)
        return text in shown

    wait_for(lambda: shows(b"name? "))
    os.write(terminal, b"Anna\n")
    wait_for(lambda: shows(b"hello Anna"))
    assert b"True" in shown
    assert os.waitpid(pid, 0)[1] == 0
    os.close(terminal)


def test_a_new_run_starts_in_a_fresh_interpreter(start_real: Start) -> None:
    session, heard = start_real("import os; print('pid', os.getpid())", reload=False)
    heard.finished(1)
    session.reload()
    heard.finished(2)
    pids = {event.text for event in heard.events if isinstance(event, Output)}
    assert len(pids) == 2
    assert [event.run for event in heard.events if isinstance(event, RunStarted)] == [1, 2]
