"""Where an operator's results go: from one replica to the channels of all that consume them."""

from __future__ import annotations

from _thread import LockType
from collections import deque
from collections.abc import Callable, Sequence
from itertools import cycle, islice
from typing import Any, Protocol

from sage_runtime.engine.meters import BLOCKED, BUSY, Meter
from sage_runtime.engine.threads.channels import MAX_CAPACITY, MIN_CAPACITY, Channel
from sage_runtime.frozen import Frozen
from sage_runtime.graph import Partition

Append = Callable[[Any], object]
Hand = tuple[Append, list[LockType], Callable[[], None]]
"""How a record gets into one channel: append it, and if there are waiters, notify."""


class Appendable(Protocol):
    """Where results are appended."""

    def append(self, result: Any, /) -> None:
        """Deliver one result."""


class Appender:
    """Somewhere to append that is not one list: every result goes to a function."""

    __slots__ = ("append",)

    def __init__(self, append: Append) -> None:
        self.append: Callable[[Any], Any] = append


class Route(Frozen):
    """One outgoing edge, seen from one replica: the channels of the target's replicas and how to choose among them.

    `keyless`: the target expects `(key, value)`, and the records from here carry no key. `tickets`: where it is written
    down which replica gets each record, if the target keeps their order.
    """

    channels: tuple[Channel, ...]
    partition: Partition
    keyed: bool
    keyless: bool = False
    tickets: deque[int] | None = None


class CutShort(BaseException):
    """The job stops, so a record's results need not be given to their end."""


class Send:
    """How a loop gives away its results.

    `channel.append(result)` delivers one; if `waiters` is not empty then, `notify()` wakes who waits for it. Where
    there is one consumer `channel` is its very list (the interpreter is quickest at that call). `extend` delivers many
    at once where that is one step, else it is None. `room()` blocks while a consumer's channel is full: call it within
    a record that has many results. It raises `CutShort` when the job stops.
    """

    __slots__ = ("channel", "extend", "notify", "room", "waiters")

    def __init__(
        self,
        channel: Appendable,
        room: Callable[[], object],
        waiters: list[LockType] | tuple[()] = (),
        notify: Callable[[], None] | None = None,
        extend: Callable[[Sequence[Any]], object] | None = None,
    ) -> None:
        self.channel = channel
        self.waiters = waiters
        self.notify: Callable[[], None] = notify if notify is not None else _nothing
        self.room: Callable[[], object] = room
        self.extend = extend


def _nothing() -> None:
    """Nobody to wake."""


class Traced:
    """A followed record in a channel: the entry as it would lie there, its trace and when it was put there."""

    __slots__ = ("entry", "since", "trace")

    def __init__(self, entry: Any, trace: int, since: float) -> None:
        self.entry = entry
        self.trace = trace
        self.since = since

    def __getitem__(self, index: int) -> Any:
        """The key or value of the entry, for routing by key."""
        return self.entry[index]


class Outputs:
    """All outgoing edges of one replica. Its own thread uses it.

    `copies` channels get each result. `capacity` is that of the smallest channel, when `room` last looked. `full` is
    the channel whose room is waited for now; `held`: other replicas are waited for, which have to give away first.

    `replica` spreads the round robins of several replicas over their targets.
    """

    def __init__(
        self,
        routes: Sequence[Route],
        meter: Meter,
        clock: Callable[[], float],
        stopping: Callable[[], bool],
        replica: int,
    ) -> None:
        self.channels = tuple(channel for route in routes for channel in route.channels)
        self.copies = sum(len(route.channels) if route.partition == "broadcast" else 1 for route in routes)
        self._bounded = [channel for channel in self.channels if not channel.feedback]
        self.capacity = MIN_CAPACITY
        self.full: Channel | None = None
        self.held = False
        self._meter = meter
        self._clock = clock
        self._stopping = stopping
        self.send = make_send(routes, replica, self._room_within_a_record)

    def room(self) -> bool:
        """Block while a consumer's channel is full, unless the job stops; the time counts as blocked. True if it
        did."""
        blocked = False
        capacity = MAX_CAPACITY
        for channel in self._bounded:
            if len(channel.records) >= channel.capacity:
                blocked = True
                self.full = channel
                self._meter.switch(BLOCKED, self._clock())
                if channel.wakeup.waiters:
                    channel.wakeup.notify()  # it may wait for another input that comes from here, too
                channel.wait_for_room(self._stopping)
                self._meter.switch(BUSY, self._clock())
                self.full = None
            if channel.capacity < capacity:
                capacity = channel.capacity
        self.capacity = capacity
        return blocked

    def _room_within_a_record(self) -> None:
        self.room()
        if self._stopping():
            raise CutShort


