"""A worker killed at any stage: the run ends, is reported, and leaves nothing behind."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from support.command import nothing_left, processes
from support.heard import Heard, wait_for

from sage_runtime.events import (
    Event,
    Failure,
    OperatorStats,
    Output,
    PipelineFinished,
    PipelineSubmitted,
    RunFinished,
    RunStarted,
    RunStateChanged,
)
from sage_tui.journal import open_recording
from sage_tui.session import Session, SessionOptions
from sage_tui.session.process.worker_process import WorkerProcess
from sage_tui.session.run import without_arguments
from sage_tui.state.run_state import RunState

PIPELINE = """
import os, sys, time
from sage.core.api.local_environment import LocalEnvironment
from sage.core.api.function.source_function import SourceFunction
from sage.core.api.function.sink_function import SinkFunction
from sage.core.api.service.base_service import BaseService
class Numbers(SourceFunction):
    number = 0
    def execute(self):
        self.number += 1
        return self.number
class Echo(BaseService):
    def ask(self, number):
        kill("service", number == 3)
        return number
class Show(SinkFunction):
    def execute(self, number):
        kill("run", number == 3)
        print(self.call_service["echo"].ask(number))
    def close(self):
        kill("stop")
def kill(stage, now=True):
    if now and stage == sys.argv[1]:
        print("killed in", stage)
        os.kill(os.getpid(), 9)
class Killed(Numbers):
    def __init__(self, *arguments, **options):
        kill("submit")
        super().__init__(*arguments, **options)
kill("script")
environment = LocalEnvironment("p")
environment.register_service("echo", Echo)
environment.from_source(Killed).sink(Show)
environment.submit()
time.sleep(3600)
"""


@dataclass
class Faulty:
    """A session of the script above, its events, and the folder of its runs."""

    session: Session
    heard: Heard
    script: Path
    first: list[RunFinished] = field(default_factory=list)

    def events(self, run: int = 1) -> list[Event]:
        return [event for event in self.heard.events if event.run == run]

    def of(self, kind: type[Event], run: int = 1) -> list[Event]:
        return [event for event in self.events(run) if type(event) is kind]

    def ended(self, run: int = 1) -> RunFinished:
        wait_for(lambda: bool(self.of(RunFinished, run)))
        (end,) = self.of(RunFinished, run)
        assert isinstance(end, RunFinished)
        return end


Begin = Callable[[str], Faulty]


@pytest.fixture
def begin(tmp_path: Path) -> Iterator[Begin]:
    """Start a session whose script kills itself at a stage. Closes it in the end and checks that nothing is left."""
    made: list[Faulty] = []

    def start(stage: str) -> Faulty:
        script = tmp_path / "script.py"
        script.write_text(PIPELINE)
        session = Session(SessionOptions(script=script, argv=(stage,), reload=False, root=tmp_path))
        faulty = Faulty(session, Heard(), script)
        session.subscribe(faulty.heard)
        made.append(faulty)
        session.start()
        return faulty

    yield start
    for faulty in made:
        faulty.session.close()
        nothing_left(faulty.script)


def is_whole(faulty: Faulty, run: int = 1) -> None:
    """The run's events are numbered without gaps from start to end, and its journal has the same."""
    events = faulty.events(run)
    assert [event.seq for event in events] == list(range(len(events)))
    assert (type(events[0]), type(events[-1])) == (RunStarted, RunFinished)
    journal = open_recording(faulty.session.folder).run(run)
    assert journal.damage == ()
    assert [event.seq for _, event in journal.events()] == [event.seq for event in events]
    folded = RunState(run)
    for event in events:
        folded.apply(without_arguments(event) if isinstance(event, RunStarted) else event)
    assert journal.state().to_json() == folded.to_json()


def was_killed(faulty: Faulty) -> None:
    end = faulty.ended()
    assert (end.status, end.exit_code, end.signal) == ("failed", None, "SIGKILL")
    assert faulty.session.exit_status() == 1
    (failure,) = faulty.of(Failure)
    assert isinstance(failure, Failure)
    assert (failure.kind, failure.exception) == ("worker", "SIGKILL")
    is_whole(faulty)


@pytest.mark.parametrize("stage", ["script", "submit", "run", "service"])
def test_a_worker_that_is_killed_is_told_with_all_that_it_printed(begin: Begin, stage: str) -> None:
    faulty = begin(stage)
    was_killed(faulty)
    printed = "".join(event.text + event.end for event in faulty.of(Output) if isinstance(event, Output))
    assert f"killed in {stage}\n" in printed
    submitted, finished = faulty.of(PipelineSubmitted), faulty.of(PipelineFinished)
    assert len(submitted) == len(finished) == (stage != "script")
    assert [event.status for event in finished if isinstance(event, PipelineFinished)] == ["failed"] * len(finished)
    last = {event.operator: event for event in faulty.of(OperatorStats) if isinstance(event, OperatorStats)}
    assert all(event.incomplete for event in last.values())


def test_a_worker_that_is_killed_while_it_stops_counts_as_stopped(begin: Begin) -> None:
    faulty = begin("stop")
    wait_for(lambda: bool(faulty.of(OperatorStats)))
    faulty.session.stop()
    end = faulty.ended()
    assert (end.status, end.signal) == ("stopped", "SIGKILL")
    assert any(isinstance(event, RunStateChanged) and event.state == "stopping" for event in faulty.events())
    is_whole(faulty)


def test_after_a_kill_the_next_run_works(begin: Begin) -> None:
    faulty = begin("nowhere")
    wait_for(lambda: bool(faulty.of(OperatorStats)))
    (worker,) = processes(faulty.script)
    os.kill(worker, signal.SIGKILL)
    was_killed(faulty)
    faulty.session.reload()
    wait_for(lambda: bool(faulty.of(OperatorStats, 2)))
    faulty.session.stop()
    assert faulty.ended(2).status == "stopped"
    is_whole(faulty, 2)


@pytest.mark.parametrize("signum", [signal.SIGKILL, signal.SIGTERM, signal.SIGSEGV, signal.SIGABRT])
def test_a_worker_killed_from_outside_is_told_by_the_signals_name(begin: Begin, signum: signal.Signals) -> None:
    faulty = begin("nowhere")
    wait_for(lambda: bool(faulty.of(OperatorStats)))
    (worker,) = processes(faulty.script)
    os.kill(worker, signum)
    end = faulty.ended()
    assert (end.status, end.signal) == ("failed", signum.name)
    is_whole(faulty)


@pytest.mark.parametrize("when", ["before it says hello", "as it gets the start"])
def test_a_worker_that_is_killed_before_the_script_begins(
    begin: Begin, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    start, send = WorkerProcess.start, WorkerProcess.send

    def start_and_kill(*arguments: object, **options: object) -> WorkerProcess:
        worker = start(*arguments, **options)  # type: ignore[arg-type]
        worker.signal(signal.SIGKILL)
        return worker

    def kill_and_send(worker: WorkerProcess, command: object) -> None:
        worker.signal(signal.SIGKILL)
        send(worker, command)  # type: ignore[arg-type]

    if when == "as it gets the start":
        monkeypatch.setattr(WorkerProcess, "send", kill_and_send)
    else:
        monkeypatch.setattr(WorkerProcess, "start", start_and_kill)
    was_killed(begin("nowhere"))
