"""How records go from one thread to another: channels of plain lists, a wakeup for the consumer, room for producers.

A channel is a list. Producers append to it; the consumer takes what is there in one go (`Channel.take`). Both are
single steps of the interpreter, so no lock guards them, and a producer's open batch is the channel itself: a record is
never kept back while its producer is inside user code.
"""

from __future__ import annotations

from _thread import LockType, allocate_lock
from collections.abc import Callable
from typing import Any

MIN_CAPACITY = 64
MAX_CAPACITY = 8192
"""Records in a channel from which on its producers wait: the fewer, the slower the consumer (`Channel.fit`).

Producers look after each batch, and take batches no larger than that, so a channel may hold as many again.
"""


class Wakeup:
    """What wakes one sleeping thread. Its owner calls `wait`; any thread calls `notify`, or tests `waiters` first.

    `waiters` is empty unless the owner sleeps, so that `if wakeup.waiters: wakeup.notify()` costs a producer next to
    nothing.
    """

    __slots__ = ("_token", "notify", "waiters")

    def __init__(self) -> None:
        self.waiters: list[LockType] = []
        self._token = allocate_lock()
        self._token.acquire()
        self.notify = _notifier(self.waiters)

    def wait(self, awake: Callable[[], bool], timeout: float = -1.0) -> None:
        """Sleep until notified, or `timeout` seconds (-1: for ever). Returns at once if `awake()` holds.

        Whoever makes `awake()` true notifies afterwards; since it is asked after the owner is listed among the waiters,
        no notify is lost. It may return without reason.
        """
        self.waiters.append(self._token)
        if not awake() and self._token.acquire(True, timeout):
            return
        try:
            self.waiters.pop()
        except IndexError:  # somebody notifies at this moment: take the token, or it would end the next sleep
            self._token.acquire()


def _notifier(waiters: list[LockType]) -> Callable[[], None]:
    def notify() -> None:
        """Wake the owner if it sleeps."""
        try:
            token = waiters.pop()
        except IndexError:
            return
        token.release()

    return notify


class Channel:
    """The queue of one edge at one replica.

    Producers append to `records` and notify `wakeup`; `wait_for_room` blocks them. The consumer's thread calls `take`
    and `fit`. `producers` counts those that are still open (under the job's lock); `feedback` channels are never full.
    """

    __slots__ = ("_blocked", "capacity", "edge", "feedback", "gone", "producers", "records", "wakeup")

    def __init__(self, edge: str, wakeup: Wakeup, producers: int, *, feedback: bool = False) -> None:
        self.edge = edge
        self.wakeup = wakeup
        self.records: list[Any] = []
        self.producers = producers
        self.feedback = feedback
        self.capacity = MIN_CAPACITY
        self.gone = False
        self._blocked: list[LockType] = []

    def take(self, limit: int) -> list[Any]:
        """Up to `limit` records, oldest first, and room for producers."""
        records = self.records
        batch = records[:limit]
        del records[: len(batch)]
        if self._blocked and len(records) <= self.capacity // 2:
            self.admit()
        return batch

    def fit(self, batch: int) -> None:
        """Choose the capacity by what the consumer takes at once: two such batches, a power of two; shrink late."""
        wanted = max(MIN_CAPACITY, min(MAX_CAPACITY, 1 << (2 * batch - 1).bit_length()))
        if wanted > self.capacity or 4 * wanted <= self.capacity:
            self.capacity = wanted

    def wait_for_room(self, give_up: Callable[[], bool]) -> None:
        """On a producer's thread: block while the channel is full, unless `give_up()` holds."""
        while len(self.records) >= self.capacity and not (self.gone or give_up()):
            token = allocate_lock()
            token.acquire()
            self._blocked.append(token)
            if len(self.records) < self.capacity or self.gone or give_up():
                try:
                    self._blocked.remove(token)
                except ValueError:  # just let in: nobody else holds this token
                    pass
                return
            token.acquire()

    @property
    def blocks(self) -> bool:
        """Whether a producer waits for room."""
        return bool(self._blocked)

    def admit(self) -> None:
        """Wake every producer that waits for room; for any thread."""
        blocked = self._blocked
        while True:
            try:
                token = blocked.pop()
            except IndexError:
                return
            token.release()

    def abandon(self) -> None:
        """The consumer is gone: drop what is queued, never block a producer again."""
        self.gone = True
        self.records.clear()
        self.admit()
