"""Which run goes on, which comes next, and how one follows the other."""

from __future__ import annotations

import heapq
import itertools
import signal
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from sage_runtime.events import Command, Event, Failure, Input, Notice, RunStarted, Start, WakeMainThread
from sage_runtime.frozen import Frozen
from sage_tui.session.options import SessionOptions, StopTimes
from sage_tui.session.process.bootstrap import Spawned
from sage_tui.session.process.worker_process import Orphans, WorkerProcess
from sage_tui.session.reload.run_files import RunFiles
from sage_tui.session.run import Run
from sage_tui.session.run_finalizer import Ending
from sage_tui.session.run_history import RunHistory
from sage_tui.session.worker_reader import WorkerReader

ENGINE = "threads"
REAP_EVERY = 1.0
"""Seconds between looks for daemons of the script that have ended and have to be reaped."""


class Timer:
    """Something to be done later; only the supervisor's thread may cancel it."""

    __slots__ = ("action", "cancelled")

    def __init__(self, action: Callable[[], None]) -> None:
        self.action = action
        self.cancelled = False

    def cancel(self) -> None:
        """Don't do it."""
        self.cancelled = True


class Supervisor:
    """The thread on which a session's decisions are made: it does what is posted to it, in order, and what is due.

    It starts the workers and lives as long as the session: on Linux a worker is killed when the *thread* that started
    it ends (`PR_SET_PDEATHSIG`). Any thread may post.
    """

    def __init__(self, name: str) -> None:
        self._due: list[tuple[float, int, Timer]] = []
        self._numbers = itertools.count()
        self._changed = threading.Condition()
        self._closing = False
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._started = False

    def start(self) -> None:
        """Start the thread."""
        self._started = True
        self._thread.start()

    def post(self, action: Callable[[], None]) -> None:
        """Have `action` done soon; after `close`, not at all."""
        self.later(0.0, action)

    def later(self, seconds: float, action: Callable[[], None]) -> Timer:
        """Have `action` done after `seconds`."""
        timer = Timer(action)
        due = time.monotonic() + seconds if seconds > 0 else 0.0
        with self._changed:
            heapq.heappush(self._due, (due, next(self._numbers), timer))
            self._changed.notify()
        return timer

    def call(self, action: Callable[[], None], timeout: float) -> bool:
        """Have `action` done and wait for it; whether it was done within `timeout` seconds. Not from its own thread."""
        done = threading.Event()

        def run() -> None:
            try:
                action()
            finally:
                done.set()

        self.post(run)
        return done.wait(timeout)

    def close(self, timeout: float = 1.0) -> None:
        """End the thread; what is still due is dropped."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        if self._started and threading.current_thread() is not self._thread:
            self._thread.join(timeout)

    def _run(self) -> None:
        while True:
            with self._changed:
                while not self._closing:
                    wait = self._due[0][0] - time.monotonic() if self._due else None
                    if wait is not None and wait <= 0:
                        break
                    self._changed.wait(wait)
                if self._closing:
                    return
                timer = heapq.heappop(self._due)[2]
            if not timer.cancelled:
                timer.action()


class RunRequest(Frozen):
    """The run to come: why, which files have changed, and whether it starts paused."""

    reason: str
    changed: tuple[str, ...] = ()
    paused: bool = False

    def merged(self, later: RunRequest) -> RunRequest:
        """One run for both requests; the first says whether it starts paused."""
        changed = tuple(dict.fromkeys((*self.changed, *later.changed)))
        return RunRequest("reload" if changed else later.reason, changed, self.paused)


class StopSequence:
    """The steps that end one worker: `Stop`, SIGTERM to its process group, SIGKILL, and at last giving up.

    The worker is read meanwhile, so it never stays blocked on a full pipe. The supervisor's thread uses it.
    """

    def __init__(
        self, worker: WorkerProcess, supervisor: Supervisor, times: StopTimes, give_up: Callable[[], None]
    ) -> None:
        self._worker = worker
        self._supervisor = supervisor
        self._times = times
        self._give_up = give_up
        self._timer: Timer | None = None
        self._begun = False

    def begin(self) -> None:
        """Ask the worker to stop, unless that has been done."""
        if not self._begun:
            self._begun = True
            self._worker.stop()
            self._timer = self._supervisor.later(self._times.terminate, self._terminate)

    def end(self) -> None:
        """The worker has ended."""
        self._begun = True
        if self._timer is not None:
            self._timer.cancel()

    def _terminate(self) -> None:
        self._worker.signal(signal.SIGTERM)
        self._worker.signal(signal.SIGCONT)
        self._timer = self._supervisor.later(self._times.kill, self._kill)

    def _kill(self) -> None:
        self._worker.signal(signal.SIGKILL)
        self._timer = self._supervisor.later(self._times.give_up, self._give_up)


class _Active(NamedTuple):
    run: Run
    worker: WorkerProcess
    reader: WorkerReader
    stopping: StopSequence


class RunControl:
    """Starts, stops and follows up runs; there are at most two worker processes, one that ends and one that waits.

    The public methods are for any thread; decisions are made on a thread of its own, the supervisor's. It tells
    `history` and `files` when a run begins and ends, and never asks them what to do.

    Args:
        spawned: the interpreter of the first run, where it has been started already.
        trouble: what the first run has to tell people about the session.
    """

    def __init__(
        self,
        options: SessionOptions,
        python: str,
        logs: Path | None,
        history: RunHistory,
        files: RunFiles,
        *,
        spawned: Spawned | None = None,
        trouble: str | None = None,
    ) -> None:
        self._options = options
        self._python = python
        self._logs = logs
        self._history = history
        self._files = files
        self._trouble = trouble
        self._supervisor = Supervisor("sage-tui supervisor")
        self._orphans = Orphans()
        self._active: _Active | None = None
        self._next = WorkerProcess(spawned) if spawned is not None else None
        if self._next is not None:
            self._orphans.worker_started(self._next.pid)
        self._requested: RunRequest | None = None
        self._last_run = 0
        self._started = False
        self._closing = False
        self._idle = threading.Event()
        self._idle.set()

    # --- for any thread ----------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Start the supervisor's thread."""
        self._started = True
        self._supervisor.start()
        self._supervisor.post(self._keep_reaping)

    def post(self, action: Callable[[], None]) -> None:
        """Have something done on the supervisor's thread, after what has been asked for so far."""
        self._supervisor.post(action)

    def request(self, request: RunRequest) -> None:
        """Have a run follow: at once if none is active, otherwise once that one, which is stopped, has ended."""
        self._supervisor.post(lambda: self._request(request))

    def prepare(self) -> None:
        """Start the interpreter of a run that is likely to be requested."""
        self._supervisor.post(self._prepare)

    def drop_prepared(self) -> None:
        """End an interpreter that was started in vain."""
        self._supervisor.post(self._drop_prepared)

    def stop(self) -> None:
        """Stop the active run; none follows."""
        self._supervisor.post(self._stop)

    def send(self, command: Command) -> None:
        """Send a command to the worker of the active run, if there is one."""
        active = self._active
        if active is not None:
            if isinstance(command, Input):
                active.run.answered()  # before the script can ask again
            active.worker.send(command)

    def signal(self, signum: int) -> None:
        """Send a signal to the process group of the active run, on behalf of a viewer."""
        active = self._active
        if active is not None:
            active.run.signals |= {signum}
            active.worker.signal(signum)
            if signum == signal.SIGINT:
                active.worker.send(WakeMainThread())

    def close(self) -> None:
        """Stop for good, end what the script has left running, and let go of what is held of the system."""
        if self._started:
            left = deadline(stop_seconds(self._options) + 0.5)
            self._supervisor.post(self._shut)
            self._supervisor.call(lambda: None, left())
            self._idle.wait(left())
            self._supervisor.call(self._end_leftovers, 1.0)
        else:
            self._drop_prepared()
        self._supervisor.close()
        self._orphans.release()

    # --- on the supervisor's thread ----------------------------------------------------------------------------------

    def _request(self, request: RunRequest) -> None:
        if self._closing:
            return
        if self._requested is not None:
            self._requested = self._requested.merged(request)
        else:
            paused = self._active is not None and self._active.run.paused
            self._requested = RunRequest(request.reason, request.changed, paused)
        self._prepare()
        self._stop_active()
        if self._active is None:
            self._follow_up()

    def _prepare(self) -> None:
        if self._next is None and not self._closing:
            try:
                self._next = self._start_worker()
            except OSError:
                pass  # it is tried again, and reported, when the run begins

    def _drop_prepared(self) -> None:
        worker = self._next
        if worker is not None and self._requested is None:
            self._next = None
            worker.discard()
            self._orphans.worker_ended(worker.pid)

    def _stop(self) -> None:
        self._requested = None
        self._drop_prepared()
        self._stop_active()

    def _shut(self) -> None:
        self._closing = True
        self._stop()

    def _end_leftovers(self) -> None:
        """End what the script has left running."""
        keep = frozenset({self._next.pid}) if self._next is not None else frozenset()
        self._orphans.end(self._options.stop_times.leftovers, keep)

    def _keep_reaping(self) -> None:
        """Reap orphans that have ended, from now on."""
        self._orphans.reap()
        if not self._closing:
            self._supervisor.later(REAP_EVERY, self._keep_reaping)

    def _stop_active(self) -> None:
        if self._active is not None:
            if self._active.run.finished is None:
                self._active.run.stopped = True
            self._active.stopping.begin()

    def _start_worker(self) -> WorkerProcess:
        options, run = self._options, self._last_run + 1
        worker = WorkerProcess.start(
            self._python, options.script, options.argv, run, logs=self._logs, interactive=options.interactive
        )
        self._orphans.worker_started(worker.pid)
        return worker

    def _follow_up(self) -> None:
        request, self._requested = self._requested, None
        if request is not None:
            self._begin(request)

    def _begin(self, request: RunRequest) -> None:
        number = self._last_run + 1
        notices = self._files.begin_run(number, request.reason, request.changed)
        run = self._history.begin_run(number)
        started = RunStarted(
            script=str(self._options.script.absolute()),
            argv=self._options.argv,
            python=self._python,
            engine=ENGINE,
            reason=request.reason,
            changed=tuple(map(self._files.shown_name, request.changed)),
        )
        if self._trouble is not None:
            notices.insert(0, Notice(level="warning", message=self._trouble))
            self._trouble = None
        opening = (started, *notices)
        worker, self._next = self._next, None
        try:
            worker = worker or self._start_worker()
        except OSError as error:
            self._last_run = number
            self._could_not_start(run, opening, error)
            return
        self._last_run = number
        reader = WorkerReader(
            run,
            worker,
            opening,
            Start(paused=request.paused),
            self._logs,
            on_message=lambda message: self._files.hear(run, message),
            on_end=lambda: self._reader_ends(run),
        )
        stopping = StopSequence(worker, self._supervisor, self._options.stop_times, reader.abandon)
        self._active = _Active(run, worker, reader, stopping)
        self._idle.clear()
        reader.start()

    def _could_not_start(self, run: Run, opening: Sequence[Event], error: OSError) -> None:
        message = f"{self._python} could not be started: {error.strerror or error}"
        with run.batch():
            for event in opening:
                run.publish(event)
            run.publish(Failure(kind="worker", group="worker:start", exception=type(error).__name__, message=message))
            run.finish(Ending("failed", None, None))
        self._tell_end(run)

    def _tell_end(self, run: Run) -> None:
        self._files.end_run(run)
        self._history.end_run()

    def _reader_ends(self, run: Run) -> None:
        """The run is over and `run_finished` is in its journal; called on the reader's thread."""
        self._tell_end(run)
        self._supervisor.post(lambda: self._ended(run))

    def _ended(self, run: Run) -> None:
        active = self._active
        if active is None or active.run is not run:
            return
        active.stopping.end()
        active.worker.close()
        self._orphans.worker_ended(active.worker.pid)
        self._end_leftovers()
        self._active = None
        if self._requested is None:
            self._idle.set()
        else:
            self._follow_up()


def stop_seconds(options: SessionOptions) -> float:
    """The longest that ending a run may take."""
    times = options.stop_times
    return times.terminate + times.kill + times.give_up + times.leftovers


def deadline(seconds: float) -> Callable[[], float]:
    """A function that gives the seconds left of `seconds` from now, never less than 0."""
    end = time.monotonic() + seconds
    return lambda: max(0.0, end - time.monotonic())
