"""The worker process: one run of a script, watched and steered over two pipes.

The main thread runs the script; the thread `sage-commands` reads what the session sends; the bus's pump writes what
happens. `main` is called by the few lines of `launch`.
"""

from __future__ import annotations

import atexit
import logging
import os
import select
import signal
import sys
import threading
import time
from functools import partial
from typing import NoReturn

from sage_runtime import engine, sage_imports
from sage_runtime.engine.threads.engine import ThreadEngine
from sage_runtime.events import (
    Ack,
    Command,
    Event,
    EventError,
    Follow,
    Goodbye,
    Hello,
    Input,
    Inspect,
    Modules,
    Notice,
    Pause,
    PipelineSubmitted,
    Resume,
    RunStateChanged,
    Start,
    Step,
    Stop,
    WakeMainThread,
    decode_command,
)
from sage_runtime.worker.children import Children
from sage_runtime.worker.event_bus import EventBus, pipe_writer
from sage_runtime.worker.faults import FaultLog, die_with_parent, end_group, end_with, file_behind, out_of_the_way
from sage_runtime.worker.launch import WorkerConfig, decode_config
from sage_runtime.worker.script import Script
from sage_runtime.worker.script_result import exit_status, report
from sage_runtime.worker.stdio.capture import Capture
from sage_runtime.worker.stdio.stdin import AskedInput

INTERRUPTED = 130
"""The exit status of a run that an interrupt ended."""

STREAMS_CLOSED = (
    "sage-tui: the script has ended, so the sources of its streams are closed (in the dashboard they go on)"
)
"""What stderr says when streaming pipelines outlive their script outside the dashboard."""

PIPES_CLOSED = "sage-tui: the script has closed the pipes of its worker, which ends here"
"""What stderr says when there is no way left to tell the session anything."""

_REPEAT_SECONDS = 1.0
_SETTLE_SECONDS = 0.3
_NUDGE_SIGNAL = signal.SIGURG  # means nothing by itself, and hardly anybody uses it
_NUDGE_SECONDS = 0.05
_NUDGES = 3
_GRACE_SECONDS = 0.5
_HOOKS_SECONDS = 1.0
_CLOSE_SECONDS = 10.0


def main(config: str, bare: frozenset[str] = frozenset(sys.modules)) -> NoReturn:
    """Run one script; `config` is a `WorkerConfig` in JSON, `bare` the modules of an interpreter that runs nothing."""
    worker = Worker(decode_config(config), bare)
    sys.exit(worker.run())