def make_send(routes: Sequence[Route], replica: int, room: Callable[[], object]) -> Send:
    """How results get into the channels of these routes."""
    if not routes:
        nowhere: deque[Any] = deque(maxlen=0)
        return Send(nowhere, room, extend=nowhere.extend)
    if len(routes) == 1 and len(routes[0].channels) == 1 and not routes[0].keyless:
        channel = routes[0].channels[0]
        return Send(channel.records, room, channel.wakeup.waiters, channel.wakeup.notify, channel.records.extend)
    routes = sorted(routes, key=_asks_no_key)  # a key without a hash raises before anybody has the record
    delivers = [_deliver(route, replica) for route in routes]
    return Send(Appender(delivers[0] if len(delivers) == 1 else _to_each(routes, delivers)), room)


def _hand(channel: Channel) -> Hand:
    return channel.records.append, channel.wakeup.waiters, channel.wakeup.notify


def _hands(route: Route) -> list[Hand]:
    hands = [_hand(channel) for channel in route.channels]
    if route.tickets is None:
        return hands
    write = route.tickets.append
    return [(_ticketed(write, number, hand[0]), *hand[1:]) for number, hand in enumerate(hands)]


def _ticketed(write: Callable[[int], None], number: int, append: Append) -> Append:
    def give(entry: Any) -> None:
        write(number)
        append(entry)

    return give


def _to_each(routes: Sequence[Route], delivers: Sequence[Append]) -> Append:
    if all(len(route.channels) == 1 and not route.keyless for route in routes):
        return _broadcast([_hand(route.channels[0]) for route in routes])

    def deliver(entry: Any) -> None:
        for give in delivers:
            give(entry)

    return deliver


def _asks_no_key(route: Route) -> bool:
    """Whether it finds the channel for a record without a look at its key."""
    return len(route.channels) == 1 or not route.keyed or route.partition in ("broadcast", "round_robin")


def _deliver(route: Route, replica: int) -> Append:
    hands = _hands(route)
    if not _asks_no_key(route):
        deliver = _by_key(hands, replica)
    elif len(hands) == 1 or route.partition == "broadcast":
        deliver = _broadcast(hands)
    else:
        deliver = _in_turn(hands, replica)
    return _without_key(deliver) if route.keyless else deliver


def _broadcast(hands: Sequence[Hand]) -> Append:
    def deliver(entry: Any) -> None:
        for append, waiters, notify in hands:
            append(entry)
            if waiters:
                notify()

    return deliver


def _in_turn(hands: Sequence[Hand], replica: int) -> Append:
    turns = islice(cycle(hands), replica % len(hands), None)

    def deliver(entry: Any) -> None:
        append, waiters, notify = next(turns)
        append(entry)
        if waiters:
            notify()

    return deliver


def _by_key(hands: Sequence[Hand], replica: int) -> Append:
    count = len(hands)
    unkeyed = _in_turn(hands, replica)

    def deliver(entry: Any) -> None:
        key = entry[0]
        if key is None:
            unkeyed(entry)
            return
        try:
            number = hash(key)
        except TypeError:
            number = hash(repr(key))
        append, waiters, notify = hands[number % count]
        append(entry)
        if waiters:
            notify()

    return deliver


def _without_key(deliver: Append) -> Append:
    def give(value: Any) -> None:
        if type(value) is Traced:
            deliver(Traced((None, value.entry), value.trace, value.since))
        else:
            deliver((None, value))

    return give


def copying(send: Send, results: list[Any]) -> Send:
    """A `Send` that also keeps what it gives away."""

    def append(result: Any) -> None:
        results.append(result)
        send.channel.append(result)
        if send.waiters:
            send.notify()

    return Send(Appender(append), send.room)


_FOLLOWED_RESULTS = 20
"""Results of one traced record that are traced in turn."""


def tracing(send: Send, results: list[Any], wrap: Callable[[Any], Any]) -> Send:
    """A `Send` whose first results go on being followed (`wrap` makes their entries); it keeps those."""

    def append(result: Any) -> None:
        if len(results) < _FOLLOWED_RESULTS:
            results.append(result)
            result = wrap(result)
        send.channel.append(result)
        if send.waiters:
            send.notify()

    return Send(Appender(append), send.room)
