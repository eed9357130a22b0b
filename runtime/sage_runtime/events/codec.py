"""Events, messages and commands as JSON lines, and back."""

from __future__ import annotations

import types
import typing
from collections.abc import Callable, Mapping
from json import JSONEncoder, loads
from typing import Any, TypeVar

from sage_runtime.events.messages import COMMANDS, MESSAGES, Command, Message
from sage_runtime.events.types import (
    EVENT_TYPES,
    Event,
    Latency,
    LeftOut,
    OperatorStats,
    PipelineFinished,
    ReplicaStats,
    RunFinished,
    ServiceStats,
    UnknownEvent,
)
from sage_runtime.frozen import replace, required

__all__ = [
    "MAX_LINE_BYTES",
    "EventError",
    "decode",
    "decode_command",
    "encode",
    "encode_command",
    "encode_stamped",
    "from_fields",
    "stamped",
]

MAX_LINE_BYTES = 4 * 1024 * 1024
"""The longest line that `decode` accepts; producers stay far below it."""


LARGEST = 10**18
"""No number in an event is larger: sums and products of such numbers never overflow a float."""

_MEASURED = frozenset({Latency, LeftOut, OperatorStats, PipelineFinished, ReplicaStats, RunFinished, ServiceStats})
"""Records whose numbers are counts, shares and durations: never negative."""


class EventError(ValueError):
    """A line that is no event: not JSON, not an object, too long, a field with the wrong type or an absurd number."""


_text = JSONEncoder(ensure_ascii=False, separators=(",", ":"), check_circular=False).encode
_ascii = JSONEncoder(separators=(",", ":"), check_circular=False).encode
"""Kept here, because a script may replace the functions of `json`."""

_NAMES: dict[type[Any], tuple[tuple[str, str], ...]] = {}


_F = TypeVar("_F")


def _names(cls: type[Any]) -> tuple[tuple[str, str], ...]:
    """The pairs of attribute and JSON key of a record, in order."""
    names = _NAMES.get(cls)
    if names is None:
        names = _NAMES[cls] = tuple((name, name.rstrip("_")) for name, _ in cls.frozen_fields)
    return names


def _plain(value: Any) -> Any:
    kind = type(value)
    if kind is str or kind is int or kind is float or value is None or kind is bool:
        return value
    if kind is tuple or kind is list:
        return [_plain(item) for item in value]
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    return {key: _plain(getattr(value, name)) for name, key in _names(kind)}


def _dump(data: dict[str, Any]) -> bytes:
    text = _text(data)
    try:
        return text.encode() + b"\n"
    except UnicodeEncodeError:  # a lone surrogate: undecodable bytes that a script wrote, escaped in ASCII
        return _ascii(data).encode() + b"\n"


def encode(message: Message) -> bytes:
    """The JSON line of an event or message, ending in a newline."""
    if isinstance(message, UnknownEvent):
        header = {name: getattr(message, name) for name in ("run", "t", "worker", "seq")}
        return _dump({"type": message.name, **header, **message.fields})
    return _dump({"type": message.type, **_plain(message)})


def encode_stamped(event: Event, *, run: int, t: float, worker: int, seq: int) -> bytes:
    """The JSON line of `stamped(event, …)`, without the copy."""
    data: dict[str, Any] = {"type": event.type, "run": run, "t": t, "worker": worker, "seq": seq}
    for name, key in _names(type(event))[len(data) - 1 :]:
        data[key] = _plain(getattr(event, name))
    return _dump(data)


def encode_command(command: Command) -> bytes:
    """The JSON line of a command, ending in a newline."""
    return _dump({"command": command.command, **_plain(command)})


_E = TypeVar("_E", bound=Event)


def stamped(event: _E, *, run: int, t: float, worker: int, seq: int) -> _E:
    """The event with its header filled in."""
    return replace(event, run=run, t=t, worker=worker, seq=seq)


_Check = Callable[[Any], Any]
_SCHEMAS: dict[type[Any], tuple[tuple[str, str, _Check, bool], ...]] = {}


def _wrong(expected: str) -> _Check:
    def check(value: Any) -> Any:
        raise TypeError(f"expected {expected}, found {type(value).__name__}")

    return check


