"""The session's commands: a thread reads and executes them, and ends the worker when the session is gone."""

from __future__ import annotations

import os
import select
import signal
import threading
import time
from collections.abc import Callable

from sage_runtime.engine.protocol import Engine
from sage_runtime.events import (
    Ack,
    Command,
    EventError,
    Follow,
    Input,
    Inspect,
    Notice,
    Pause,
    Resume,
    RunStateChanged,
    Start,
    Step,
    Stop,
    WakeMainThread,
    decode_command,
)
from sage_runtime.stdlib_internals import die_with_parent
from sage_runtime.worker.event_bus import EventBus
from sage_runtime.worker.faults import end_group, end_with, file_behind
from sage_runtime.worker.stdio.stdin import AskedInput

PIPES_CLOSED = "sage-tui: the script has closed the pipes of its worker, which ends here"
"""What stderr says when there is no way left to tell the session anything."""

_INTERRUPT_SECONDS = 1.0
"""How often a stop interrupts the main thread."""
_SETTLE_SECONDS = 0.3
_WAKE_SIGNAL = signal.SIGURG  # means nothing by itself, and hardly anybody uses it
_WAKE_SECONDS = 0.05
_WAKES = 3
_GRACE_SECONDS = 0.5


class Commands:
    """Executes the session's commands on the thread `sage-commands`; the main thread makes it and reads its state.

    `descriptors` are those of the event pipe and the command pipe. `settled` is called shortly after the start.
    """

    def __init__(
        self,
        bus: EventBus,
        engine: Engine,
        stdin: AskedInput | None,
        descriptors: tuple[int, int],
        settled: Callable[[], None],
    ) -> None:
        self.started = threading.Event()
        self.paused = False
        self.stopping = False
        self._bus = bus
        self._engine = engine
        self._stdin = stdin
        self._descriptors = descriptors
        self._files = self._files_behind()
        self._settled = settled
        self._main = threading.main_thread().ident or 0
        self._may_interrupt = False
        self._lock = threading.RLock()
        self._wakes = 0
        self._gone = False
        self._pipes_closed = False
        signal.signal(_WAKE_SIGNAL, lambda *_: None)

    # --- the main thread ---

    def listen(self) -> None:
        """Start the thread."""
        threading.Thread(target=self._read, name="sage-commands", daemon=True).start()

    def interruptible(self, may: bool) -> None:
        """Set whether a stop raises `KeyboardInterrupt` in the main thread."""
        with self._lock:
            self._may_interrupt = may

    def end_if_alone(self) -> None:
        """At the end of the process: end at once if the pipes or the session are gone."""
        with self._lock:  # both are found out in one go, by another thread
            gone, pipes_closed = self._gone, self._pipes_closed
        if pipes_closed or self._files_behind() != self._files:
            end_with(PIPES_CLOSED)
        if gone:
            end_group()

    # --- the pump, or the commands' thread ---

    def session_gone(self) -> None:
        """The other ends of the pipes are closed: end, in good order if that is quick."""
        with self._lock:
            if self._gone:
                return
            self._gone = True
            self._pipes_closed = self._files_behind() != self._files
        if self._pipes_closed:
            end_with(PIPES_CLOSED)
        threading.Thread(target=self._stop, name="sage-stop", daemon=True).start()
        time.sleep(_GRACE_SECONDS)  # for `atexit` and close hooks; nothing waits for it
        end_group()

    # --- the commands' thread ---

    def _read(self) -> None:
        descriptor = self._descriptors[1]
        rest = b""
        look: float | None = None
        while True:
            try:
                ready = select.select([descriptor], [], [], None if look is None else max(0.0, look - time.monotonic()))
                data = os.read(descriptor, 65536) if ready[0] else None
            except (OSError, ValueError):  # the script has closed it
                data = b""
            if data == b"":
                self.session_gone()
                return
            if data is None:
                seconds = self._look()
                look = None if seconds is None else time.monotonic() + seconds
                continue
            *lines, rest = (rest + data).split(b"\n")
            for line in lines:
                seconds = self._execute(line)
                if seconds is not None:
                    look = time.monotonic() + seconds

    def _look(self) -> float | None:
        """Follow up a command; returns the seconds until the next look."""
        if self.stopping:
            self._interrupt()
            return _INTERRUPT_SECONDS
        if self._wakes:
            self._wakes -= 1
            signal.pthread_kill(self._main, _WAKE_SIGNAL)
            return _WAKE_SECONDS
        die_with_parent()
        self._settled()
        return None

    def _execute(self, line: bytes) -> float | None:
        """Execute a command; returns in how many seconds to follow it up, if at all."""
        try:
            command = decode_command(line)
        except EventError as error:
            self._bus.publish(Notice(level="error", message=f"a command was not understood: {error}"))
            return None
        match command:
            case Start():
                self.paused = command.paused
                self.started.set()
                return _SETTLE_SECONDS
            case Stop():
                self._stop()
                return _INTERRUPT_SECONDS
            case WakeMainThread():
                # Python looks for signals between two steps of a program, and a signal ends a sleep. One that comes
                # between the last look and the sleep does neither until another thread takes the interpreter.
                self._wakes = _WAKES
                return _WAKE_SECONDS
            case _:
                self._pass_on(command)
                return None

    def _pass_on(self, command: Command) -> None:
        match command:
            case Ack():
                self._bus.acknowledge(command.id)
            case Pause():
                self._engine.pause()
                self._bus.publish(RunStateChanged(state="paused"))
            case Resume():
                self._engine.resume()
                self._bus.publish(RunStateChanged(state="running"))
            case Step():
                self._engine.step(command.operator)
            case Inspect():
                self._engine.inspect(command.operators)
            case Follow():
                self._engine.follow(command.operator, command.count)
            case Input() if self._stdin is not None:
                self._stdin.answer(command.line)

    def _stop(self) -> None:
        if self.stopping:
            return
        self.stopping = True
        self._bus.publish(RunStateChanged(state="stopping"))
        self._engine.stop()
        self.started.set()
        self._interrupt()

    def _interrupt(self) -> None:
        """Raise `KeyboardInterrupt` in the main thread if it runs the script or waits for it."""
        with self._lock:
            if self._may_interrupt:
                signal.pthread_kill(self._main, signal.SIGINT)

    def _files_behind(self) -> tuple[object, ...]:
        return tuple(map(file_behind, self._descriptors))
