"""The event bus of a worker: any thread publishes, one pump thread numbers, encodes and writes the event pipe.

What is published goes into one deque; appending to it is a single step of the interpreter, so publishing takes no lock
and is safe in signal handlers and finalizers. The order of the deque is the order of the run: the pump counts `seq`
as it takes events out. Publishers wait while the deque is over its bound, as a program waits on a terminal that does
not read.

Output arrives as pieces (`Piece`); the pump joins neighbours of the same origin into one `output` event.
"""

from __future__ import annotations

import os
import threading
import time
from collections import deque
from collections.abc import Callable
from json import encoder as _json
from typing import NamedTuple, Protocol
from weakref import WeakSet

from sage_runtime.events import MAX_TEXT, Event, Flush, Hello, Modules, Notice, encode, encode_stamped

UNFINISHED_SECONDS = 0.05
"""How long an unfinished line waits for its rest before it is sent as it is."""

_TICK_SECONDS = 0.005
_LATE_SECONDS = 0.1
_MOST_ITEMS = 8192
_MOST_CHARACTERS = 4 * 1024 * 1024
_WRITE_BYTES = 256 * 1024


class Publisher(Protocol):
    """Where the engine's events go."""

    def publish(self, event: Event) -> None:
        """Take an event, on any thread; may wait while the reader is behind."""


class Origin(NamedTuple):
    """Whose output it is: one of these for each source and stream."""

    stream: str
    pipeline: str | None
    source: str | None


class Piece(NamedTuple):
    """A piece of output: whole lines, or the unfinished end of one."""

    t: float
    origin: Origin
    text: str


class Unfinished(Protocol):
    """Text on its way to a whole line; `began` is when, in seconds of `time.monotonic`, None if there is none."""

    began: float | None

    def finish(self) -> None:
        """Send it as it is. Any thread."""


class Deferred(Protocol):
    """A thread that prints so much that its text reaches the bus in large pieces, or when it is asked for.

    A `write` that was handed out in that time still works later; its text is then fetched a little late.
    """

    def settle(self) -> bool:
        """Hand over what has been written so far; whether there was any. Any thread."""

    def retire(self) -> None:
        """Every write is handed over by itself again. Any thread."""


class _Published(NamedTuple):
    t: float
    event: Event


class _Mark:
    """A place in the stream that somebody waits for."""

    __slots__ = ("acknowledged", "reached")

    def __init__(self, acknowledged: bool) -> None:
        self.acknowledged = acknowledged
        self.reached = threading.Event()


class _Stop:
    """The end of the stream: the pump returns."""


_Item = Piece | _Published | _Mark | Hello | Modules | _Stop


def pipe_writer(descriptor: int) -> Callable[[bytes], None]:
    """A function that writes all of its bytes to a descriptor, however long the reader takes."""

    def write(data: bytes) -> None:
        written = os.write(descriptor, data)
        if written < len(data):
            view = memoryview(data)
            while written < len(data):
                written += os.write(descriptor, view[written:])

    return write


