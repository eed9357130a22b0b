"""What the replicas of one operator make, given away in the order in which the operator's records came in.

In era 3 an operator with several replicas keeps the order of its source. Whoever spreads records over the replicas
writes down which of them got each (a ticket); a replica closes what it made of a record with a mark, also where that is
nothing. Whoever closes the record whose ticket is the oldest gives away all that is complete by then. So nothing waits
but for the records before it, and what comes after the operator sees one stream.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from sage_runtime.engine.meters import BLOCKED, BUSY, Meter
from sage_runtime.engine.threads.channels import MAX_CAPACITY, Wakeup
from sage_runtime.engine.threads.loops import Failed, Loop
from sage_runtime.engine.threads.routes import Appender, Outputs, Route, Send, make_send

_END: Any = object()
"""Closes the results of one record."""


class Resequencer:
    """The results of all replicas of one operator, and whose turn it is. Their threads use it.

    `tickets` has the index of the replica that got each record, oldest first, written before the replica can have it.
    """

    def __init__(self, replicas: int, tickets: deque[int], routes: Sequence[Route]) -> None:
        self.tickets = tickets
        self.held: list[Wakeup] = []
        self._results: list[deque[Any]] = [deque() for _ in range(replicas)]
        self._lock = threading.Lock()
        self._send = make_send(routes, 0, _never)

    def pending(self, replica: int) -> PendingResults:
        """What one replica has of it."""
        return PendingResults(self, replica, self._results[replica])

    def flush(self) -> None:
        """Give away what is complete, and what there is of the record whose turn it is."""
        send, tickets = self._send, self.tickets
        append, waiters, notify = send.channel.append, send.waiters, send.notify
        with self._lock:
            while tickets:
                results = self._results[tickets[0]]
                while results:
                    result = results.popleft()
                    if result is _END:
                        tickets.popleft()
                        break
                    append(result)
                    if waiters:
                        notify()
                else:
                    break
        for wakeup in self.held.copy():
            wakeup.notify()


class PendingResults:
    """The results of one replica on their way to their turn."""

    def __init__(self, resequencer: Resequencer, replica: int, results: deque[Any]) -> None:
        self.results = results
        self.held = resequencer.held
        self._tickets = resequencer.tickets
        self._replica = replica
        self._flush = resequencer.flush

    def in_turn(self) -> bool:
        """Whether the oldest ticket is this replica's, or there is none."""
        try:
            return self._tickets[0] == self._replica
        except IndexError:
            return True

    def full(self) -> bool:
        """Whether so much waits for the records of others that the replica has to wait too."""
        return len(self.results) >= MAX_CAPACITY and not self.in_turn()

    def append(self, result: Any) -> None:
        """Take a result and let it go if it is its turn, though its record may have more."""
        self.results.append(result)
        if self.in_turn():
            self._flush()

    def marking(self, loop: Loop) -> Loop:
        """A loop that closes what it made of each record. One that fails stays open: it ends the job, and what came
        after it is not given away."""
        results, tickets, replica, flush = self.results, self._tickets, self._replica, self._flush
        failures: list[BaseException] = []

        def mark(records: Iterator[Any]) -> Iterator[Any]:
            for record in records:
                yield record
                if failures:
                    return
                results.append(_END)
                try:
                    oldest = tickets[0]
                except IndexError:  # another replica has just given it away
                    continue
                if oldest == replica:
                    flush()

        def marked(records: Iterator[Any], send: Send, failed: Failed) -> int:
            def fail(value: Any, error: BaseException) -> None:
                failures.append(error)
                failed(value, error)

            return loop(mark(records), send, fail)

        return marked


class OrderedOutputs(Outputs):
    """The outputs of one replica whose results wait for their turn. `streams`: a record may have many results."""

    def __init__(
        self,
        routes: Sequence[Route],
        meter: Meter,
        clock: Callable[[], float],
        stopping: Callable[[], bool],
        pending: PendingResults,
        wakeup: Wakeup,
        *,
        streams: bool,
    ) -> None:
        super().__init__(routes, meter, clock, stopping, 0)
        self._pending = pending
        self._wakeup = wakeup
        self.send = Send(Appender(pending.append) if streams else pending.results, self._room_within_a_record)

    def room(self) -> bool:
        """As that of all outputs; blocks also while too much waits for the records of other replicas."""
        blocked = super().room()
        pending, stopping = self._pending, self._stopping
        if not pending.full():
            return blocked
        self.held = True
        self._meter.switch(BLOCKED, self._clock())
        pending.held.append(self._wakeup)
        while pending.full() and not stopping():
            self._wakeup.wait(lambda: not pending.full() or stopping())
        pending.held.remove(self._wakeup)
        self._meter.switch(BUSY, self._clock())
        self.held = False
        return True


def _never() -> None:
    """Who gives away for others doesn't wait for room: each replica does so itself."""
