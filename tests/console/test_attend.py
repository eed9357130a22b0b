"""A session without a dashboard: how it ends, and with which status."""

from __future__ import annotations

import itertools
import os
import signal
from collections.abc import Callable

import pytest
from support.sessions import PlayedSession
from support.streams import Pipe

from sage_runtime.events import Event, Output, RunFinished, RunStarted
from sage_tui.console.headless_runner import HeadlessRunner
from sage_tui.console.streams import DescriptorWriter

FINISHED = RunFinished(status="finished", exit_code=0)
STOPPED = RunFinished(status="stopped")


def attend(
    session: PlayedSession,
    *,
    stdout: Pipe | None = None,
    keep_going: bool = False,
    exit_on_finish: bool = False,
    seconds_between_signals: float = 1.0,
) -> int | None:
    """See the session through; what it prints goes to `stdout`."""
    stream = stdout or Pipe()
    clock = itertools.count(0.0, seconds_between_signals)

    def sink(line: bytes, event: Event) -> None:
        if isinstance(event, Output):
            writer.write(event.text.encode())

    with (
        DescriptorWriter(stream.writing) as writer,
        HeadlessRunner(session, sink, (writer,), last_words=0.3, clock=clock.__next__) as runner,
    ):
        try:
            return runner.run(keep_going=keep_going, exit_on_finish=exit_on_finish, meanwhile=lambda: None)
        finally:
            session.close()
            stream.close()


def send(signum: int) -> Callable[[PlayedSession], None]:
    """A step: the signal comes, and the session is told."""

    def step(session: PlayedSession) -> None:
        os.kill(os.getpid(), signum)
        session.wait_for_signal()

    return step


def kill_only(signum: int) -> Callable[[PlayedSession], None]:
    """A step: the signal comes."""
    return lambda session: os.kill(os.getpid(), signum)


def test_a_run_that_ends_leaves_the_status_to_the_session() -> None:
    assert attend(PlayedSession(RunStarted(), FINISHED)) is None


def test_an_interrupt_is_forwarded_and_the_end_awaited() -> None:
    session = PlayedSession(RunStarted(), send(signal.SIGINT), STOPPED)
    assert attend(session) == 130
    assert session.signals == [signal.SIGINT]


def test_a_second_interrupt_kills() -> None:
    session = PlayedSession(RunStarted(), send(signal.SIGINT), send(signal.SIGINT), STOPPED)
    assert attend(session) == 130
    assert session.signals == [signal.SIGINT, signal.SIGKILL]


def test_a_run_that_was_killed_is_told_to_its_end() -> None:
    stdout = Pipe()
    reading = os.dup(stdout.reading)
    session = PlayedSession(RunStarted(), send(signal.SIGINT), send(signal.SIGINT), Output(text="bye"), STOPPED)
    assert attend(session, stdout=stdout) == 130
    assert os.read(reading, 100) == b"bye"
    os.close(reading)


def test_the_same_signal_twice_in_a_moment_is_one_request() -> None:
    session = PlayedSession(RunStarted(), send(signal.SIGINT), kill_only(signal.SIGINT), STOPPED)
    assert attend(session, seconds_between_signals=0.01) == 130
    assert session.signals == [signal.SIGINT]


def test_an_interrupt_between_two_runs_ends_the_watching() -> None:
    assert attend(PlayedSession(RunStarted(), FINISHED, kill_only(signal.SIGINT)), keep_going=True) == 130


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT])
def test_a_termination_ends_the_session(signum: signal.Signals) -> None:
    assert attend(PlayedSession(RunStarted(), kill_only(signum))) == 128 + signum


def test_a_terminated_run_is_told_to_its_end() -> None:
    stdout = Pipe()
    reading = os.dup(stdout.reading)
    ending = (PlayedSession.wait_for_stop, Output(text="bye"), STOPPED)
    status = attend(PlayedSession(RunStarted(), kill_only(signal.SIGTERM), *ending), stdout=stdout)
    assert status == 128 + signal.SIGTERM
    assert os.read(reading, 100) == b"bye"
    os.close(reading)


def test_signals_that_were_ignored_stay_ignored() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        assert attend(PlayedSession(RunStarted(), kill_only(signal.SIGHUP), FINISHED)) is None
    finally:
        signal.signal(signal.SIGHUP, before)


def test_the_handlers_are_put_back() -> None:
    before = signal.getsignal(signal.SIGINT)
    attend(PlayedSession(FINISHED))
    assert signal.getsignal(signal.SIGINT) is before


def test_a_closed_stdout_kills_the_run_and_is_status_141() -> None:
    stdout = Pipe()
    stdout.close_reading()
    session = PlayedSession(RunStarted(), Output(text="x"), PlayedSession.wait_for_signal)
    assert attend(session, stdout=stdout) == 141
    assert session.signals == [signal.SIGKILL]


def test_a_stdout_that_nobody_reads_holds_up_no_ending() -> None:
    flood = Output(text="x" * 1_000_000)
    assert attend(PlayedSession(RunStarted(), kill_only(signal.SIGTERM), flood)) == 128 + signal.SIGTERM


def test_while_watching_a_run_follows_the_other_until_one_ends_by_itself() -> None:
    runs = (RunStarted(), STOPPED, RunStarted(run=2, reason="reload"), FINISHED)
    assert attend(PlayedSession(*runs), keep_going=True, exit_on_finish=True) is None