def _check_for(hint: Any, least: int) -> _Check:
    """The function that turns a JSON value into a field of type `hint`, or raises `TypeError`.

    Numbers lie between `least` and `LARGEST`, so NaN and the infinities are refused too.
    """
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if hint is float:
        refuse = _wrong(f"a number from {least:g} to {LARGEST:g}")
        return lambda v: (
            (v if type(v) is float else float(v))
            if (type(v) is float or type(v) is int) and least <= v <= LARGEST
            else refuse(v)
        )
    if hint is int:
        refuse = _wrong(f"a whole number from {least:g} to {LARGEST:g}")
        return lambda v: v if type(v) is int and least <= v <= LARGEST else refuse(v)
    if hint in (str, bool):
        refuse = _wrong(hint.__name__)
        return lambda v: v if type(v) is hint else refuse(v)
    if origin in (typing.Union, types.UnionType):
        (inner,) = (_check_for(a, least) for a in arguments if a is not type(None))
        return lambda v: None if v is None else inner(v)
    if origin is tuple and arguments[-1] is Ellipsis:
        item, refuse = _check_for(arguments[0], least), _wrong("a list")
        return lambda v: tuple([item(x) for x in v]) if type(v) is list else refuse(v)
    if arguments == (int, int):  # the buckets of histograms: most of what is read
        refuse = _wrong(f"a list of two whole numbers from {least:g} to {LARGEST:g}")

        def pair(value: Any) -> Any:
            if type(value) is list and len(value) == 2:
                one, other = value
                if type(one) is type(other) is int and least <= one <= LARGEST and least <= other <= LARGEST:
                    return one, other
            return refuse(value)

        return pair
    if origin is tuple:
        parts, refuse = tuple(_check_for(a, least) for a in arguments), _wrong(f"a list of {len(arguments)}")
        return lambda v: (
            tuple(part(x) for part, x in zip(parts, v, strict=True))
            if type(v) is list and len(v) == len(parts)
            else refuse(v)
        )
    if isinstance(origin, type) and issubclass(origin, Mapping):
        item, refuse = _check_for(arguments[1], least), _wrong("an object")
        return lambda v: {k: item(x) for k, x in v.items()} if type(v) is dict else refuse(v)
    if isinstance(hint, type):
        refuse = _wrong("an object")
        return lambda v: _build(hint, v) if type(v) is dict else refuse(v)
    return lambda v: v


def _schema(cls: type[Any]) -> tuple[tuple[str, str, _Check, bool], ...]:
    schema = _SCHEMAS.get(cls)
    if schema is None:
        hints, least = typing.get_type_hints(cls), 0 if cls in _MEASURED else -LARGEST
        schema = _SCHEMAS[cls] = tuple(
            (name, name.rstrip("_"), _check_for(hints[name], least), required(default))
            for name, default in cls.frozen_fields
        )
    return schema


def from_fields(cls: type[_F], data: Mapping[str, Any]) -> _F:
    """A `Frozen` record from plain data under the names of its attributes.

    Raises:
        TypeError: a field is missing or has the wrong type.
    """
    return cls(**{name: check(data[name]) for name, _, check, _ in _schema(cls) if name in data})


def _build(cls: type[Any], data: Mapping[str, Any]) -> Any:
    values: dict[str, Any] = {}
    for name, key, check, needed in _schema(cls):
        if key in data:
            try:
                values[name] = check(data[key])
            except TypeError as error:
                raise TypeError(f"field {key!r}: {error}") from None
        elif needed:
            raise TypeError(f"field {key!r} is missing")
    return cls(**values)


def _load(line: bytes | str) -> dict[str, Any]:
    if len(line) > MAX_LINE_BYTES:
        raise EventError(f"a line of {len(line)} bytes is longer than {MAX_LINE_BYTES}")
    try:
        data = loads(line)
    except (ValueError, RecursionError) as error:
        raise EventError(f"not JSON: {error}") from None
    if type(data) is not dict:
        raise EventError(f"not a JSON object: {type(data).__name__}")
    return data


def decode(line: bytes | str) -> Message:
    """The event or message in a JSON line; an unknown type gives an `UnknownEvent`.

    Raises:
        EventError: the line is no JSON object with a `type`, or a field has the wrong type or an absurd number.
    """
    data = _load(line)
    name = data.get("type")
    if type(name) is not str:
        raise EventError("an event without a type")
    cls: type[Any] | None = EVENT_TYPES.get(name) or MESSAGES.get(name)
    try:
        if cls is not None:
            message: Message = _build(cls, data)
            return message
        header = _build(Event, data)
    except TypeError as error:
        raise EventError(f"{name}: {error}") from None
    rest = {k: v for k, v in data.items() if k not in ("type", "run", "t", "worker", "seq")}
    return UnknownEvent(run=header.run, t=header.t, worker=header.worker, seq=header.seq, name=name, fields=rest)


def decode_command(line: bytes | str) -> Command:
    """The command in a JSON line.

    Raises:
        EventError: the line is no known command.
    """
    data = _load(line)
    name = data.get("command")
    cls = COMMANDS.get(name) if type(name) is str else None
    if cls is None:
        raise EventError(f"unknown command {name!r}")
    try:
        command: Command = _build(cls, data)
        return command
    except TypeError as error:
        raise EventError(f"{name}: {error}") from None
