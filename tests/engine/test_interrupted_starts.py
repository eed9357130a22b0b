"""A submit may be interrupted anywhere, as by a handler of a signal that raises: the job ends all the same."""

from __future__ import annotations

import itertools
import sys
import threading
from contextlib import suppress
from types import FrameType

import pytest
from support.graphs import Collected, Pipeline, Recorder
from support.waiting import SOON

from sage_runtime.engine.errors import ReplacedThreadsError
from sage_runtime.engine.threads import engine as runtime
from sage_runtime.engine.threads import job, replica
from sage_runtime.engine.threads.engine import ThreadEngine
from sage_runtime.engine.threads.job import Job
from sage_runtime.events import PipelineFinished, PipelineSubmitted
from sage_runtime.graph import Graph

PARTS = frozenset({job.__file__, replica.__file__, runtime.__file__})


class Interrupt(BaseException):
    """What the handler of a signal raises."""


def graph() -> Graph:
    pipeline = Pipeline()
    pipeline.service("store", lambda context: Collected())
    pipeline.sink(pipeline.add("map", lambda value: value, pipeline.values(range(10)), parallelism=2))
    return pipeline.graph()


class Interrupting:
    """Raises where the main thread enters the engine's functions with these numbers; any other call passes."""

    def __init__(self, numbers: set[int]) -> None:
        self._numbers = numbers
        self._count = 0
        self._installed = sys.gettrace()

    @property
    def raised(self) -> bool:
        """Whether there were so many calls."""
        return self._count >= min(self._numbers)

    def look(self, frame: FrameType, event: str, argument: object) -> None:
        if frame.f_code.co_filename in PARTS:
            self._count += 1
            if self._count in self._numbers:
                raise Interrupt

    def go_on(self) -> None:
        """Python takes a trace function away that raises."""
        sys.settrace(self.look)

    def __enter__(self) -> Interrupting:
        self.go_on()
        return self

    def __exit__(self, *error: object) -> None:
        sys.settrace(self._installed)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # a generator's end swallows it
@pytest.mark.parametrize("further", [(), (1,), (2,), (3, 5)], ids=["once", "twice", "twice, later", "three times"])
def test_wherever_a_submit_is_interrupted_the_job_ends(
    further: tuple[int, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runtime, "SIGNAL_SECONDS", 0.01)
    break_off = Job._break_off
    for number in itertools.count(1):
        recorder = Recorder()
        one = ThreadEngine(recorder)
        interrupting = Interrupting({number, *(number + more for more in further)})

        def interrupted_again(
            self: Job, error: BaseException | None, interrupting: Interrupting = interrupting
        ) -> None:
            interrupting.go_on()
            break_off(self, error)

        monkeypatch.setattr(Job, "_break_off", interrupted_again, raising=False)
        with interrupting, suppress(Interrupt):
            one.submit(graph())
        monkeypatch.setattr(Job, "_break_off", break_off)
        assert one.wait(SOON), f"interrupted at call {number}, the run does not end"
        assert len(recorder.of(PipelineFinished)) == len(one.jobs), number
        if not interrupting.raised:
            break
    assert number > 20, "so few calls can't be all"


def test_a_job_for_which_the_system_has_no_threads_fails_and_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    def start(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    recorder = Recorder()
    one = ThreadEngine(recorder)
    monkeypatch.setattr(threading.Thread, "start", start)
    with pytest.raises(RuntimeError, match="can't start new thread"):
        one.submit(graph())
    one.stop()
    assert one.wait(SOON)
    assert [event.status for event in recorder.of(PipelineFinished)] == ["failed"]
    assert len(recorder.of(PipelineSubmitted)) == 1


def test_nothing_begins_where_threads_would_be_no_threads_and_it_is_said_what_to_do(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    recorder = Recorder()
    one = ThreadEngine(recorder)
    monkeypatch.setattr(threading, "get_ident", lambda: 1)
    with pytest.raises(ReplacedThreadsError, match="thread=False"):
        one.submit(graph())
    monkeypatch.undo()
    assert (one.jobs, recorder.events) == ([], [])
