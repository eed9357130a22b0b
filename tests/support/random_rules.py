"""What the operators of random pipelines do with a record: as a rule, and as a user's function that follows it.

A rule depends only on the record, its key and its input.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from support.graphs import Collected
from support.waiting import SOON

from sage_runtime.engine.context import OperatorContext


class Item(NamedTuple):
    """A record: a number, and how often it may still go round a loop."""

    number: int
    laps: int


class Unhashable:
    """A key whose hash raises an unusual exception."""

    def __hash__(self) -> int:
        raise LookupError("no hash")


UNHASHABLE = Unhashable()
NOT_A_NUMBER = float("nan")


class Done(NamedTuple):
    """The outcome for a record: the results, whether the operator then raises, and the key of the results."""

    results: Sequence[Item]
    raises: bool = False
    key: Any = None


def mapped(item: Item, key: Any, _: int) -> Done:
    if item.number % 11 == 5:
        return Done((), True)
    return Done((), key=key) if item.number % 7 == 3 else Done([Item(item.number * 2, item.laps)], key=key)


def kept(item: Item, key: Any, _: int) -> Done:
    if item.number % 17 == 3:
        return Done((), True)
    return Done([item] if item.number % 3 else (), key=key)


def several(item: Item, key: Any, _: int) -> Done:
    """Some results. Where it raises, the results that a generator yielded before are already sent."""
    results = [Item(item.number + n, item.laps) for n in range(item.number % 4)]
    return Done(results, item.number % 9 == 6, key)


def collected(item: Item, key: Any, _: int) -> Done:
    """Results by `collect`. Where it raises, they are dropped."""
    results = [Item(item.number + n, item.laps) for n in range(item.number % 3)]
    return Done((), True, key) if item.number % 9 == 6 else Done(results, False, key)


def both(item: Item, key: Any, tag: int) -> Done:
    return Done((), True) if item.number % 19 == tag else Done([Item(item.number + 100 * tag, item.laps)], key=key)


def key_of(item: Item) -> Any:
    """Keys of many kinds: equal and unequal numbers, a list, None, and one without a hash."""
    return (item.number, "odd", 2.0, 2, NOT_A_NUMBER, [item.number], None, UNHASHABLE)[item.number % 8]


def keyed(item: Item, _key: Any, _: int) -> Done:
    return Done((), True) if item.number % 23 == 9 else Done([item], key=key_of(item))


def joined(item: Item, key: Any, tag: int) -> Done:
    if key is None or item.number % 13 == 1:
        return Done((), True, key)
    return Done([Item(item.number + 10 * tag, item.laps)] * (tag + item.number % 2), False, key)


def asked(item: Item) -> tuple[str, ...]:
    """Which services are called for a record. `second` calls `first`."""
    return ("second", "first") if item.number % 5 == 4 else ("first",)


def refused(item: Item) -> bool:
    return item.number % 13 == 6 or late(item)


def late(item: Item) -> bool:
    """Whether the call, always to `first`, takes longer than its caller waits."""
    return item.number % 50 == 11


def answered(item: Item, key: Any, _: int) -> Done:
    return Done((), True) if refused(item) else Done([Item(item.number + len(asked(item)), item.laps)], key=key)


def again(item: Item, key: Any, _: int) -> Done:
    return Done([Item(item.number, item.laps - 1)] if item.laps else (), key=key)


def ended(item: Item, _key: Any, _: int) -> Done:
    return Done((), item.number % 29 == 4)


RULES: dict[str, Callable[[Item, Any, int], Done]] = {
    "map": mapped,
    "filter": kept,
    "flatmap": several,
    "collect": collected,
    "comap": both,
    "keyby": keyed,
    "join": joined,
    "ask": answered,
    "again": again,
    "sink": ended,
}


# --- the same for the engine


class RefusedError(Exception):
    """What user code raises here."""


class Functions:
    """A user's function of any kind that follows the rule."""

    def __init__(self, kind: str, context: OperatorContext) -> None:
        self.context = context
        self._rule = RULES[kind]
        self._collected: list[Item] = []

    def results(self, item: Item, tag: int = 0) -> list[Item]:
        done = self._rule(item, self.context.get_key(), tag)
        if done.raises:
            raise RefusedError(item)
        return list(done.results)


class One(Functions):
    def execute(self, item: Item) -> Item | None:
        return next(iter(self.results(item)), None)


class Keep(Functions):
    def execute(self, item: Item) -> bool:
        return bool(self.results(item))


class Generate(Functions):
    def execute(self, item: Item) -> Iterator[Item]:
        done = several(item, None, 0)
        yield from done.results
        if done.raises:
            raise RefusedError(item)


class Collect(Functions):
    def execute(self, item: Item) -> None:
        self._collected.append(item)  # dropped if it raises
        self._collected[-1:] = self.results(item)


class CoMap(Functions):
    def map0(self, item: Item) -> Item:
        return self.results(item, 0)[0]

    def map1(self, item: Item) -> Item:
        return self.results(item, 1)[0]


class KeyBy(Functions):
    def execute(self, item: Item) -> Any:
        self.results(item)
        return key_of(item)


class Join(Functions):
    def execute(self, item: Item, key: Any, tag: int) -> list[Item]:
        assert key is self.context.get_key()
        return self.results(item, tag)


class Ask(Functions):
    """Calls a service and waits at once, later, or too short."""

    def execute(self, item: Item) -> Item:
        context, name = self.context, asked(item)[0]
        given_up = threading.Event()
        try:
            if late(item):
                answer = context.call_service[name].answer(item, given_up, timeout=0.001)
            elif item.number % 2:
                answer = context.call_service[name].answer(item)
            else:
                answer = context.call_service_async[name].answer(item).result()
        finally:
            given_up.set()
        assert isinstance(answer, Item)
        return answer


class First:
    def answer(self, item: Item, wait_for: threading.Event | None = None) -> Item:
        if wait_for is not None:
            wait_for.wait(SOON)
        elif refused(item):
            raise RefusedError(item)
        return Item(item.number + len(asked(item)), item.laps)


class Second:
    def __init__(self, context: Any) -> None:
        self.context = context

    def answer(self, item: Item, wait_for: threading.Event | None = None) -> Item:
        answer = self.context.call_service["first"].answer(item, wait_for)
        assert isinstance(answer, Item)
        return answer


CLASSES: dict[str, tuple[str, type[Functions]]] = {
    "map": ("map", One),
    "filter": ("filter", Keep),
    "flatmap": ("flatmap", Generate),
    "collect": ("flatmap", Collect),
    "comap": ("comap", CoMap),
    "keyby": ("keyby", KeyBy),
    "join": ("join", Join),
    "ask": ("map", Ask),
    "again": ("map", One),
}


class Sink(Collected):
    """A sink that fails on some records and keeps the others."""

    def execute(self, value: Any) -> None:
        if ended(value, None, 0).raises:
            raise RefusedError(value)
        self.values.append(value)
