"""The inner loops: a batch of records through a user's function, one loop for each kind of operator.

Each takes an iterator of records and goes through it to its end; a record whose function raises goes to `failed` and
the loop goes on with the next. There are no clocks and no counters for each record: a loop returns by how many the
results outnumber the records (negative where some were dropped), which is all the meters need.

On a stream with keys the records are `(key, value)` and so are the results.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import repeat
from operator import itemgetter
from typing import Any, Protocol

from sage_runtime.engine.context import OperatorContext
from sage_runtime.engine.errors import UnkeyedRecordError
from sage_runtime.engine.threads.routes import CutShort, Send

Failed = Callable[[Any, BaseException], None]
"""Called with the record and what was raised; never raises."""

ROOM_EVERY = 256
"""Results of one record after which a loop looks for room in the channels again."""

_VALUE = itemgetter(1)


class Loop(Protocol):
    """What runs a batch of records."""

    def __call__(self, records: Iterator[Any], send: Send, failed: Failed, /) -> int: ...


def map_loop(execute: Callable[[Any], Any]) -> Loop:
    """One result for each record; `None` is no result."""

    def loop(records: Iterator[Any], send: Send, failed: Failed) -> int:
        channel, waiters, notify = send.channel, send.waiters, send.notify
        surplus = 0
        while True:
            try:
                for value in records:
                    result = execute(value)
                    if result is None:
                        surplus -= 1
                        continue
                    channel.append(result)
                    if waiters:
                        notify()
                return surplus
            except BaseException as error:  # noqa: BLE001 - whatever user code raises is recorded
                surplus -= 1
                failed(value, error)

    return loop


def keyed_map_loop(execute: Callable[[Any], Any], context: OperatorContext) -> Loop:
    """As `map_loop`; the result keeps the key."""

    def loop(records: Iterator[Any], send: Send, failed: Failed) -> int:
        channel, waiters, notify = send.channel, send.waiters, send.notify
        surplus = 0
        while True:
            try:
                for key, value in records:
                    context.key = key
                    result = execute(value)
                    if result is None:
                        surplus -= 1
                        continue
                    channel.append((key, result))
                    if waiters:
                        notify()
                return surplus
            except BaseException as error:  # noqa: BLE001 - whatever user code raises is recorded
                surplus -= 1
                failed(value, error)

    return loop


def comap_loop() -> Loop:
    """As `map_loop`; each record comes with the function for the input that it came from."""

    def loop(records: Iterator[Any], send: Send, failed: Failed) -> int:
        channel, waiters, notify = send.channel, send.waiters, send.notify
        surplus = 0
        while True:
            try:
                for value, execute in records:
                    result = execute(value)
                    if result is None:
                        surplus -= 1
                        continue
                    channel.append(result)
                    if waiters:
                        notify()
                return surplus
            except BaseException as error:  # noqa: BLE001 - whatever user code raises is recorded
                surplus -= 1
                failed(value, error)

    return loop


def keyed_comap_loop(context: OperatorContext) -> Loop:
    """As `comap_loop`; the result keeps the key."""

    def loop(records: Iterator[Any], send: Send, failed: Failed) -> int:
        channel, waiters, notify = send.channel, send.waiters, send.notify
        surplus = 0
        while True:
            try:
                for (key, value), execute in records:
                    context.key = key
                    result = execute(value)
                    if result is None:
                        surplus -= 1
                        continue
                    channel.append((key, result))
                    if waiters:
                        notify()
                return surplus
            except BaseException as error:  # noqa: BLE001 - whatever user code raises is recorded
                surplus -= 1
                failed(value, error)

    return loop


def of_one_input(loop: Loop, mark: Any) -> Loop:
    """For the records of one input, which all have the same mark, a loop that takes each record with its mark."""

    def marked(records: Iterator[Any], send: Send, failed: Failed) -> int:
        return loop(zip(records, repeat(mark)), send, failed)

    return marked


def filter_loop(execute: Callable[[Any], Any]) -> Loop:
    """The records for which the function is true."""

    def loop(records: Iterator[Any], send: Send, failed: Failed) -> int:
        channel, waiters, notify = send.channel, send.waiters, send.notify
        surplus = 0
        while True:
            try:
                for value in records:
                    if execute(value):
                        channel.append(value)
                        if waiters:
                            notify()
                    else:
                        surplus -= 1
                return surplus
            except BaseException as error:  # noqa: BLE001 - whatever user code raises is recorded
                surplus -= 1
                failed(value, error)

    return loop


def keyed_filter_loop(execute: Callable[[Any], Any], context: OperatorContext) -> Loop:
    """As `filter_loop`, with keys."""

    def loop(records: Iterator[Any], send: Send, failed: Failed) -> int:
        channel, waiters, notify = send.channel, send.waiters, send.notify
        surplus = 0
        while True:
            try:
                for entry in records:
                    context.key, value = entry
                    if execute(value):
                        channel.append(entry)
                        if waiters:
                            notify()
                    else:
                        surplus -= 1
                return surplus
            except BaseException as error:  # noqa: BLE001 - whatever user code raises is recorded
                surplus -= 1
                failed(entry[1], error)

    return loop


def keyby_loop(execute: Callable[[Any], Any]) -> Loop:
    """Each record with the key that the function gives it."""

    def loop(records: Iterator[Any], send: Send, failed: Failed) -> int:
        channel, waiters, notify = send.channel, send.waiters, send.notify
        surplus = 0
        while True:
            try:
                for value in records:
                    channel.append((execute(value), value))
                    if waiters:
                        notify()
                return surplus
            except BaseException as error:  # noqa: BLE001 - whatever user code raises is recorded
                surplus -= 1
                failed(value, error)

    return loop


def without_keys(loop: Loop) -> Loop:
    """A loop for records with keys that has no use for the keys."""

    def unkeyed(records: Iterator[Any], send: Send, failed: Failed) -> int:
        return loop(map(_VALUE, records), send, failed)

    return unkeyed


def sink_loop(execute: Callable[[Any], Any]) -> Loop:
    """Records that end here."""

    def loop(records: Iterator[Any], send: Send, failed: Failed) -> int:
        while True:
            try:
                for value in records:
                    execute(value)
                return 0
            except BaseException as error:  # noqa: BLE001 - whatever user code raises is recorded
                failed(value, error)

    return loop


def keyed_sink_loop(execute: Callable[[Any], Any], context: OperatorContext) -> Loop:
    """As `sink_loop`, with keys."""

    def loop(records: Iterator[Any], send: Send, failed: Failed) -> int:
        while True:
            try:
                for context.key, value in records:
                    execute(value)
                return 0
            except BaseException as error:  # noqa: BLE001 - whatever user code raises is recorded
                failed(value, error)

    return loop


def join_loop(execute: Callable[[Any, Any, int], Any], context: OperatorContext, era: int, keyed: bool) -> Loop:
    """Any number of results for each record, given with its key and the input it came from; they carry that key.

    Each record comes with the number of its input. A list holds results (in era 3 any iterable but strings and
    dictionaries), anything else is one.
    """

    def results_of(result: Any) -> Iterable[Any]:
        if isinstance(result, list) or (era == 3 and _is_iterable(result, (str, bytes, dict))):
            items: Iterable[Any] = result
            return items
        return (result,)

    def loop(records: Iterator[Any], send: Send, failed: Failed) -> int:
        channel, waiters, notify, room = send.channel, send.waiters, send.notify, send.room
        surplus = given = 0
        while True:
            try:
                for entry, tag in records:
                    surplus -= 1
                    key, value = entry if keyed else (None, entry)
                    if key is None:
                        raise UnkeyedRecordError(
                            f"a record without a key reached input {tag} of the join {context.operator!r}; "
                            "use keyby on both of its inputs"
                        )
                    context.key = key
                    for item in results_of(execute(value, key, tag)):
                        if item is None:
                            continue
                        channel.append((key, item))
                        if waiters:
                            notify()
                        surplus += 1
                        given += 1
                        if given >= ROOM_EVERY:
                            given = 0
                            room()
                return surplus
            except CutShort:
                return surplus
            except BaseException as error:  # noqa: BLE001 - whatever user code raises is recorded
                failed(value, error)

    return loop


def flatmap_loop(function: Any, execute: Callable[[Any], Any], context: OperatorContext, era: int, keyed: bool) -> Loop:
    """Any number of results for each record: what the function returns, then what it has collected.

    An iterable is taken apart, but strings and bytes (in era 3 dictionaries too) are one result. Results go out as they
    come, those of a generator while it runs; what a record has collected before it failed is dropped.
    """
    whole = (str, bytes, dict) if era == 3 else (str, bytes)

    def results_of(result: Any) -> Iterator[Any]:
        yield from result if _is_iterable(result, whole) else (result,)
        yield from _collected(function)

    def loop(records: Iterator[Any], send: Send, failed: Failed) -> int:
        channel, waiters, notify, room = send.channel, send.waiters, send.notify, send.room
        surplus = given = 0
        while True:
            try:
                for entry in records:
                    surplus -= 1
                    if keyed:
                        context.key, value = entry
                    else:
                        value = entry
                    for item in results_of(execute(value)):
                        if item is None:
                            continue
                        channel.append((context.key, item) if keyed else item)
                        if waiters:
                            notify()
                        surplus += 1
                        given += 1
                        if given >= ROOM_EVERY:
                            given = 0
                            room()
                return surplus
            except CutShort:
                return surplus
            except BaseException as error:  # noqa: BLE001 - whatever user code raises is recorded
                failed(entry[1] if keyed else entry, error)
                _collected(function)

    return loop


def _is_iterable(result: Any, whole: tuple[type, ...]) -> bool:
    return hasattr(result, "__iter__") and not isinstance(result, whole)


def _collected(function: Any) -> list[Any]:
    """Take what a flatmap function has collected since the last time (`self.collect`)."""
    collected = getattr(function, "_collected", None)
    if not collected:
        return []
    items = list(collected)
    collected.clear()
    return items