class Worker:
    """One run. The main thread makes it and calls `run`; the commands' thread steers."""

    def __init__(self, config: WorkerConfig, bare: frozenset[str]) -> None:
        self._config = config
        self._bare = bare
        events, commands = out_of_the_way(config.events_fd), out_of_the_way(config.commands_fd)
        self._pipes = (events, commands)
        self._files = tuple(map(file_behind, self._pipes))
        if signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
            signal.signal(signal.SIGINT, signal.default_int_handler)  # started with it ignored: we must be stoppable
        self._faults = FaultLog(config.logs, config.run)
        at_once = partial(os.write, events)
        self._bus = EventBus(config.run, pipe_writer(events), lost=self._session_gone, at_once=at_once)
        self._capture = Capture(self._bus)
        self._capture.install()
        self._children = Children(self._capture, self._pipes)
        self._stdin = AskedInput(self._bus) if config.ask_input else None
        if self._stdin is not None:
            sys.stdin = sys.__stdin__ = self._stdin  # type: ignore[assignment, misc]
            self._capture.on_prompt = self._stdin.expect
        self._runtime = ThreadEngine(self, keep_streaming=config.keep_streaming, logs=config.logs)
        engine.set_current(self._runtime)
        sage_imports.install()
        self._script = Script(config.script, config.argv)
        self._started = threading.Event()
        self._paused = False
        self._stopping = False
        self._nudges = 0
        signal.signal(_NUDGE_SIGNAL, lambda *_: None)
        self._may_interrupt = False
        self._stage = threading.RLock()
        self._main = threading.main_thread()
        self._known: set[str] = set()
        self._gone = False
        self._pipes_closed = False
        self._close_last()
        self._children.install()

    # --- the main thread ---

    def run(self) -> int:
        """Wait for `Start`, run the script and its pipelines to their end; the process's exit status."""
        self._known = _module_files()
        self._bus.send(Hello(pid=os.getpid(), python=sys.version.split()[0]))
        threading.Thread(target=self._read_commands, name="sage-commands", daemon=True).start()
        try:
            self._started.wait()
        except KeyboardInterrupt:
            return INTERRUPTED
        if self._stopping:
            return INTERRUPTED
        self._bus.publish(RunStateChanged(state="starting"))
        error = self._run_script()
        if self._children.in_child:
            return self._status(error)
        if error is None:
            error = self._finish()
        status = self._status(error)
        if error is not None:
            self._runtime.stop()
            self._wait_for_hooks()
        try:
            self._send_modules()
        except MemoryError:  # the script has left none
            pass
        return status

    def _wait_for_hooks(self) -> None:
        """Let the close hooks of stopped pipelines run; a second interrupt ends the wait."""
        try:
            self._runtime.wait(_HOOKS_SECONDS)
        except KeyboardInterrupt:
            pass

    def _run_script(self) -> BaseException | None:
        """Run the script; what it raised."""
        script = self._script
        try:
            module = script.prepare(self._bare)
            code = script.compile()
            if self._paused:
                self._runtime.pause()
            self._bus.publish(RunStateChanged(state="paused" if self._paused else "running"))
            try:
                self._interruptible(True)
                exec(code, module.__dict__)
            finally:
                self._interruptible(False)
        except BaseException as error:  # noqa: BLE001 - the outer edge of the script
            return error
        return None

    def _status(self, error: BaseException | None) -> int:
        """The exit status after `error`, which is told as Python tells it."""
        if error is None:
            return INTERRUPTED if self._stopping else 0
        if isinstance(error, SystemExit):
            return exit_status(error)
        if isinstance(error, KeyboardInterrupt):
            if not self._stopping:
                report(error, self._script, None)
            return INTERRUPTED
        if isinstance(error, OSError) and self._script.code is None:
            words = f"can't open file {self._script.path!r}: [Errno {error.errno}] {error.strerror}"
            print(f"{sys.executable}: {words}", file=sys.stderr)
            return 2
        report(error, self._script, None if self._children.in_child else self._bus)
        return 1

    def _finish(self) -> BaseException | None:
        """After the script: its threads and its pipelines come to their end."""
        try:
            try:
                self._interruptible(True)
                _join_threads()
                if self._close_streams():
                    print(STREAMS_CLOSED, file=sys.stderr)
                if not self._stopping:
                    self._runtime.wait()
            finally:
                self._interruptible(False)
        except KeyboardInterrupt as error:
            _leave_threads()
            return error
        return KeyboardInterrupt() if self._stopping else None

    def _close_streams(self) -> bool:
        """Close the sources of the streaming pipelines that still run, unless they are to go on."""
        if self._config.keep_streaming:
            return False
        streams = [job for job in self._runtime.jobs if job.status == "running" and not job.graph.batch]
        for job in streams:
            job.close_sources()
        return bool(streams)

    def _interruptible(self, may: bool) -> None:
        """From now on a stop raises `KeyboardInterrupt` in the main thread, or no longer does."""
        with self._stage:
            self._may_interrupt = may

    def _close_last(self) -> None:
        """Close the bus when all that Python does at its end is done: functions registered first run last."""
        atexit.unregister(logging.shutdown)
        atexit.register(self._close)
        atexit.register(logging.shutdown)

    def _close(self) -> None:
        if self._children.in_child:
            return
        for name in ("stdout", "stderr"):
            try:
                getattr(sys, name).flush()
            except Exception:  # noqa: BLE001, S110 - the script has put its own there, closed or deleted it
                pass
        self._bus.finish_lines()
        self._capture.release()
        self._bus.send(Goodbye())
        self._bus.close(_CLOSE_SECONDS)
        self._faults.close()
        with self._stage:  # both are found out in one go, by another thread
            gone, pipes_closed = self._gone, self._pipes_closed
        if pipes_closed or self._pipes_are_others():
            end_with(PIPES_CLOSED)
        if gone:
            end_group()

    # --- what the engine publishes ---

    def publish(self, event: Event) -> None:
        """The engine's way to the bus."""
        self._bus.publish(event)
        if type(event) is PipelineSubmitted:
            self._send_modules()

    def _send_modules(self) -> None:
        files = _module_files() - self._known
        if files:
            self._known |= files
            self._bus.send(Modules(files=tuple(sorted(files))))

    # --- the commands' thread ---

    def _read_commands(self) -> None:
        descriptor = self._pipes[1]
        rest = b""
        look: float | None = None
        while True:
            try:
                ready = select.select([descriptor], [], [], None if look is None else max(0.0, look - time.monotonic()))
                data = os.read(descriptor, 65536) if ready[0] else None
            except (OSError, ValueError):  # the script has closed it
                data = b""
            if data == b"":
                self._session_gone()
                return
            if data is None:
                look = self._look_again()
                continue
            lines = (rest + data).split(b"\n")
            rest = lines.pop()
            for line in lines:
                command = self._decode(line)
                if command is not None:
                    self._do(command)
                    if isinstance(command, Start):
                        look = time.monotonic() + _SETTLE_SECONDS
                    elif isinstance(command, Stop):
                        look = time.monotonic() + _REPEAT_SECONDS
                    elif isinstance(command, WakeMainThread):
                        self._nudges = _NUDGES
                        look = time.monotonic() + _NUDGE_SECONDS

    def _look_again(self) -> float | None:
        """Some time after the start, an interrupt or a stop: when to look the next time."""
        if not self._stopping:
            if self._nudges:
                self._nudge()
            if self._nudges:
                return time.monotonic() + _NUDGE_SECONDS
            die_with_parent()
            self._send_modules()
            return None
        self._interrupt()
        return time.monotonic() + _REPEAT_SECONDS

    def _decode(self, line: bytes) -> Command | None:
        try:
            return decode_command(line)
        except EventError as error:
            self._bus.publish(Notice(level="error", message=f"a command was not understood: {error}"))
            return None

    def _do(self, command: Command) -> None:
        match command:
            case Ack():
                self._bus.acknowledge(command.id)
            case Start():
                self._paused = command.paused
                self._started.set()
            case Stop():
                self._stop()
            case Pause():
                self._runtime.pause()
                self._bus.publish(RunStateChanged(state="paused"))
            case Resume():
                self._runtime.resume()
                self._bus.publish(RunStateChanged(state="running"))
            case Step():
                self._runtime.step(command.operator)
            case Inspect():
                self._runtime.inspect(command.operators)
            case Follow():
                self._runtime.follow(command.operator, command.count)
            case Input() if self._stdin is not None:
                self._stdin.answer(command.line)

    def _stop(self) -> None:
        if self._stopping:
            return
        self._stopping = True
        self._bus.publish(RunStateChanged(state="stopping"))
        self._runtime.stop()
        self._started.set()
        self._interrupt()

    def _interrupt(self) -> None:
        """Raise `KeyboardInterrupt` in the main thread where that ends something."""
        with self._stage:
            if self._may_interrupt and self._main.ident is not None:
                signal.pthread_kill(self._main.ident, signal.SIGINT)

    def _nudge(self) -> None:
        """Wake the main thread up: it runs the handlers of the signals that have come, if there are any.

        Python looks for signals between two steps of a program, and a signal ends a sleep. One that comes after the
        last look and before the sleep does neither; with several threads that takes as long as another thread needs to
        take the interpreter.
        """
        self._nudges -= 1
        if self._main.ident is not None:
            signal.pthread_kill(self._main.ident, _NUDGE_SIGNAL)

    def _pipes_are_others(self) -> bool:
        """Whether the script has closed the pipes, or put something else in their place."""
        return tuple(map(file_behind, self._pipes)) != self._files

    def _session_gone(self) -> None:
        """Nobody reads or writes the pipes any more: end, in good order if that is quick. Pump or commands' thread."""
        with self._stage:
            if self._gone:
                return
            self._gone = True
            self._pipes_closed = self._pipes_are_others()
        if self._pipes_closed:
            end_with(PIPES_CLOSED)
        threading.Thread(target=self._stop, name="sage-stop", daemon=True).start()
        time.sleep(_GRACE_SECONDS)  # for `atexit` and close hooks; nothing waits for it
        end_group()


def _module_files() -> set[str]:
    files = set()
    for module in list(sys.modules.values()):
        file = getattr(module, "__dict__", {}).get("__file__")
        if type(file) is str:
            files.add(file)
    return files


def _leave_threads() -> None:
    """Have Python not wait at its end for the script's threads, after an interrupt while it was done here.

    From Python 3.13 on it would begin anew, and one ctrl+c would not be enough any more.
    """
    threading._shutdown = lambda: None  # type: ignore[attr-defined]


def _join_threads() -> None:
    """Wait for the script's threads as Python does at its end, but before its pipelines are ended.

    An executor's threads wait for work until Python tells them to end, which is later.
    """
    futures = sys.modules.get("concurrent.futures.thread")
    processes = sys.modules.get("concurrent.futures.process")
    waiting = True
    while waiting:
        idle = [*getattr(futures, "_threads_queues", ()), *getattr(processes, "_threads_wakeups", ())]
        waiting = False
        for thread in threading.enumerate():
            if thread.daemon or thread is threading.main_thread() or thread in idle:
                continue
            waiting = True
            thread.join()
