"""One run: its events are numbered, folded, written to the journal and the text logs, and passed to listeners."""

from __future__ import annotations

import os
import re
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from sage_runtime.events import (
    Event,
    Failure,
    Message,
    Notice,
    Output,
    ReloadFailed,
    RunFinished,
    RunStarted,
    decode,
    encode,
    replace,
    steady_clock,
)
from sage_tui.journal.lines import LineSource
from sage_tui.journal.writer import JournalWriter
from sage_tui.session.protocol import Listener
from sage_tui.session.run_finalizer import Ending, RunFinalizer
from sage_tui.state.run_state import RunState
from sage_tui.state.series import Span
from sage_tui.state.views import Charts, RunSummary, RunView

LIMIT_BYTES = 256 * 1024 * 1024
"""Past it a log begins anew; what there was is kept as `output.log.1` or `error.log.1`."""


class _TextLog:
    def __init__(self, path: Path) -> None:
        self._path = path
        self._batch: list[bytes] = []
        self._size = 0
        self._fd = self._open()

    def _open(self) -> int:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
        return os.open(self._path, flags, 0o600)

    def add(self, text: str) -> None:
        self._batch.append(_bytes(text))

    def flush(self) -> None:
        if not self._batch:
            return
        data, self._batch = b"".join(self._batch), []
        self._size += len(data)
        left = memoryview(data)
        while left:
            left = left[os.write(self._fd, left) :]
        if self._size > LIMIT_BYTES:
            self.close()
            self._path.replace(self._path.with_name(self._path.name + ".1"))
            self._fd, self._size = self._open(), 0

    def close(self) -> None:
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)


class TextLogs:
    """The two text logs of a session. Called for one event at a time; where they can't be written, they end."""

    def __init__(self, folder: Path | None) -> None:
        self._logs: dict[str, _TextLog] = {}
        if folder is None:
            return
        try:
            for name in ("output", "error"):
                self._logs[name] = _TextLog(folder / f"{name}.log")
        except OSError:
            self.close()

    def note(self, event: Event) -> None:
        """Take an event in; `flush` writes."""
        if not self._logs:
            return
        if isinstance(event, Output):
            log = self._logs["error" if event.stream == "stderr" else "output"]
            log.add(event.text + event.end)
        elif isinstance(event, Failure):
            who = event.source or event.kind
            self._logs["error"].add(f"[{who}] {event.exception}: {event.message}\n{_block(event)}")
        elif isinstance(event, ReloadFailed):
            self._logs["error"].add(f"not reloaded: {event.file}:{event.line}: {event.message}\n")
        elif isinstance(event, RunStarted) and event.run > 1:
            clock = time.strftime("%H:%M:%S", time.localtime(event.t))
            changed = f" ({', '.join(event.changed)})" if event.changed else ""
            rule = f"--- run {event.run}, {clock}, {event.reason}{changed} ---\n"
            for log in self._logs.values():
                log.add(rule)

    def flush(self) -> None:
        """Write what has been noted."""
        try:
            for log in self._logs.values():
                log.flush()
        except OSError:
            self.close()  # the disk is full: the journal says so

    def close(self) -> None:
        """Close both files."""
        logs, self._logs = self._logs, {}
        for log in logs.values():
            log.close()


def _block(event: Failure) -> str:
    record = f"  record: {event.record}\n" if event.record is not None else ""
    text = event.traceback
    return record + (text if not text or text.endswith("\n") else text + "\n")


def _bytes(text: str) -> bytes:
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:  # surrogates that stand for no byte
        return text.encode("utf-8", "backslashreplace")


_SEQ = re.compile(rb'"seq":(\d+)')
_HEADER_BYTES = 256

_SESSION_ONLY = (RunStarted, RunFinished)


def with_seq(line: bytes, seq: int) -> bytes:
    """The event line with another `seq`; the header keys come first in a line."""
    found = _SEQ.search(line, 0, _HEADER_BYTES)
    if found is None:
        event = decode(line)
        return encode(replace(event, seq=seq)) if isinstance(event, Event) else line
    number = b"%d" % seq
    return line if found[1] == number else line[: found.start(1)] + number + line[found.end(1) :]


def without_arguments(event: RunStarted) -> RunStarted:
    """The event as journals and recordings keep it: how many arguments there were, not what they said.

    A command line may hold what is nobody else's business, and recordings are made to be passed on.
    """
    return replace(event, argv=("…",) * len(event.argv))


