"""The event bus of a worker: any thread publishes, one pump thread numbers, encodes and writes the event pipe.

What is published goes into one deque; appending to it is a single step of the interpreter, so publishing takes no lock
and is safe in signal handlers and finalizers. The order of the deque is the order of the run: the pump counts `seq`
as it takes events out. Publishers wait while the deque is over its bound, as a program waits on a terminal that does
not read.

Output arrives as pieces (`OutputPiece`); the pump joins neighbours of the same origin into one `output` event.

While the pump has nothing to do a thread that prints or logs writes its line itself: what was printed before native
code crashes is then in the pipe already. Whoever writes the pipe has the *turn*, a lock.
"""

from __future__ import annotations

import operator
import os
import select
import threading
from collections import deque
from collections.abc import Callable
from functools import partial
from time import monotonic
from typing import Protocol

from sage_runtime.events import Event, Failure, FilesWritten, Flush, Goodbye, Hello, Log, Modules, encode, steady_clock
from sage_runtime.worker.encoder import Encoder, Origin, OutputPiece, Published
from sage_runtime.worker.interrupt_safe_lock import depth, restore
from sage_runtime.worker.pending_output import Deferred, PendingOutput, Unfinished

_ERROR_NUMBER = OSError.__dict__["errno"]
_write = os.write
"""Also when a script puts something else in its place."""

_MOST_ITEMS = 8192
_MOST_CHARACTERS = 4 * 1024 * 1024
_WRITE_BYTES = 256 * 1024
_AT_ONCE_BYTES = min(select.PIPE_BUF, 4096)
"""So much a pipe takes in one piece or not at all."""
_FEW = 16
"""While no more than so much is queued, a thread that prints writes it itself."""
_SHARE = 0.1
_MOST_CREDIT = 0.05
"""Printing threads may write for that share of the time, and for so many seconds at once after a rest: a write gives
the interpreter to other threads, and where these compute all day it comes back late."""


class Publisher(Protocol):
    """Where the engine's events go."""

    def publish(self, event: Event) -> None:
        """Take an event, on any thread; may wait while the reader is behind."""


class _Mark:
    """A place in the stream that somebody waits for."""

    __slots__ = ("acknowledged", "reached")

    def __init__(self, acknowledged: bool) -> None:
        self.acknowledged = acknowledged
        self.reached = threading.Event()


class _Stop:
    """The end of the stream: the pump returns."""


_CALL: Callable[[Callable[[], object]], object] = operator.call
_TOLD_AT_ONCE = frozenset({Log, Failure})

_Item = OutputPiece | Published | _Mark | Hello | Modules | FilesWritten | Goodbye | _Stop


def pipe_writer(descriptor: int) -> Callable[[bytes], None]:
    """A function that writes all of its bytes to a descriptor, however long the reader takes."""

    def write(data: bytes) -> None:
        written = _write(descriptor, data)
        if written < len(data):
            view = memoryview(data)
            while written < len(data):
                written += _write(descriptor, view[written:])

    return write


