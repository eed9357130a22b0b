"""The event bus of a worker: any thread publishes, one pump thread numbers, encodes and writes the event pipe.

What is published goes into one deque. Appending to it is a single step of the interpreter, so publishing takes no lock
and is safe in signal handlers and finalizers. The order of the deque is the order of the run: `seq` is counted as items
are taken out. Publishers wait while the deque is over its bound, as a program waits on a terminal that does not read.

While the pump has nothing to do, a thread that prints or logs writes its line itself, so that what was printed before
native code crashes is in the pipe. Whoever writes the pipe has the *turn*, a lock.

A signal handler may run, and raise, between any two steps of the interpreter's main thread. So no lock is held there
but the turn, and the steps that must not be separated are one chain of built-in functions (`in_one_step`).
"""

from __future__ import annotations

import operator
import os
import select
from collections import deque
from collections.abc import Callable
from functools import partial
from queue import Empty, SimpleQueue
from threading import Lock, Thread, get_ident
from time import monotonic
from weakref import WeakSet

from sage_runtime.events import Event, Failure, Flush, Log, PipeMessage, steady_clock
from sage_runtime.worker.encoder import Encoder, Item, OutputPiece, Published, Writer

_write = os.write
"""Kept here, because a script may replace it."""

UNFINISHED_SECONDS = 0.05
"""How long an unfinished line waits for its rest before it is sent as it is."""

_MOST_ITEMS = 8192
_MOST_BYTES = 4 * 1024 * 1024
_WRITE_BYTES = 256 * 1024
_AT_ONCE_BYTES = min(select.PIPE_BUF, 4096)
"""A pipe takes up to so many bytes all together or not at all."""
_FEW = 16
"""A thread that prints writes its line itself while no more items than these are queued."""
_SHARE = 0.1
_MOST_CREDIT = 0.05
"""Printing threads may spend this share of the time on writing, and so many seconds at once after a rest: each write
gives the interpreter to other threads, and it comes back late if these compute."""
_STREAK = 32
"""A thread floods once it has written so many times in a row, and more than may be written by printing threads."""
_TICK_SECONDS = 0.005
"""How often the pump fetches the text of the thread that floods."""


class _Signal:
    """What is queued for the pump alone."""


class _Mark(_Signal):
    """A place in the stream that somebody waits for."""

    def __init__(self, acknowledged: bool) -> None:
        self.acknowledged = acknowledged
        self.reached: SimpleQueue[None] = SimpleQueue()


class _Finish(_Signal):
    """The unfinished line of a thread, or of all threads, is to be sent as it is."""

    def __init__(self, t: float, thread: int | None) -> None:
        self.t = t
        self.thread = thread


class _Stop(_Signal):
    """The end of the stream: the pump returns."""


def pipe_writer(descriptor: int) -> Callable[[bytes], None]:
    """A function that writes all of its bytes to a descriptor, however long the reader takes."""

    def write(data: bytes) -> None:
        written = _write(descriptor, data)
        if written < len(data):
            view = memoryview(data)
            while written < len(data):
                written += _write(descriptor, view[written:])

    return write


def in_one_step(*functions: Callable[[], object]) -> None:
    """Call functions one after the other; no signal handler runs in between if they are built in."""
    deque(map(operator.call, functions), maxlen=0)


