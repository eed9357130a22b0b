"""Which run goes on, which comes next, and how one follows the other."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

from sage_runtime.events import Command, Event, Failure, Message, RunStarted, Start, WakeMainThread
from sage_tui.session.options import SessionOptions
from sage_tui.session.process.orphans import Orphans
from sage_tui.session.process.spawn import Spawned
from sage_tui.session.process.stop_sequence import StopSequence
from sage_tui.session.process.worker_process import WorkerProcess
from sage_tui.session.reload.bytecode import forget_bytecode
from sage_tui.session.reload.requests import RunRequest
from sage_tui.session.run import Run
from sage_tui.session.run_finalizer import Ending
from sage_tui.session.supervisor import Supervisor
from sage_tui.session.worker_reader import WorkerReader

ENGINE = "threads"
REAP_EVERY = 1.0
"""Seconds between looks for daemons of the script that have ended and want to be reaped."""


class RunObserver(Protocol):
    """What shows the runs: called by `RunControl`."""

    def make_run(self, number: int) -> Run:
        """A new run; supervisor's thread."""
        ...

    def begins(self, run: Run, wanted: RunRequest) -> Sequence[Event]:
        """The run begins; what the session has to say in its first lines. Supervisor's thread."""
        ...

    def shown_names(self, changed: Sequence[str]) -> tuple[str, ...]:
        """The names of changed files as people know them."""
        ...

    def hears(self, run: Run, message: Message) -> None:
        """The worker sent something that is no event. Reader's thread."""
        ...

    def ended(self, run: Run) -> None:
        """The run is over, `run_finished` is in its journal. Reader's thread."""
        ...


class _Active(NamedTuple):
    run: Run
    worker: WorkerProcess
    reader: WorkerReader
    ladder: StopSequence