class Run:
    """A run of the script, from `run_started` to `run_finished`.

    `batch`, `take` and `publish` put events in, one thread at a time (the run's reader mostly); each event is folded
    into the state, appended to the journal and told to the listeners, in this order. Everything else may be asked by
    any thread at any time and never waits for a listener.
    """

    def __init__(
        self, number: int, folder: Path | None, listeners: Sequence[Listener], texts: TextLogs, journal_limit: int
    ) -> None:
        self.number = number
        self.finalizer = RunFinalizer()
        self.finished: RunFinished | None = None
        self.stopped = False
        """Whether it was asked to stop."""
        self.signals: frozenset[int] = frozenset()
        """The signals that viewers have sent to it."""
        self._listeners = listeners
        self._texts = texts
        self._order = threading.RLock()
        self._state_lock = threading.Lock()
        self._state = RunState(number)
        self._depth = 0
        self._next_seq = 0
        self._clock = steady_clock()
        self._began = time.monotonic()
        self._journal = JournalWriter(folder, self._state.to_json, limit=journal_limit)
        self._told_trouble = False

    # --- events in ---------------------------------------------------------------------------------------------------

    @contextmanager
    def batch(self) -> Iterator[None]:
        """Events put in here are written to the journal together, at the end."""
        with self._order:
            self._depth += 1
            try:
                yield
            finally:
                self._depth -= 1
                if self._depth == 0:
                    self._flush()

    def publish(self, event: Event) -> None:
        """Put in an event of the session itself; its header is made here."""
        with self.batch():
            stamped = replace(event, run=self.number, t=self._clock(), worker=0, seq=self._next_seq)
            self._put(encode(stamped), stamped)

    def take(self, line: bytes) -> Message:
        """Put in a line that the worker sent (inside a `batch`), and give what it holds; only events are kept.

        Raises:
            EventError: the line holds neither an event nor a message.
        """
        numbered = with_seq(line, self._next_seq)
        message = decode(numbered)
        if isinstance(message, Event) and not isinstance(message, _SESSION_ONLY):
            self.finalizer.note(message)
            self._put(numbered, message)
        return message

    def _put(self, line: bytes, event: Event) -> None:
        self._next_seq += 1
        kept, kept_line = event, line
        if isinstance(event, RunStarted) and event.argv:
            kept = without_arguments(event)
            kept_line = encode(kept)
        with self._state_lock:
            self._state.apply(kept)
        self._journal.append(kept_line, kept)
        self._texts.note(event)
        if isinstance(event, RunFinished):
            self._flush()  # a listener that hears that the run is over may read all of it
            self.finished = event
        for listener in self._listeners:
            listener(line, event)

    def _flush(self) -> None:
        self._journal.flush()
        self._texts.flush()
        if self._journal.trouble is not None and not self._told_trouble:
            self._told_trouble = True
            self.publish(Notice(level="warning", message=self._journal.trouble))

    def finish(self, ending: Ending, faults: str = "") -> None:
        """Put in the end: the events that the worker could not send, and `run_finished`."""
        with self.batch():
            for event in self.finalizer.finish(ending, self._clock(), faults):
                self.publish(event)
            duration = time.monotonic() - self._began
            errors = self.view().errors
            self.publish(
                RunFinished(
                    status=ending.status,
                    exit_code=ending.exit_code,
                    signal=ending.signal,
                    duration=duration,
                    errors=errors,
                )
            )

    def drop_listeners(self) -> None:
        """Call no listener any more: one of them has failed."""
        self._listeners = ()

    def close(self) -> None:
        """Close the journal; lines and views can still be read."""
        with self._order:
            self._journal.close()

    # --- views out ---------------------------------------------------------------------------------------------------

    def answered(self) -> None:
        """The script gets the line that it has asked for: it waits no longer. Any thread may call this."""
        with self._state_lock:
            self._state.prompt = None

    def view(self) -> RunView:
        """The run now; the identical object while nothing changed."""
        with self._state_lock:
            return self._state.view(self._clock())

    def charts(self, key: str | None, span: Span) -> Charts | None:
        """The past of an operator or a service (`pipeline/name`) or of the run (None)."""
        with self._state_lock:
            return self._state.charts(key, span, self._clock())

    def lines(self, channel: str) -> LineSource:
        """A channel of the run's journal."""
        return self._journal.lines(channel)

    @property
    def paused(self) -> bool:
        """Whether its sources are gated."""
        with self._state_lock:
            return self._state.phase == "paused"


def summary_of(view: RunView, version: int = 0) -> RunSummary:
    """A run in one line; `version` is that of its files, 0 if it isn't known."""
    sources = (o for pipeline in view.pipelines for o in pipeline.operators if o.kind in ("source", "batch"))
    return RunSummary(
        run=view.run,
        reason=view.reason,
        changed=view.changed,
        phase=view.phase,
        started=view.started,
        duration=view.elapsed,
        errors=view.errors,
        version=version,
        records=sum(source.records_out for source in sources),
        exit_code=view.exit_code,
        signal=view.signal,
    )