class EventBus:
    """One a worker process. Every method may be called on any thread; `acknowledge` on the thread that reads commands.

    `write` blocks until it has written all its bytes; when it raises `OSError` the session is gone: what is published
    from then on is dropped, nobody waits any more, and `lost` is called once, on the pump's thread.

    `at_once` writes up to `PIPE_BUF` bytes, all or none of them (`os.write` to the pipe); without it only the pump
    writes.
    """

    def __init__(
        self,
        run: int,
        write: Callable[[bytes], None],
        *,
        clock: Callable[[], float] | None = None,
        lost: Callable[[], None] = lambda: None,
        at_once: Callable[[bytes], object] | None = None,
    ) -> None:
        self.clock = clock or steady_clock()
        self.deferred: Deferred | None = None
        self._held_back = PendingOutput()
        self._write = write
        self._at_once = at_once
        self._lost = lost
        self._turn = threading.RLock()
        self._credit = _MOST_CREDIT
        self._last_credit = monotonic()
        self._queue: deque[_Item] = deque()
        self._room_lock = threading.RLock()
        self._room = threading.Condition(self._room_lock)
        self._waiting_for_room = 0
        self._asleep = False
        self._wake_up = threading.Lock()
        self._wake_up.acquire()
        self._marks: dict[int, _Mark] = {}
        self._encoder = Encoder(run)
        self._open = True
        self._pump = threading.Thread(target=self._run, name="sage-bus", daemon=True)
        self._pump.start()

    # --- what publishers call ---

    def publish(self, event: Event) -> None:
        """Take an event; its `run`, `t`, `worker` and `seq` are filled in. Waits while too much is under way."""
        deferred = self.deferred
        if deferred is not None:
            deferred.settle()
        if type(event) in _TOLD_AT_ONCE:
            self._queue.append(Published(self.clock(), event))
            self.carry(0)
            return
        self._put(Published(self.clock(), event))
        self.wait_for_room(0)

    def send(self, message: Hello | Modules | FilesWritten | Goodbye) -> None:
        """Take a message that is no event, in order with the events."""
        self._put(message)

    def put_text(self, origin: Origin, text: str) -> None:
        """Take a piece of output; the pump is not woken: `carry` or `nudge` follows, or the pump looks by itself."""
        if self._open:
            self._queue.append(OutputPiece(self.clock(), origin, text))

    def carry(self, size: int) -> None:
        """See to what this thread has just put: write it if the pump sleeps, else leave it to the pump.

        Waits while the queue is too long for another text of `size` characters.
        """
        try:
            if self._at_once is not None and len(self._queue) <= _FEW:
                self._write_through(self._at_once)
        finally:  # an interrupt may come at any place
            self.nudge()
        self.wait_for_room(size)

    @property
    def flooded(self) -> bool:
        """Whether more is printed than printing threads may write themselves."""
        return self._credit < 0 or self._at_once is None

    def nudge(self) -> None:
        """Wake the pump if it sleeps while there is something to write."""
        if self._asleep and self._queue:
            self._wake()

    def _write_through(self, at_once: Callable[[bytes], object]) -> None:
        """Write what is queued, on the thread that has put the last of it.

        The main thread may be interrupted between any two steps of the interpreter, so writing an item, taking it out
        and counting it are one step: a chain of built-in functions.
        """
        began = monotonic()
        self._credit = min(_MOST_CREDIT, self._credit + _SHARE * (began - self._last_credit))
        self._last_credit = began
        if self._credit < 0 or self._turn._is_owned():  # type: ignore[attr-defined]
            return
        queue, encoder = self._queue, self._encoder
        held = depth(self._turn)
        try:
            with self._turn:
                while queue and self._open:
                    item = queue[0]
                    numbered = isinstance(item, OutputPiece | Published)
                    line = encoder.peek(item) if isinstance(item, OutputPiece | Published) else self._encode(item)
                    if line is None or len(line) > _AT_ONCE_BYTES:
                        break
                    count = partial(setattr, encoder, "seq", encoder.seq + numbered)
                    steps: tuple[Callable[[], object], ...] = (partial(at_once, line), queue.popleft, count)
                    deque(map(_CALL, steps), maxlen=0)
        except BaseException as error:
            restore(self._turn, held)
            if issubclass(type(error), OSError) and _ERROR_NUMBER.__get__(error) is not None:
                return  # the system's own: the pump will meet it, too
            raise  # a signal handler's, as the TimeoutError of an alarm is
        self._credit -= monotonic() - began

    def wait_for_room(self, size: int) -> None:
        """Wait while the queue is so long that another text of `size` characters should not be in it."""
        most = _MOST_ITEMS if size <= 512 else max(4, _MOST_CHARACTERS // size)
        if len(self._queue) <= most or threading.current_thread() is self._pump:
            return
        held = depth(self._room_lock)
        try:
            with self._room:
                self._waiting_for_room += 1
                try:
                    while len(self._queue) > most and self._open:
                        self._wake()
                        self._room.wait()
                finally:
                    self._waiting_for_room -= 1
        except BaseException:
            restore(self._room_lock, held)
            raise

    def await_rest(self, line: Unfinished) -> None:
        """Have an unfinished line sent if its rest does not come in time."""
        if self._held_back.add_line(line) and self._asleep:
            self._wake()

    def defer(self, writer: Deferred) -> None:
        """From now on `writer` hands its text over when it is asked to. There is one such writer at a time."""
        self._held_back.add_writer(writer)
        self.deferred = writer
        if self._asleep:
            self._wake()

    def finish_lines(self) -> None:
        """Send every unfinished line as it is."""
        self._held_back.settle()
        self._held_back.finish_lines()

    def flush(self, *, acknowledged: bool = False, timeout: float = 10.0) -> None:
        """Return when all published so far is written, or, `acknowledged`, has been read by the session.

        Unfinished lines stay. Gives up after `timeout` seconds or when the session is gone.
        """
        self._held_back.settle()
        if not self._open or threading.current_thread() is self._pump or self._turn._is_owned():  # type: ignore[attr-defined]
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
        self._held_back = PendingOutput()
        self._queue.clear()

    def _put(self, item: _Item) -> None:
        if self._open:
            self._queue.append(item)
            if self._asleep:
                self._wake()

    def _wake(self) -> None:
        self._asleep = False
        try:
            self._wake_up.release()
        except RuntimeError as error:  # somebody else has just done so, or a signal handler raised it
            if error.__traceback__ is not None and error.__traceback__.tb_next is not None:
                raise

    # --- the pump ---

    def _run(self) -> None:
        try:
            while self._pump_once():
                pass
        except OSError:
            self._give_up()
            self._lost()
        except BaseException as error:  # noqa: BLE001 - the outer edge of the thread: nothing can be told any more
            self._give_up()
            _write(2, f"sage-tui: what happens can't be told any more: {type(error).__qualname__}: {error}\n".encode())
            self._lost()
        finally:
            self._give_up()

    def _pump_once(self) -> bool:
        """Wait for work, take a round of it and write it; false after the end of the stream."""
        seconds = self._held_back.look(self.deferred)
        if not self._queue:
            self._sleep(seconds)
        with self._turn:
            return self._take_turn()

    def _take_turn(self) -> bool:
        chunks: list[bytes] = []
        size = 0
        go_on = True
        for _ in range(_MOST_ITEMS):
            try:
                item = self._queue.popleft()
            except IndexError:
                break
            encoded = self._encoder.output(item, self._queue) if type(item) is OutputPiece else self._encode(item)
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
        if type(item) is Published:
            return self._encoder.event(item)
        return encode(item) if isinstance(item, Hello | Modules | FilesWritten | Goodbye) else None

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