class EventBus:
    """One a worker process. Every method may be called on any thread; `acknowledge` on the thread that reads commands.

    `write` blocks until it has written all its bytes; when it raises `OSError` the session is gone: what is published
    from then on is dropped, nobody waits any more, and `lost` is called once, on the pump's thread.
    """

    def __init__(
        self,
        run: int,
        write: Callable[[bytes], None],
        *,
        clock: Callable[[], float] = time.time,
        lost: Callable[[], None] = lambda: None,
    ) -> None:
        self.clock = clock
        self.deferred: Deferred | None = None
        self._ever_deferred: WeakSet[Deferred] = WeakSet()
        self._write = write
        self._lost = lost
        self._queue: deque[_Item] = deque()
        self._room = threading.Condition()
        self._waiting_for_room = 0
        self._asleep = False
        self._wake_up = threading.Lock()
        self._wake_up.acquire()
        self._settled = 0.0
        self._unfinished: dict[int, Unfinished] = {}
        self._marks: dict[int, _Mark] = {}
        self._encoder = _Encoder(run)
        self._open = True
        self._pump = threading.Thread(target=self._run, name="sage-bus", daemon=True)
        self._pump.start()

    # --- what publishers call ---

    def publish(self, event: Event) -> None:
        """Take an event; its `run`, `t`, `worker` and `seq` are filled in. Waits while too much is under way."""
        deferred = self.deferred
        if deferred is not None:
            deferred.settle()
        self._put(_Published(self.clock(), event))
        self.wait_for_room(0)

    def send(self, message: Hello | Modules) -> None:
        """Take a message that is no event, in order with the events."""
        self._put(message)

    def put_text(self, origin: Origin, text: str) -> None:
        """Take a piece of output without waiting; the writing thread then calls `wait_for_room`."""
        self._put(Piece(self.clock(), origin, text))

    def put_deferred(self, origin: Origin, text: str) -> None:
        """The same for the `deferred` thread: the pump looks by itself, so it is not woken."""
        if self._open:
            self._queue.append(Piece(self.clock(), origin, text))

    def wait_for_room(self, size: int) -> None:
        """Wait while the queue is so long that another text of `size` characters should not be in it."""
        most = _MOST_ITEMS if size <= 512 else max(4, _MOST_CHARACTERS // size)
        if len(self._queue) <= most or threading.current_thread() is self._pump:
            return
        with self._room:
            self._waiting_for_room += 1
            try:
                while len(self._queue) > most and self._open:
                    self._wake()
                    self._room.wait()
            finally:
                self._waiting_for_room -= 1

    def await_rest(self, line: Unfinished) -> None:
        """Have an unfinished line sent if its rest does not come in time."""
        if id(line) not in self._unfinished:
            self._unfinished[id(line)] = line
            if self._asleep:
                self._wake()

    def defer(self, writer: Deferred) -> None:
        """From now on `writer` hands its text over when it is asked to. There is one such writer at a time."""
        self._ever_deferred.add(writer)
        self.deferred = writer
        if self._asleep:
            self._wake()

    def finish_lines(self) -> None:
        """Send every unfinished line as it is."""
        self._settle()
        for line in list(self._unfinished.values()):
            line.finish()

    def flush(self, *, acknowledged: bool = False, timeout: float = 10.0) -> None:
        """Return when all published so far is written, or, `acknowledged`, has been read by the session.

        Unfinished lines stay. Gives up after `timeout` seconds or when the session is gone.
        """
        self._settle()
        if not self._open or threading.current_thread() is self._pump:
            return
        mark = _Mark(acknowledged)
        self._put(mark)
        if not self._open:
            return
        mark.reached.wait(timeout)

    def acknowledge(self, id: int) -> None:  # noqa: A002 - the field's name
        """The session has read everything before the `Flush` of this id."""
        mark = self._marks.pop(id, None)
        if mark is not None:
            mark.reached.set()

    def close(self, timeout: float = 10.0) -> None:
        """Write all that was published, then take no more."""
        self.finish_lines()
        if self._open:
            self._put(_Stop())
            self._pump.join(timeout)
        self._give_up()

    def abandon(self) -> None:
        """In a forked child, where no pump runs: forget everything and drop what is published."""
        self._open = False
        self.deferred = None
        self._ever_deferred.clear()
        self._queue.clear()
        self._unfinished.clear()

    def _settle(self) -> None:
        for writer in list(self._ever_deferred):
            writer.settle()

    def _put(self, item: _Item) -> None:
        if self._open:
            self._queue.append(item)
            if self._asleep:
                self._wake()

    def _wake(self) -> None:
        self._asleep = False
        try:
            self._wake_up.release()
        except RuntimeError:  # somebody else has just done so
            pass

    # --- the pump ---

    def _run(self) -> None:
        try:
            while self._pump_once():
                pass
        except OSError:
            self._give_up()
            self._lost()
        finally:
            self._give_up()

    def _pump_once(self) -> bool:
        """Wait for work, take a round of it and write it; false after the end of the stream."""
        seconds = self._look_around()
        if not self._queue:
            self._sleep(seconds)
        chunks: list[bytes] = []
        size = 0
        go_on = True
        for _ in range(_MOST_ITEMS):
            try:
                item = self._queue.popleft()
            except IndexError:
                break
            encoded = self._encoder.output(item, self._queue) if type(item) is Piece else self._encode(item)
            if encoded is None:
                self._pass(item, chunks)
                size = 0
                go_on = type(item) is not _Stop
                if not go_on:
                    break
                continue
            chunks.append(encoded)
            size += len(encoded)
            if size >= _WRITE_BYTES:
                self._write(b"".join(chunks))
                chunks.clear()
                size = 0
        if self._waiting_for_room:
            with self._room:
                self._room.notify_all()
        if chunks:
            self._write(b"".join(chunks))
        return go_on

    def _encode(self, item: _Item) -> bytes | None:
        if type(item) is _Published:
            return self._encoder.event(item)
        return encode(item) if isinstance(item, Hello | Modules) else None

    def _pass(self, item: _Item, chunks: list[bytes]) -> None:
        """Write what came before a mark, and tell who waits there."""
        number = self._encoder.count_flush()
        if type(item) is _Mark:
            self._marks[number] = item
            if item.acknowledged:
                chunks.append(encode(Flush(number)))
        if chunks:
            self._write(b"".join(chunks))
            chunks.clear()
        if type(item) is _Mark and not item.acknowledged:
            self.acknowledge(number)

    def _look_around(self) -> float | None:
        """Fetch deferred text and send overdue lines; the seconds until the next look, None if nothing is awaited."""
        wait = None
        now = time.monotonic()
        deferred = self.deferred
        if deferred is not None:
            wait = self._settled + _TICK_SECONDS - now
            if wait <= 0:
                wait, self._settled = _TICK_SECONDS, now
                if not deferred.settle():
                    deferred.retire()
        elif self._ever_deferred:  # somebody may have kept its deferred `write`
            wait = self._settled + _LATE_SECONDS - now
            if wait <= 0:
                wait, self._settled = _LATE_SECONDS, now
                self._settle()
        for key, line in list(self._unfinished.items()):
            began = line.began
            left = 0.0 if began is None else began + UNFINISHED_SECONDS - now
            if left > 0:
                wait = left if wait is None else min(wait, left)
                continue
            self._unfinished.pop(key, None)
            if began is not None:
                line.finish()
            if line.began is not None:  # begun just now, when it was still listed
                self._unfinished[key] = line
                wait = UNFINISHED_SECONDS if wait is None else wait
        return wait

    def _sleep(self, seconds: float | None) -> None:
        self._asleep = True
        if not self._queue:
            self._wake_up.acquire(timeout=-1 if seconds is None else seconds)
        self._asleep = False

    def _give_up(self) -> None:
        self._open = False
        for mark in [item for item in list(self._queue) if type(item) is _Mark] + list(self._marks.values()):
            mark.reached.set()
        self._queue.clear()
        with self._room:
            self._room.notify_all()


class _Encoder:
    """Numbers events and makes their lines. The pump's alone."""

    def __init__(self, run: int) -> None:
        self._run = run
        self._seq = 0
        self._flushes = 0
        self._origins: dict[Origin, str] = {}

    def count_flush(self) -> int:
        self._flushes += 1
        return self._flushes

    def event(self, item: _Published) -> bytes:
        self._seq += 1
        event = item.event
        try:
            return encode_stamped(event, run=self._run, t=item.t, worker=0, seq=self._seq)
        except (TypeError, ValueError, RecursionError, AttributeError) as error:
            notice = Notice(level="error", message=f"a {event.type} event could not be sent: {error}")
            return encode_stamped(notice, run=self._run, t=item.t, worker=0, seq=self._seq)

    def output(self, first: Piece, queue: deque[_Item]) -> bytes:
        """The events of a piece of output and of the pieces of the same origin that follow it in the queue."""
        text, origin = first.text, first.origin
        size = len(text)
        if size < MAX_TEXT and queue:
            texts = [text]
            while size < MAX_TEXT and queue:
                following = queue[0]
                if type(following) is not Piece or following.origin != origin:
                    break
                queue.popleft()
                texts.append(following.text)
                size += len(following.text)
            text = "".join(texts)
        if size <= MAX_TEXT and "\r" not in text:
            return self._line(first.t, origin, text)
        return b"".join([self._line(first.t, origin, part) for part in _parts(text)])

    def _line(self, t: float, origin: Origin, text: str) -> bytes:
        """What `encode` gives for this `Output`, without the detour."""
        self._seq += 1
        end = '""'
        if text.endswith("\n"):
            text, end = text[:-1], r'"\n"'
        elif text.endswith("\r"):
            text, end = text[:-1], r'"\r"'
        named = self._origins.get(origin)
        if named is None:
            fields = (_json_text(part) for part in (origin.pipeline, origin.stream, origin.source))
            named = self._origins[origin] = '"pipeline":{},"stream":{},"source":{}'.format(*fields)
        head = f'{{"type":"output","run":{self._run},"t":{t!r},"worker":0,"seq":{self._seq},{named},"text":'
        try:
            return f'{head}{_json.encode_basestring(text)},"end":{end}}}\n'.encode()
        except UnicodeEncodeError:  # a lone surrogate stands for an undecodable byte
            return f'{head}{_json.encode_basestring_ascii(text)},"end":{end}}}\n'.encode()


def _json_text(text: str | None) -> str:
    return "null" if text is None else _json.encode_basestring_ascii(text)


def _parts(text: str) -> list[str]:
    """The text in one part for each event: `MAX_TEXT` at most, and cut around lines that overwrite themselves."""
    parts = []
    for part in _updates(text) if "\r" in text else [text]:
        start = 0
        while len(part) - start > MAX_TEXT:
            stop = start + MAX_TEXT
            cut = part.rfind("\n", start, stop) + 1 or stop
            if part[cut - 1] == "\r":
                cut -= 1
            parts.append(part[start:cut])
            start = cut
        parts.append(part[start:])
    return parts


def _updates(text: str) -> list[str]:
    """The text cut so that the last state of a line that carriage returns overwrite stands alone.

    Of a progress bar's line there are two parts: the states that were overwritten, and the last one. A carriage return
    before a newline overwrites nothing.
    """
    parts = []
    begin = start = 0
    while start < len(text):
        newline = text.find("\n", start)
        stop = newline + 1 if newline >= 0 else len(text)
        end = stop - 1 if newline >= 0 else stop
        if end > start and text[end - 1] == "\r":
            end -= 1
        overwritten = text.rfind("\r", start, end) + 1
        if overwritten:
            if begin < start:
                parts.append(text[begin:start])
            parts.append(text[start:overwritten])
            begin = overwritten
        start = stop
    if begin < len(text):
        parts.append(text[begin:])
    return parts
