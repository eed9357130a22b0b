"""Snapshots of the state as JSON values: each class lists the fields that it keeps, and both directions follow.

A snapshot comes from a file that anybody may have written, so whatever is read is checked: a reader raises `TypeError`,
`ValueError`, `LookupError` or `OverflowError` for a value that the state can't hold.
"""

from __future__ import annotations

import json
from array import array
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from operator import attrgetter
from typing import Any, ClassVar, NamedTuple, Self, TypeVar

from sage_runtime.events import Event, decode, encode, from_fields
from sage_runtime.frozen import Frozen

_LONGEST_SUM = 512
"""Bits of a whole number: longer ones are nobody's sum of totals."""

_LARGEST = 1e100
"""Of other numbers, so that no sum of them overflows."""

_E = TypeVar("_E", bound=Event)
_F = TypeVar("_F", bound=Frozen)
Reader = Callable[[Any], Any]


class Field(NamedTuple):
    """A field of a snapshot. Where `later` is true, snapshots of earlier versions lack it."""

    key: str
    get: Callable[[Any], Any]
    put: Callable[[Any, Any], None]
    later: bool


class Kept:
    """A mutable part of the state. `KEPT` lists its fields; with `POSITIONAL` they are a list, otherwise an object."""

    __slots__ = ()
    KEPT: ClassVar[tuple[Field, ...]] = ()
    POSITIONAL: ClassVar[bool] = False

    def to_json(self) -> Any:
        """The part as JSON values."""
        if self.POSITIONAL:
            return [field.get(self) for field in self.KEPT]
        return {field.key: field.get(self) for field in self.KEPT}

    def restore(self, data: Any) -> Self:
        """Become the part that `to_json` described."""
        if self.POSITIONAL:
            data = _by_key(self.KEPT, data)
        for field in self.KEPT:
            if field.key in data or not field.later:
                field.put(self, data[field.key])
        return self


def _by_key(fields: Iterable[Field], data: list[Any]) -> dict[str, Any]:
    fields = tuple(fields)
    if type(data) is not list or len(data) > len(fields):
        raise TypeError(f"expected a list of {len(fields)}")
    return dict(zip((field.key for field in fields), data, strict=False))


# --- fields ----------------------------------------------------------------------------------------------------------


def value(
    path: str, read: Reader, *, key: str = "", write: Callable[[Any], Any] | None = None, later: bool = False
) -> Field:
    """A field whose value is replaced; `path` leads to its attribute."""
    get, (*way, name) = attrgetter(path), path.split(".")
    owner = attrgetter(".".join(way)) if way else None
    write = write or plain

    def put(part: Any, data: Any) -> None:
        setattr(part if owner is None else owner(part), name, read(data))

    return Field(key or path, lambda part: write(get(part)), put, later)


def part(path: str, *, key: str = "", later: bool = False) -> Field:
    """A field that is itself `Kept`, and restored in its place."""
    get = attrgetter(path)
    return Field(key or path, lambda whole: get(whole).to_json(), lambda whole, data: get(whole).restore(data), later)


def several(key: str, *fields: Field, later: bool = False) -> Field:
    """Several fields in one list."""

    def put(part: Any, data: Any) -> None:
        found = _by_key(fields, data)
        for field in fields:
            field.put(part, found[field.key])

    return Field(key, lambda part: [field.get(part) for field in fields], put, later)


def plain(held: Any) -> Any:
    """What a field holds as JSON values."""
    if held is None or isinstance(held, str | int | float):
        return held
    if isinstance(held, Kept):
        return held.to_json()
    if isinstance(held, Event):
        return json.loads(encode(held))
    if isinstance(held, Frozen):
        return {name: plain(getattr(held, name)) for name, _ in type(held).frozen_fields}
    if isinstance(held, Mapping):
        return {key: plain(item) for key, item in held.items()}
    if isinstance(held, array):
        return held.tolist()
    return [plain(item) for item in held]


def plain_values(parts: Mapping[str, Any]) -> list[Any]:
    """The values of a mapping whose keys they know themselves."""
    return [plain(part) for part in parts.values()]


# --- readers ---------------------------------------------------------------------------------------------------------


def whole(number: Any) -> int:
    """A count, or a sum of some."""
    if type(number) is not int or number.bit_length() > _LONGEST_SUM:
        raise TypeError("expected a whole number")
    return number


def finite(number: Any) -> float:
    """A time or an amount."""
    if type(number) not in (int, float) or not -_LARGEST <= number <= _LARGEST:
        raise TypeError("expected a number")
    return float(number)


def text(value: Any) -> str:
    """A text."""
    if type(value) is not str:
        raise TypeError("expected a text")
    return value


def truth(value: Any) -> bool:
    """True or false."""
    if type(value) is not bool:
        raise TypeError("expected true or false")
    return value


def optional(read: Reader) -> Reader:
    """What `read` takes, or null."""
    return lambda data: None if data is None else read(data)


def many(read: Reader, make: Callable[[Iterable[Any]], Any] = tuple) -> Reader:
    """A list whose items `read` takes."""
    return lambda data: make([read(item) for item in data])


def group(*readers: Reader) -> Reader:
    """A list with one reader for each of its items."""
    return lambda data: tuple([read(item) for read, item in zip(readers, data, strict=True)])


def counts(data: Any) -> dict[str, int]:
    """Counts by name."""
    return {text(name): whole(count) for name, count in data.items()}


def record(cls: type[_F]) -> Callable[[Any], _F]:
    """A part of an event, or a record like one."""
    return lambda data: from_fields(cls, data)


def event(cls: type[_E]) -> Callable[[Any], _E]:
    """An event of one type."""

    def read(data: Any) -> _E:
        found = decode(json.dumps(data))
        if not isinstance(found, cls):
            raise TypeError(f"expected {cls.__name__}, found {type(found).__name__}")
        return found

    return read


def recent(most: int | None = None) -> Callable[[Iterable[Any]], deque[Any]]:
    """Makes a deque of at most so many items."""
    return lambda items: deque(items, maxlen=most)