class EventBus:
    """One a worker process. Every method may be called on any thread; `acknowledge` on the thread that reads commands.

    `write` blocks until it has written all its bytes. When it raises `OSError` the session is gone: further items are
    dropped, nobody waits any more, and `lost` is called once, on the pump's thread.

    `at_once` writes up to `PIPE_BUF` bytes, all or none of them (`os.write` to the pipe); without it only the pump
    writes.
    """

    def __init__(
        self,
        run: int,
        write: Callable[[bytes], None],
        *,
        lost: Callable[[], None] = lambda: None,
        at_once: Callable[[bytes], object] | None = None,
    ) -> None:
        self.clock = steady_clock()
        self._write = write
        self._at_once = at_once
        self._lost = lost
        self._encoder = Encoder(run)
        self._queue: deque[Item | _Signal] = deque()
        self._open = True
        self._turn = Lock()
        self._holder: int | None = None
        self._credit = _MOST_CREDIT
        self._credited = monotonic()
        self._waiters: deque[SimpleQueue[None]] = deque()
        self._asleep = self._dozing = self._idle = False
        self._wake_ups: SimpleQueue[None] = SimpleQueue()
        self._marks: dict[int, _Mark] = {}
        self._flushes = 0
        self._last: Writer | None = None
        self._streak = 0
        self._flooding: Writer | None = None
        self._may_switch = [True]
        self._buffered: WeakSet[Writer] = WeakSet()
        self._fetched = 0.0
        self._pump = Thread(target=self._run, name="sage-bus", daemon=True)
        self._pump.start()

    # --- what publishers call ---

    def publish(self, event: Event) -> None:
        """Take an event; its `run`, `t`, `worker` and `seq` are filled in. Waits while the reader is behind."""
        if not self._open:
            return
        flooding = self._flooding
        if flooding is not None:
            flooding.fetch()
        if type(event) is Log or type(event) is Failure:
            self._queue.append(Published(self.clock(), event))
            self._carry(0)
        else:
            self._put(Published(self.clock(), event))
            self._wait_for_room(0)

    def send(self, message: PipeMessage) -> None:
        """Take a message that is no event, in order with the events."""
        self._put(message)

    def put_output(self, writer: Writer, data: bytes, *, fetched: bool = False) -> None:
        """Take bytes that were written to a stream. Waits while the reader is behind, unless they are `fetched`.

        Whoever fetches holds the writer's lock, so that nothing that is written later overtakes it.
        """
        if not self._open:
            return
        if fetched:
            self._queue.append(OutputPiece(self.clock(), writer, writer.origin, data))
            self._last, self._streak = writer, 0
            self._nudge()
            return
        flooding = self._flooding
        if flooding is not None and flooding is not writer:
            flooding.fetch()
        append = partial(self._queue.append, OutputPiece(self.clock(), writer, writer.origin, data))
        in_one_step(writer.lock.acquire, append, writer.lock.release)
        self._streak = self._streak + 1 if self._last is writer else 0
        self._last = writer
        if b"\n" in data or b"\r" in data:
            self._carry(len(data))
        else:
            if not self._dozing:
                self._nudge()
            self._wait_for_room(len(data))
        if self._streak >= _STREAK and self._credit < 0 and flooding is not writer:
            self.let_flood(writer)

    def let_flood(self, writer: Writer | None) -> None:
        """Let this thread, instead of the one before it, keep what it writes until there is much of it."""
        try:
            token = self._may_switch.pop()
        except IndexError:  # another thread is just switching
            return
        try:
            before = self._flooding
            if before is not None:
                before.stop_buffering()
                before.fetch()
            self._flooding = writer
            if writer is not None:
                self._buffered.add(writer)
                writer.buffer_writes()
        finally:
            self._may_switch.append(token)
        if self._asleep:
            self._wake()

    def finish_lines(self, thread: int | None = None) -> None:
        """Send the unfinished line of a thread, or of all threads, as it is."""
        self._fetch_all()
        self._put(_Finish(self.clock(), thread))

    def flush(self, *, acknowledged: bool = False, timeout: float = 10.0) -> None:
        """Return when all published so far is written, or, `acknowledged`, has been read by the session.

        Unfinished lines stay. Gives up after `timeout` seconds or when the session is gone.
        """
        self._fetch_all()
        if self._open and get_ident() not in (self._pump.ident, self._holder):
            mark = _Mark(acknowledged)
            self._put(mark)
            if self._open:
                _wait(mark.reached, timeout)

    def acknowledge(self, id: int) -> None:  # noqa: A002 - the field's name
        """The session has read everything before the `Flush` of this id."""
        mark = self._marks.pop(id, None)
        if mark is not None:
            mark.reached.put(None)

    def close(self, timeout: float = 10.0) -> None:
        """Write all that was published, then take no more."""
        if self._open:
            self.finish_lines()
            self._put(_Stop())
            self._pump.join(timeout)
        self._give_up()

    def abandon(self) -> None:
        """In a forked child, where no pump runs: forget everything and drop what is published."""
        self._open = False
        self._flooding = None
        self._queue.clear()

    # --- on their threads ---

    def _put(self, item: Item | _Signal) -> None:
        if self._open:
            self._queue.append(item)
            if self._asleep:
                self._wake()

    def _carry(self, size: int) -> None:
        """Write what this thread has just put if the pump sleeps, else leave it to the pump; wait for room."""
        try:
            if self._at_once is not None and len(self._queue) <= _FEW:
                self._write_through(self._at_once)
        finally:  # a signal handler may raise anywhere
            self._nudge()
        self._wait_for_room(size)

    def _write_through(self, write: Callable[[bytes], object]) -> None:
        """Write what is queued, on the thread that has put the last of it."""
        me, now = get_ident(), monotonic()
        self._credit = min(_MOST_CREDIT, self._credit + _SHARE * (now - self._credited))
        self._credited = now
        if self._credit < 0 or self._holder == me:  # a handler or a finalizer prints while its thread is in here
            return
        try:
            in_one_step(self._turn.acquire, partial(setattr, self, "_holder", me))
            while self._queue and self._open:
                item, count = self._first()
                if isinstance(item, _Signal) or (isinstance(item, OutputPiece) and len(item.data) > _AT_ONCE_BYTES):
                    break
                line, steps = self._encoder.prepare(item)
                if len(line) > _AT_ONCE_BYTES:
                    break
                in_one_step(partial(write, line), *(self._queue.popleft,) * count, *steps)
        except OSError as error:
            if error.errno is None:  # not the system's: a handler's, as the TimeoutError of an alarm
                raise
        finally:
            if self._holder == me:  # no call before the release, for a handler could run there
                self._holder = None
                self._turn.release()
        self._credit -= monotonic() - now

    def _first(self) -> tuple[Item | _Signal, int]:
        """The first item of the queue, a few pieces of one thread joined, and how many items that is. With the turn."""
        queue = self._queue
        first = queue[0]
        if not isinstance(first, OutputPiece):
            return first, 1
        t, writer, origin, data = first
        count, end = 1, min(len(queue), _FEW)
        while count < end:
            following = queue[count]
            if not isinstance(following, OutputPiece) or following.writer is not writer or following.origin != origin:
                break
            data += following.data
            count += 1
        return OutputPiece(t, writer, origin, data), count

    def _wait_for_room(self, size: int) -> None:
        """Wait while the queue is too long for another text of `size` bytes."""
        most = _MOST_ITEMS if size <= 512 else max(4, _MOST_BYTES // size)
        while len(self._queue) > most and self._open and get_ident() not in (self._pump.ident, self._holder):
            waiter: SimpleQueue[None] = SimpleQueue()
            self._waiters.append(waiter)
            self._nudge()
            if len(self._queue) > most and self._open:
                waiter.get()

    def _nudge(self) -> None:
        """Wake the pump if it sleeps while there is something to do."""
        if self._asleep and (self._queue or (self._encoder.unfinished and not self._dozing)):
            self._wake()

    def _wake(self) -> None:
        self._asleep = False
        self._wake_ups.put(None)

    def _fetch_all(self) -> None:
        """Fetch the text of every thread that flooded at some time: it may have kept the `write` of those days."""
        for writer in list(self._buffered):
            writer.fetch()

    # --- the pump ---

    def _run(self) -> None:
        try:
            while self._round():
                pass
        except OSError:
            self._give_up()
            self._lost()
        except BaseException as error:  # noqa: BLE001 - the outer edge of the thread
            self._give_up()
            _write(2, f"sage-tui: the event stream is lost: {type(error).__qualname__}: {error}\n".encode())
            self._lost()
        finally:
            self._give_up()

    def _round(self) -> bool:
        """Wait for work and write what there is; false after the end of the stream."""
        self._tend_flood()
        now = self.clock()
        began = [line.since for line in list(self._encoder.unfinished.values())]
        due = min(began) + UNFINISHED_SECONDS if began else None
        if due is not None and due <= now:
            self._fetch_all()  # the rest of a line may be among it
        elif not self._queue:
            self._sleep(now, due)
        with self._turn:
            self._holder = self._pump.ident
            try:
                return self._take_turn(due is not None and due <= now)
            finally:
                self._holder = None

    def _sleep(self, now: float, due: float | None) -> None:
        """Wait for work, and until a time if something is due; for a moment only if there was work just now.

        While it dozes, threads that begin a line need not wake it.
        """
        seconds = None if self._idle else UNFINISHED_SECONDS
        if due is not None:
            seconds = max(due - now, _TICK_SECONDS)
        if self._flooding is not None:
            seconds = _TICK_SECONDS
        elif self._buffered:
            seconds = min(seconds or UNFINISHED_SECONDS, UNFINISHED_SECONDS)
        self._dozing = seconds is not None
        self._asleep = True
        if not self._queue:
            self._idle = not _wait(self._wake_ups, seconds)
        self._asleep = self._dozing = False

    def _tend_flood(self) -> None:
        """Fetch the text of the thread that floods; if there is none, it no longer does."""
        now, flooding = monotonic(), self._flooding
        if now - self._fetched < (UNFINISHED_SECONDS if flooding is None else _TICK_SECONDS):
            return
        self._fetched = now
        if flooding is None:
            self._fetch_all()
        elif not flooding.fetch():
            self.let_flood(None)

    def _take_turn(self, overdue: bool) -> bool:
        encoder, going_on = self._encoder, True
        for _ in range(_MOST_ITEMS):
            if not self._queue or not going_on:
                break
            item, count = self._first()
            for _ in range(count):
                self._queue.popleft()
            if not isinstance(item, _Signal):
                encoder.add(item)
            elif isinstance(item, _Finish):
                encoder.finish(item.t, item.thread)
            elif isinstance(item, _Mark):
                self._pass(item)
            else:
                going_on = False
            if encoder.size >= _WRITE_BYTES:
                self._write(encoder.take())
        while self._waiters:
            self._waiters.popleft().put(None)
        if overdue and not self._queue:
            now = self.clock()
            encoder.finish_overdue(now, now - UNFINISHED_SECONDS)
        if data := encoder.take():
            self._write(data)
        return going_on

    def _pass(self, mark: _Mark) -> None:
        """Write what came before a mark, and tell who waits there."""
        self._flushes += 1
        self._marks[self._flushes] = mark
        if mark.acknowledged:
            self._encoder.add(Flush(self._flushes))
        if data := self._encoder.take():
            self._write(data)
        if not mark.acknowledged:
            self.acknowledge(self._flushes)

    def _give_up(self) -> None:
        self._open = False
        for mark in [item for item in list(self._queue) if isinstance(item, _Mark)] + list(self._marks.values()):
            mark.reached.put(None)
        self._queue.clear()
        while self._waiters:
            self._waiters.popleft().put(None)


def _wait(queue: SimpleQueue[None], seconds: float | None) -> bool:
    """Wait for something to be put; whether it was in time."""
    try:
        queue.get(timeout=seconds)
    except Empty:
        return False
    return True
