"""Reading everything a worker sends, in order and to its end."""

from __future__ import annotations

import codecs
import os
import re
import selectors
import signal
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from sage_runtime.events import (
    MAX_LINE_BYTES,
    MAX_TEXT,
    Ack,
    Event,
    EventError,
    Failure,
    Flush,
    Message,
    Notice,
    Output,
    Start,
)
from sage_tui.session.process.bootstrap import EVENT_PIPE_BYTES, RAW_PIPE_BYTES
from sage_tui.session.process.worker_process import WorkerProcess, watch_exit
from sage_tui.session.run import Run
from sage_tui.session.run_finalizer import Ending, first_crash, read_faults

UNFINISHED_AFTER = 0.05
"""Seconds after which an unfinished line is sent."""


_RETURN = re.compile(r"\r(?!\n)")
"""Where a line goes back to be overwritten: a progress bar."""


class RawOutput:
    """Turns the bytes of one descriptor into output texts without losing one. The reader's thread uses it.

    Whole lines are sent at once, several in one event, and so is each state of a line that is overwritten; a line that
    isn't finished after `UNFINISHED_AFTER` is sent as it is, never in the middle of a UTF-8 sequence. Bytes that aren't
    UTF-8 become lone surrogates, as everywhere.
    """

    def __init__(
        self, stream: str, emit: Callable[[Output], None], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._stream = stream
        self._emit = emit
        self._clock = clock
        self._decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
        self._rest = ""
        self._since = 0.0

    def feed(self, data: bytes) -> None:
        """Take bytes as they were read."""
        text = self._rest + self._decoder.decode(data)
        cut = max(text.rfind("\n"), text.rfind("\r", 0, len(text) - 1)) + 1  # a last \r may be half of a \r\n
        if len(text) - cut > MAX_TEXT:
            cut = len(text)
        if cut or not self._rest:
            self._since = self._clock()
        self._send(text[:cut])
        self._rest = text[cut:]

    def wait(self) -> float | None:
        """Seconds until an unfinished line is due; None if there is none."""
        if not self._rest:
            return None
        return max(0.0, self._since + UNFINISHED_AFTER - self._clock())

    def flush_due(self) -> None:
        """Send the unfinished line if it has waited long enough."""
        if self._rest and self._clock() >= self._since + UNFINISHED_AFTER:
            self.flush()

    def flush(self, *, final: bool = False) -> None:
        """Send the unfinished line now; `final`: also bytes that should have become a character."""
        if final:
            self._rest += self._decoder.decode(b"", final=True)
        text, self._rest = self._rest, ""
        self._send(text)

    def _send(self, text: str) -> None:
        start = 0
        for found in _RETURN.finditer(text):
            self._send_block(text[start : found.start()], "\r")
            start = found.end()
        if text.endswith("\n"):
            self._send_block(text[start:-1], "\n")
        elif start < len(text):
            self._send_block(text[start:], "")

    def _send_block(self, text: str, end: str) -> None:
        """Send lines of which the last one ends in `end`; as many in one event as fit."""
        start = 0
        while start < len(text) and (end != "\n" or len(text) - start > MAX_TEXT):
            stop = text.rfind("\n", start, start + MAX_TEXT + 1)
            if stop < 0:
                if len(text) - start <= MAX_TEXT:
                    break
                self._output(text[start : start + MAX_TEXT], "")
                start += MAX_TEXT
            else:
                self._output(text[start:stop], "\n")
                start = stop + 1
        if start < len(text) or end:
            self._output(text[start:], end)

    def _output(self, text: str, end: str) -> None:
        self._emit(Output(stream=self._stream, text=text, end=end))


CHUNK = 256 * 1024
LAST_BYTES = 2 * max(EVENT_PIPE_BYTES, RAW_PIPE_BYTES)
"""After the worker's end no more than this is read from a descriptor: all that it can have left in its pipe.

A process that it left behind may go on writing for ever."""

_COMMANDS = "commands"
_EXIT = "exit"
_WAKE = "wake"


class WorkerReader:
    """The thread that reads one run's worker, from `Start` until the process is reaped and its pipes are empty.

    It waits for nobody but the listeners of the run. In every round the event pipe is read first, then the raw
    descriptors until they are empty, and only then the events are put in: what a child process printed before the
    worker's next event comes before it.

    Args:
        run: where the events go.
        worker: a worker that waits for `Start`.
        opening: events of the session that the run begins with.
        start: the command that starts the script.
        logs: the session's folder, where `faulthandler` writes.
        on_message: told of what is no event: `Hello`, `Modules`.
        on_end: called at the end, on this thread, once `run_finished` has been put in.
    """

    def __init__(
        self,
        run: Run,
        worker: WorkerProcess,
        opening: Sequence[Event],
        start: Start,
        logs: Path | None,
        on_message: Callable[[Message], None],
        on_end: Callable[[], None],
    ) -> None:
        self._run_, self._worker = run, worker
        self._opening, self._start = opening, start
        self._logs = logs
        self._on_message, self._on_end = on_message, on_end
        self._raw = {
            worker.stdout_fd: RawOutput("stdout", self._emit),
            worker.stderr_fd: RawOutput("stderr", self._emit),
        }
        self._selector = selectors.DefaultSelector()
        self._rest = b""
        self._garbage = False
        self._abandoned = False
        self._wake_lock = threading.Lock()
        self._waking, self._wake_write = os.pipe()
        os.set_blocking(self._waking, False)
        os.set_blocking(self._wake_write, False)
        self._thread = threading.Thread(target=self._main, name=f"sage-tui run {run.number}", daemon=True)

    def start(self) -> None:
        """Start the thread, and with it the script."""
        self._thread.start()

    def join(self, timeout: float) -> bool:
        """Wait for the thread; whether it has ended."""
        self._thread.join(timeout)
        return not self._thread.is_alive()

    def abandon(self) -> None:
        """Finish the run although the process can't be ended (any thread)."""
        self._abandoned = True
        self._wake()

    def _wake(self) -> None:
        with self._wake_lock:
            if self._wake_write >= 0:
                try:
                    os.write(self._wake_write, b".")
                except BlockingIOError:
                    pass  # it will wake up anyway

    # --- the thread --------------------------------------------------------------------------------------------------

    def _main(self) -> None:
        try:
            with self._run_.batch():
                for event in self._opening:
                    self._run_.publish(event)
            self._worker.on_outbox = self._wake
            self._worker.send(self._start)
            self._read_all()
            ending = self._reap()
            faults = read_faults(self._logs, self._run_.number)
            self._run_.finish(first_crash(ending, faults), faults)
        except Exception as error:  # noqa: BLE001 - the thread's outer edge: the run must end all the same
            self._fail(error)
        finally:
            self._selector.close()
            with self._wake_lock:
                os.close(self._waking)
                os.close(self._wake_write)
                self._wake_write = -1
            self._on_end()

    def _fail(self, error: Exception) -> None:
        """End the run because reading it failed: a listener raised, or we have a bug."""
        self._worker.signal(signal.SIGKILL)
        self._worker.reap()
        if self._run_.finished is None:
            message = f"sage-tui could not continue reading the run: {type(error).__name__}: {error}"
            self._run_.drop_listeners()
            self._run_.publish(Failure(kind="worker", group="worker:reader", exception="reader", message=message))
            self._run_.finish(Ending("failed", None, None))

    def _read_all(self) -> None:
        worker = self._worker
        for fd in (worker.events_fd, worker.stdout_fd, worker.stderr_fd):
            self._selector.register(fd, selectors.EVENT_READ, fd)
        self._selector.register(self._waking, selectors.EVENT_READ, _WAKE)
        exit_watch = watch_exit(worker.pid)
        self._selector.register(exit_watch, selectors.EVENT_READ, _EXIT)
        try:
            ended = False
            while not ended and not self._abandoned:
                ready = {key.data for key, _ in self._selector.select(self._patience())}
                ended = _EXIT in ready
                self._serve_commands(ready)
                self._round(worker.events_fd in ready)
            for _ in range(max(1, LAST_BYTES // CHUNK)):
                if not self._round(True):
                    break
        finally:
            exit_watch.close()
        with self._run_.batch():
            for raw in self._raw.values():
                raw.flush(final=True)

    def _patience(self) -> float | None:
        waits = [wait for raw in self._raw.values() if (wait := raw.wait()) is not None]
        return min(waits) if waits else None

    def _serve_commands(self, ready: set[object]) -> None:
        if _WAKE in ready:
            _drain(self._waking)
        if _WAKE in ready or _COMMANDS in ready:
            registered = any(key.data == _COMMANDS for key in self._selector.get_map().values())
            left = self._worker.flush_outbox()
            if left and not registered:
                self._selector.register(self._worker.commands_fd, selectors.EVENT_WRITE, _COMMANDS)
            elif registered and not left:
                self._selector.unregister(self._worker.commands_fd)

    def _round(self, events: bool) -> bool:
        """Read what there is and put it in; whether there was anything."""
        data = self._read(self._worker.events_fd) if events else b""
        with self._run_.batch():
            anything = self._drain_raw() or bool(data)
            if data:
                self._put_lines(data)
            for raw in self._raw.values():
                raw.flush_due()
        return anything

    def _drain_raw(self) -> bool:
        anything = False
        for fd, raw in self._raw.items():
            room = LAST_BYTES
            while room > 0 and (data := self._read(fd)):
                raw.feed(data)
                room -= len(data)
                anything = True
        return anything

    def _read(self, fd: int) -> bytes:
        """What can be read at once, `CHUNK` bytes at most; at the end-of-file the descriptor is watched no longer."""
        try:
            data = os.read(fd, CHUNK)
        except BlockingIOError:
            return b""
        if not data and fd in self._selector.get_map():
            self._selector.unregister(fd)
        return data

    def _emit(self, event: Output) -> None:
        self._run_.publish(event)

    def _put_lines(self, data: bytes) -> None:
        lines = (self._rest + data).split(b"\n")
        self._rest = lines.pop()
        if len(self._rest) > MAX_LINE_BYTES:
            self._rest = b""
            self._note_garbage(f"a line of more than {MAX_LINE_BYTES} bytes")
        for line in lines:
            try:
                message = self._run_.take(line + b"\n")
            except EventError as error:
                self._note_garbage(str(error))
                continue
            if isinstance(message, Flush):
                self._worker.send(Ack(message.id))
            elif not isinstance(message, Event):
                self._run_.finalizer.hear(message)
                self._on_message(message)

    def _note_garbage(self, what: str) -> None:
        if not self._garbage:
            self._garbage = True
            self._run_.publish(
                Notice(level="warning", message=f"the worker's event pipe carried something other than events: {what}")
            )

    def _reap(self) -> Ending:
        run = self._run_
        if self._abandoned:
            return run.finalizer.judge(None, stopped=run.stopped, signals=run.signals)
        return run.finalizer.judge(self._worker.reap(), stopped=run.stopped, signals=run.signals)


def _drain(fd: int) -> None:
    try:
        while os.read(fd, 4096):
            pass
    except BlockingIOError:
        pass
