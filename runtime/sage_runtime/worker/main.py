"""The worker process: one run of a script, watched and steered over two pipes.

The main thread runs the script, the thread `sage-commands` obeys the session, and the bus's pump writes what happens.
`main` is called by the few lines of `launch`.
"""

from __future__ import annotations

import atexit
import logging
import os
import signal
import sys
import threading
from functools import partial
from typing import NoReturn

from sage_runtime import engine, sage_imports
from sage_runtime.events import Event, Goodbye, Hello, Modules, PipelineSubmitted, RunStateChanged
from sage_runtime.stdlib_internals import executors_threads, leave_threads
from sage_runtime.worker.children import Children
from sage_runtime.worker.commands import Commands
from sage_runtime.worker.event_bus import EventBus, pipe_writer
from sage_runtime.worker.faults import FaultLog, out_of_the_way
from sage_runtime.worker.launch import WorkerConfig, decode_config
from sage_runtime.worker.script import Script, exit_status, report
from sage_runtime.worker.stdio.capture import Capture
from sage_runtime.worker.stdio.stdin import AskedInput

_ENGINE = engine.load("threads")  # now, while no module of the script can stand in the way of ours

INTERRUPTED = 130
"""The exit status of a run that an interrupt ended."""

STREAMS_CLOSED = (
    "sage-tui: the script has ended, so the sources of its streams are closed (in the dashboard they go on)"
)
"""What stderr says when streaming pipelines outlive their script outside the dashboard."""

_HOOKS_SECONDS = 1.0
_CLOSE_SECONDS = 10.0


def main(config: str, bare: frozenset[str] = frozenset(sys.modules)) -> NoReturn:
    """Run one script; `config` is a `WorkerConfig` in JSON, `bare` the modules of an interpreter that runs nothing."""
    worker = Worker(decode_config(config), bare)
    sys.exit(worker.run())


class Worker:
    """One run. The main thread makes it and calls `run`; the engine's threads publish."""

    def __init__(self, config: WorkerConfig, bare: frozenset[str]) -> None:
        self._config = config
        self._bare = bare
        events, commands = out_of_the_way(config.events_fd), out_of_the_way(config.commands_fd)
        if signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
            signal.signal(signal.SIGINT, signal.default_int_handler)  # started with it ignored: we must be stoppable
        self._faults = FaultLog(config.logs, config.run)
        at_once = partial(os.write, events)
        self._bus = EventBus(config.run, pipe_writer(events), lost=self._session_gone, at_once=at_once)
        self._capture = Capture(self._bus)
        self._capture.install()
        self._children = Children(self._capture, (events, commands))
        stdin = AskedInput(self._bus) if config.ask_input else None
        if stdin is not None:
            sys.stdin = sys.__stdin__ = stdin.text  # type: ignore[misc]
            self._capture.on_prompt = stdin.expect
        self._engine = _ENGINE(self, logs=config.logs)
        engine.set_current(self._engine)
        sage_imports.install()
        self._commands = Commands(self._bus, self._engine, stdin, (events, commands), self._send_modules)
        self._script = Script(config.script, config.argv)
        self._known: set[str] = set()
        atexit.unregister(logging.shutdown)  # functions registered first run last: `_close` when all else is done
        atexit.register(self._close)
        atexit.register(logging.shutdown)
        self._children.install()

    def run(self) -> int:
        """Wait for `Start`, run the script and its pipelines to their end; the process's exit status."""
        self._known = _module_files()
        self._bus.send(Hello(pid=os.getpid(), python=sys.version.split()[0]))
        self._commands.listen()
        try:
            self._commands.started.wait()
        except KeyboardInterrupt:
            return INTERRUPTED
        if self._commands.stopping:
            return INTERRUPTED
        self._bus.publish(RunStateChanged(state="starting"))
        error = self._run_script()
        if self._children.in_child:
            return self._status(error)
        if error is None:
            error = self._finish()
        status = self._status(error)
        if error is not None:
            self._engine.stop()
            try:
                self._engine.wait(_HOOKS_SECONDS)  # for the close hooks of stopped pipelines
            except KeyboardInterrupt:
                pass
        try:
            self._send_modules()
        except MemoryError:  # the script has left none
            pass
        return status

    def _run_script(self) -> BaseException | None:
        """Run the script; what it raised."""
        try:
            module = self._script.prepare(self._bare)
            code = self._script.compile()
            paused = self._commands.paused
            if paused:
                self._engine.pause()
            self._bus.publish(RunStateChanged(state="paused" if paused else "running"))
            try:
                self._commands.interruptible(True)
                exec(code, module.__dict__)
            finally:
                self._commands.interruptible(False)
        except BaseException as error:  # noqa: BLE001 - the outer edge of the script
            return error
        return None

    def _finish(self) -> BaseException | None:
        """After the script: wait for its threads and its pipelines."""
        try:
            try:
                self._commands.interruptible(True)
                _join_threads()
                if self._close_streams():
                    print(STREAMS_CLOSED, file=sys.stderr)
                if not self._commands.stopping:
                    self._engine.wait()
            finally:
                self._commands.interruptible(False)
        except KeyboardInterrupt as error:
            leave_threads()
            return error
        return KeyboardInterrupt() if self._commands.stopping else None

    def _close_streams(self) -> bool:
        """Close the sources of the streaming pipelines that still run, unless they are to go on."""
        if self._config.keep_streaming:
            return False
        streams = [job for job in self._engine.jobs if job.status == "running" and not job.graph.batch]
        for job in streams:
            job.close_sources()
        return bool(streams)

    def _status(self, error: BaseException | None) -> int:
        """The exit status after `error`, which is printed as Python prints it."""
        stopping = self._commands.stopping
        if error is None:
            return INTERRUPTED if stopping else 0
        if isinstance(error, SystemExit):
            return exit_status(error)
        if isinstance(error, KeyboardInterrupt):
            if not stopping:
                report(error, self._script, None)
            return INTERRUPTED
        if isinstance(error, OSError) and self._script.code is None:
            words = f"can't open file {self._script.path!r}: [Errno {error.errno}] {error.strerror}"
            print(f"{sys.executable}: {words}", file=sys.stderr)
            return 2
        report(error, self._script, None if self._children.in_child else self._bus)
        return 1

    def _close(self) -> None:
        """Close the bus, last of all that Python does at its end."""
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
        self._commands.end_if_alone()

    def publish(self, event: Event) -> None:
        """Take the engine's events. Any thread."""
        self._bus.publish(event)
        if type(event) is PipelineSubmitted:
            self._send_modules()

    def _send_modules(self) -> None:
        files = _module_files() - self._known
        if files:
            self._known |= files
            self._bus.send(Modules(files=tuple(sorted(files))))

    def _session_gone(self) -> None:
        self._commands.session_gone()


def _module_files() -> set[str]:
    files = set()
    for module in list(sys.modules.values()):
        file = getattr(module, "__dict__", {}).get("__file__")
        if type(file) is str:
            files.add(file)
    return files


def _join_threads() -> None:
    """Wait for the script's threads as Python does at its end, but before its pipelines are ended."""
    waiting = True
    while waiting:
        waiting = False
        others = {threading.main_thread(), *executors_threads()}
        for thread in threading.enumerate():
            if not thread.daemon and thread not in others:
                waiting = True
                thread.join()
