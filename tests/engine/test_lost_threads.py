"""A thread of the engine that is ended from outside ends the job as failed, with the reason; nothing stands still."""

from __future__ import annotations

import ctypes
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

import pytest
from support.graphs import Pipeline, Recorder, per_replica
from support.waiting import SOON

from sage_runtime.engine.errors import LostThreadError
from sage_runtime.engine.threads.engine import ThreadEngine
from sage_runtime.engine.threads.replica import Replica
from sage_runtime.events import Failure, PipelineFinished


@contextmanager
def hook_of_new_threads(install: Callable[[Any], None], threads: str) -> Iterator[None]:
    """A hook for profiling or tracing that raises as soon as a thread of such a name begins."""

    def hook(frame: FrameType, event: str, argument: object) -> None:
        if threads in threading.current_thread().name:
            raise ValueError("hook")

    install(hook)
    try:
        yield
    finally:
        install(None)


def reasons(recorder: Recorder) -> set[str]:
    return {failure.message for failure in recorder.of(Failure) if failure.kind == "worker"}


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
@pytest.mark.parametrize("install", [threading.setprofile, threading.settrace], ids=["setprofile", "settrace"])
class TestAHookThatRaises:
    def test_ends_the_job_of_the_operator_whose_thread_it_has_ended(self, install: Callable[[Any], None]) -> None:
        recorder = Recorder()
        pipeline = Pipeline()
        pipeline.sink(pipeline.add("map", lambda value: value, pipeline.values(range(10)), name="lost"))
        with hook_of_new_threads(install, "lost"):
            job = ThreadEngine(recorder).submit(pipeline.graph())
            assert job.wait(SOON)
        assert job.status == "failed"
        assert reasons(recorder) == {"the thread of operator lost_0 has ended; stderr may say why"}
        assert [event.status for event in recorder.of(PipelineFinished)] == ["failed"]

    def test_ends_the_job_though_the_sampler_is_gone_too(self, install: Callable[[Any], None]) -> None:
        recorder = Recorder()
        pipeline = Pipeline()
        pipeline.sink(pipeline.values(range(10)))
        with hook_of_new_threads(install, ""):
            runtime = ThreadEngine(recorder)
            job = runtime.submit(pipeline.graph())
            assert runtime.wait(SOON)
        assert job.status == "failed"
        assert len(reasons(recorder)) == 2

    def test_fails_the_submit_of_a_service_that_it_has_ended(self, install: Callable[[Any], None]) -> None:
        recorder = Recorder()
        pipeline = Pipeline()
        pipeline.service("lost", lambda context: object())
        pipeline.sink(pipeline.values(range(10)))
        runtime = ThreadEngine(recorder)
        with (
            hook_of_new_threads(install, "service_lost"),
            pytest.raises(LostThreadError, match="service lost has ended"),
        ):
            runtime.submit(pipeline.graph())
        assert runtime.wait(SOON)
        assert [event.status for event in recorder.of(PipelineFinished)] == ["failed"]


def test_an_exception_that_is_thrown_into_an_idle_thread_fails_the_job() -> None:
    recorder = Recorder()
    idents: list[int] = []
    go = threading.Event()

    def source() -> int | None:
        go.wait(SOON)
        return 1

    def note(context: Any) -> Any:
        idents.append(threading.get_ident())
        return lambda value: idents.append(threading.get_ident())

    pipeline = Pipeline()
    pipeline.add("sink", per_replica(note), pipeline.add("source", source))
    job = ThreadEngine(recorder).submit(pipeline.graph())
    sink = next(replica for replica in job.replicas if replica.spec.kind == "sink")
    assert sink.thread.ident is not None
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(sink.thread.ident), ctypes.py_object(ZeroDivisionError))
    go.set()
    assert job.wait(SOON)
    assert job.status == "failed"
    assert [failure.exception for failure in recorder.of(Failure)] == ["ZeroDivisionError"]


def test_a_service_that_an_exception_is_thrown_into_fails_the_job_and_keeps_nobody_waiting() -> None:
    recorder = Recorder()
    answers: list[object] = []

    class Killed:
        def process(self) -> object:
            ident = ctypes.c_ulong(threading.get_ident())
            sys.setprofile(lambda frame, event, argument: kill() if frame.f_code.co_name == "account" else None)

            def kill() -> None:
                sys.setprofile(None)
                ctypes.pythonapi.PyThreadState_SetAsyncExc(ident, ctypes.py_object(ZeroDivisionError))

            return None

    def ask(context: Any) -> Any:
        return lambda value: answers.append(context.call_service["killed"].process())

    pipeline = Pipeline()
    pipeline.service("killed", lambda context: Killed())
    pipeline.add("sink", per_replica(ask), pipeline.values(range(10)))
    runtime = ThreadEngine(recorder)
    job = runtime.submit(pipeline.graph())
    assert job.wait(SOON)
    assert job.status == "failed"
    assert "ZeroDivisionError" in {failure.exception for failure in recorder.of(Failure) if failure.kind == "worker"}


def test_a_thread_too_many_fails_the_submit_and_ends_those_that_were_started(monkeypatch: pytest.MonkeyPatch) -> None:
    start = Replica.start

    def refuse(self: Replica) -> None:
        if self.spec.is_source:
            raise RuntimeError("can't start new thread")
        start(self)

    monkeypatch.setattr(Replica, "start", refuse)
    recorder = Recorder()
    pipeline = Pipeline()
    pipeline.sink(pipeline.values(range(10)))
    runtime = ThreadEngine(recorder)
    with pytest.raises(RuntimeError, match="can't start new thread"):
        runtime.submit(pipeline.graph())
    assert runtime.wait(SOON)
    assert [event.status for event in recorder.of(PipelineFinished)] == ["failed"]