class RunControl:
    """Starts, stops and follows up runs; there are two worker processes at most: one that ends, one that waits.

    All but `send`, `signal` and `wait_idle` is called on the supervisor's thread.
    """

    def __init__(
        self,
        options: SessionOptions,
        python: str,
        logs: Path | None,
        supervisor: Supervisor,
        stage: RunObserver,
        spawned: Spawned | None = None,
    ) -> None:
        self._options = options
        self._python = python
        self._logs = logs
        self._supervisor = supervisor
        self._stage = stage
        self._orphans = Orphans()
        self._active: _Active | None = None
        self._next = WorkerProcess(spawned) if spawned is not None else None
        if self._next is not None:
            self._orphans.worker_started(self._next.pid)
        self._wanted: RunRequest | None = None
        self._last_run = 0
        self._closing = False
        self._idle = threading.Event()
        self._idle.set()

    # --- for any thread ----------------------------------------------------------------------------------------------

    def send(self, command: Command) -> None:
        """Send a command to the worker of the run that goes on, if there is one."""
        active = self._active
        if active is not None:
            active.worker.send(command)

    def signal(self, signum: int) -> None:
        """Send a signal to the process group of the run that goes on, on behalf of whoever watches."""
        active = self._active
        if active is not None:
            active.run.signals |= {signum}
            active.worker.signal(signum)
            if signum == signal.SIGINT:
                active.worker.send(WakeMainThread())

    def wait_idle(self, timeout: float) -> bool:
        """Wait until no run goes on; whether that is so."""
        return self._idle.wait(timeout)

    # --- on the supervisor's thread ----------------------------------------------------------------------------------

    def want(self, wanted: RunRequest) -> None:
        """Have a run follow: at once where none goes on, else as soon as that one, which is stopped, has ended."""
        if self._closing:
            return
        if self._wanted is not None:
            self._wanted = self._wanted.merged(wanted)
        else:
            paused = self._active is not None and self._active.run.paused
            self._wanted = RunRequest(wanted.reason, wanted.changed, paused)
        self.prestart()
        self._stop_active()
        if self._active is None:
            self._follow_up()

    def prestart(self) -> None:
        """Start the next run's interpreter, which then waits."""
        if self._next is None and not self._closing:
            try:
                self._next = self._start_worker()
            except OSError:
                pass  # it is tried again, and reported, when the run begins

    def drop_next(self) -> None:
        """End an interpreter that was started in vain."""
        worker, self._next = self._next, None
        if worker is not None and self._wanted is None:
            worker.discard()
            self._orphans.worker_ended(worker.pid)
        else:
            self._next = worker

    def stop(self) -> None:
        """Stop the run that goes on; none follows."""
        self._wanted = None
        self.drop_next()
        self._stop_active()

    def shut(self) -> None:
        """As `stop`, for good."""
        self._closing = True
        self.stop()

    def end_leftovers(self) -> None:
        """End what the script has left running."""
        keep = frozenset({self._next.pid}) if self._next is not None else frozenset()
        self._orphans.end(self._options.stop_times.leftovers, keep)

    def release(self) -> None:
        """Let go of what the session held of the system."""
        self._orphans.release()

    def keep_reaping(self) -> None:
        """Reap orphans that have ended, from now on and again and again."""
        self._orphans.reap()
        if not self._closing:
            self._supervisor.later(REAP_EVERY, self.keep_reaping)

    def _stop_active(self) -> None:
        if self._active is not None:
            if self._active.run.finished is None:
                self._active.run.stopped = True
            self._active.ladder.climb()

    def _start_worker(self) -> WorkerProcess:
        options = self._options
        worker = WorkerProcess.start(
            self._python,
            options.script,
            options.argv,
            self._last_run + 1,
            logs=self._logs,
            interactive=options.interactive,
        )
        self._orphans.worker_started(worker.pid)
        return worker

    def _follow_up(self) -> None:
        wanted, self._wanted = self._wanted, None
        if wanted is not None:
            self._begin(wanted)

    def _begin(self, wanted: RunRequest) -> None:
        run = self._stage.make_run(self._last_run + 1)
        started = RunStarted(
            script=str(self._options.script.absolute()),
            argv=self._options.argv,
            python=self._python,
            engine=ENGINE,
            reason=wanted.reason,
            changed=self._stage.shown_names(wanted.changed),
        )
        forget_bytecode(wanted.changed, os.environ)
        opening = (started, *self._stage.begins(run, wanted))
        worker, self._next = self._next, None
        try:
            worker = worker or self._start_worker()
        except OSError as error:
            self._last_run = run.number
            self._could_not_start(run, opening, error)
            return
        self._last_run = run.number
        start = Start(paused=wanted.paused)
        reader = WorkerReader(
            run,
            worker,
            opening,
            start,
            self._logs,
            on_message=lambda message: self._stage.hears(run, message),
            on_end=lambda: self._reader_ends(run),
        )
        ladder = StopSequence(worker, self._supervisor, self._options.stop_times, reader.abandon)
        self._active = _Active(run, worker, reader, ladder)
        self._idle.clear()
        reader.start()

    def _could_not_start(self, run: Run, opening: Sequence[Event], error: OSError) -> None:
        message = f"{self._python} could not be started: {error.strerror or error}"
        with run.batch():
            for event in opening:
                run.publish(event)
            run.publish(Failure(kind="worker", group="worker:start", exception=type(error).__name__, message=message))
            run.finish(Ending("failed", None, None))
        self._stage.ended(run)

    def _reader_ends(self, run: Run) -> None:
        self._stage.ended(run)
        self._supervisor.post(lambda: self._ended(run))

    def _ended(self, run: Run) -> None:
        active = self._active
        if active is None or active.run is not run:
            return
        active.ladder.leave()
        active.worker.close()
        self._orphans.worker_ended(active.worker.pid)
        self.end_leftovers()
        self._active = None
        if self._wanted is None:
            self._idle.set()
        else:
            self._follow_up()


def stop_seconds(options: SessionOptions) -> float:
    """How long ending a run may take at most."""
    times = options.stop_times
    return times.terminate + times.kill + times.give_up + times.leftovers


def deadline(seconds: float) -> Callable[[], float]:
    """A function that gives the seconds left of `seconds` from now, never less than 0."""
    end = time.monotonic() + seconds
    return lambda: max(0.0, end - time.monotonic())
