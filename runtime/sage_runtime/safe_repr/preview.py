"""Short, safe texts of a user's values and exceptions: bounded in length, depth, items and time, and printable.

Plain values and containers, dataclasses, named tuples and objects without a `__repr__` of their own are read here,
without running any of the user's code. Any other `__repr__` runs on a helper thread with a deadline (`timed_call`).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import islice
from time import monotonic
from types import FunctionType, MappingProxyType, MemberDescriptorType
from typing import Any

from sage_runtime.safe_repr.timed_call import MORE, SECONDS, call_for_text, class_name, cut, printable

_ITEMS, _DEPTH = 20, 4
_FULL_ITEMS, _FULL_DEPTH = 200, 8


def preview(value: object, limit: int = 200) -> str:
    """One line that shows `value`, `limit` characters at most; strings are quoted. Never raises."""
    kind = type(value)
    if value is None or kind is bool or kind is float:
        return repr(value)
    if kind is str and len(value) < limit - 2:  # type: ignore[arg-type]
        return cut(repr(value), limit)
    return _Writer(limit, _ITEMS, _DEPTH).show(value)


def preview_arguments(args: Sequence[object], kwargs: Mapping[str, object], limit: int = 200) -> str:
    """The arguments of a call as they would be written, `limit` characters at most: `'a', 1, key='x'`."""
    writer = _Writer(limit, _ITEMS, _DEPTH)
    pairs = [("", value) for value in args] + [(f"{name}=", value) for name, value in kwargs.items()]
    return writer.finish(lambda: writer.items(pairs, len(pairs), 0))


def full_preview(value: object, limit: int = 4000) -> str:
    """`value` over several lines, indented like pretty-printed JSON, `limit` characters at most."""
    return _Writer(limit, _FULL_ITEMS, _FULL_DEPTH, pretty=True).show(value)


def exception_name(error: BaseException) -> str:
    """The qualified name of an exception's class."""
    return printable(cut(type.__dict__["__qualname__"].__get__(type(error)), 200))


def exception_message(error: BaseException, limit: int = 2000) -> str:
    """`str(error)`, bounded and printable but with its line breaks; never raises."""
    value: object = error
    if type(error).__str__ is BaseException.__str__ and len(error.args) <= 1:  # what it says is what its value says
        value = error.args[0] if error.args else ""
    if type(value) is str:
        text = value
    elif type(value) in _SHOWS:
        text = _Writer(limit, _FULL_ITEMS, _FULL_DEPTH).show(value)
    else:
        text = call_for_text(str, value, monotonic() + SECONDS)  # strikes go to the value's class, which may be slow
    return cut("\n".join(printable(line) for line in text[: limit + 1].split("\n")), limit)


class _FullError(Exception):
    """The text has reached its limit."""


class _Writer:
    """Writes the text of one value, piece by piece, until it is complete or at its limit. Used by one thread, once."""

    def __init__(self, limit: int, items: int, depth: int, *, pretty: bool = False) -> None:
        self._limit = limit
        self.left = limit + 1
        self._most = items
        self._depth = depth
        self._pretty = pretty
        self._pieces: list[str] = []
        self.deadline = monotonic() + SECONDS

    def show(self, value: object) -> str:
        return self.finish(lambda: self.value(value, 0))

    def finish(self, write: Callable[[], None]) -> str:
        try:
            write()
        except _FullError:
            pass
        except RecursionError:  # called with next to no stack left
            self._pieces.append(MORE)
        return cut("".join(self._pieces), self._limit)

    def put(self, text: str) -> None:
        self._pieces.append(text)
        self.left -= len(text)
        if self.left <= 0:
            raise _FullError

    def value(self, value: object, depth: int) -> None:
        """Write one value that lies `depth` containers deep."""
        kind = type(value)
        show = _SHOWS.get(kind)
        try:
            if show is None:
                show = _show_for(kind)
            show(self, value, depth)
        except (_FullError, RecursionError):
            raise
        except Exception:  # noqa: BLE001 - a class may answer anything about itself
            self.put(f"<{class_name(kind)}>")

    def items(self, pairs: Iterable[tuple[str, object]], count: int, depth: int, close: str = "") -> None:
        """Write labelled values with commas between, `count` in all, and say how many are not shown."""
        line = "\n" + "  " * (depth + 1) if self._pretty and close and count else ""
        shown = 0
        try:
            for label, value in islice(pairs, self._most):
                self.put(("," if line else ", ") + line if shown else line)
                shown += 1
                if label:
                    self.put(label)
                self.value(value, depth + 1)
        except RuntimeError:  # another thread changed the container
            self.put(f" {MORE} changed while it was read")
        else:
            if count > shown:
                self.put(("," if line else ", ") + f"{line}{MORE} {count - shown} more")
        if close:
            self.put((line[:-2] if line else "") + close)

    def container(self, opening: str, pairs: Iterable[tuple[str, object]], count: int, depth: int, close: str) -> None:
        """Write a container, or only its brackets where it lies too deep."""
        self.put(opening)
        if depth >= self._depth:
            self.put((MORE if count else "") + close)
        else:
            self.items(pairs, count, depth, close)

    def key(self, value: object, depth: int) -> str:
        """The text of a dictionary's key."""
        kind = type(value)
        if (kind is str and len(value) < 50) or kind is int:  # type: ignore[arg-type]
            return repr(value) + ": "
        inner = _Writer(min(50, max(self.left, 1)), 5, max(self._depth - depth, 1))
        inner.deadline = self.deadline
        return inner.show(value) + ": "


_Show = Callable[[_Writer, Any, int], None]


def _unlabelled(values: Iterable[object]) -> Iterable[tuple[str, object]]:
    return (("", value) for value in values)


def _labelled(values: Mapping[str, object]) -> Iterable[tuple[str, object]]:
    return ((f"{name}=", value) for name, value in values.items())


def _show_repr(writer: _Writer, value: object, depth: int) -> None:
    writer.put(repr(value))


def _show_int(writer: _Writer, value: int, depth: int) -> None:
    bits = int.bit_length(value)  # the digits of a huge one take quadratic time
    writer.put(int.__repr__(value) if bits <= 3000 else f"<int of {bits} bits>")


def _show_str(writer: _Writer, value: str, depth: int) -> None:
    left = writer.left
    writer.put(repr(str.__getitem__(value, slice(0, left))) + (MORE if len(value) > left else ""))


def _show_bytes(writer: _Writer, value: bytes | bytearray, depth: int) -> None:
    left = writer.left
    writer.put(repr(value[:left]) + (MORE if len(value) > left else ""))


def _show_list(writer: _Writer, value: list[object], depth: int) -> None:
    writer.container("[", _unlabelled(list.__iter__(value)), list.__len__(value), depth, "]")


def _show_tuple(writer: _Writer, value: tuple[object, ...], depth: int) -> None:
    count = tuple.__len__(value)
    writer.container("(", _unlabelled(tuple.__iter__(value)), count, depth, ",)" if count == 1 else ")")


def _show_dict(writer: _Writer, value: dict[object, object], depth: int) -> None:
    pairs = ((writer.key(key, depth + 1), item) for key, item in dict.items(value))
    writer.container("{", pairs, dict.__len__(value), depth, "}")


def _show_set(writer: _Writer, value: set[object], depth: int) -> None:
    if not value:
        writer.put("set()")
    else:
        writer.container("{", _unlabelled(set.__iter__(value)), set.__len__(value), depth, "}")


def _show_frozenset(writer: _Writer, value: frozenset[object], depth: int) -> None:
    writer.container("frozenset({", _unlabelled(frozenset.__iter__(value)), frozenset.__len__(value), depth, "})")


def _show_deque(writer: _Writer, value: deque[object], depth: int) -> None:
    writer.container("deque([", _unlabelled(deque.__iter__(value)), deque.__len__(value), depth, "])")


def _show_proxy(writer: _Writer, value: Mapping[object, object], depth: int) -> None:
    writer.put("mappingproxy(…)")  # what is behind it may be anybody's


_SHOWS: dict[type, _Show] = {
    type(None): _show_repr,
    bool: _show_repr,
    float: _show_repr,
    complex: _show_repr,
    range: lambda writer, value, depth: writer.put(f"range({value.start}, {value.stop}, {value.step})"),
    int: _show_int,
    str: _show_str,
    bytes: _show_bytes,
    bytearray: _show_bytes,
    list: _show_list,
    tuple: _show_tuple,
    dict: _show_dict,
    set: _show_set,
    frozenset: _show_frozenset,
    deque: _show_deque,
    MappingProxyType: _show_proxy,
}
_BASES: tuple[type, ...] = (str, int, float, list, dict, tuple, set, frozenset, deque, bytes, bytearray)


def _show_for(kind: type) -> _Show:
    """How to show an instance of a class that is none of the built-in ones."""
    own: Any = kind.__repr__
    if _is_named_tuple(kind, own):
        return _show_named_tuple
    if own is object.__repr__:
        return _show_attributes
    if _is_generated(own):
        return _show_dataclass
    if own is BaseException.__repr__:
        return _show_exception
    for base in _BASES:
        if own is base.__repr__:
            return _show_subclass(_SHOWS[base])
    return _show_own


def _show_own(writer: _Writer, value: object, depth: int) -> None:
    writer.put(printable(call_for_text(repr, value, writer.deadline)[: writer.left]))


def _show_subclass(show: _Show) -> _Show:
    def show_it(writer: _Writer, value: object, depth: int) -> None:
        writer.put(class_name(type(value)) + "(")
        show(writer, value, depth)
        writer.put(")")

    return show_it


def _is_named_tuple(kind: type, own: Any) -> bool:
    return (
        issubclass(kind, tuple)
        and type(kind.__dict__.get("_fields")) is tuple
        and type(own) is FunctionType
        and own.__code__.co_name == "__repr__"
        and own.__module__ in ("collections", f"namedtuple_{kind.__name__}")
    )


def _is_generated(own: Any) -> bool:
    """Whether a `__repr__` is the one that `dataclass` wrote."""
    inner = own.__dict__.get("__wrapped__") if type(own) is FunctionType else None
    return type(inner) is FunctionType and inner.__code__.co_filename == "<string>"


def _show_named_tuple(writer: _Writer, value: Any, depth: int) -> None:
    pairs = _labelled(dict(zip(type(value)._fields, tuple.__iter__(value), strict=False)))
    writer.container(class_name(type(value)) + "(", pairs, tuple.__len__(value), depth, ")")


def _show_dataclass(writer: _Writer, value: Any, depth: int) -> None:
    held = _attributes(value)
    shown = {field.name: held.get(field.name, _NOT_SET) for field in value.__dataclass_fields__.values() if field.repr}
    writer.container(class_name(type(value)) + "(", _labelled(shown), len(shown), depth, ")")


def _show_exception(writer: _Writer, value: BaseException, depth: int) -> None:
    writer.container(class_name(type(value)) + "(", _unlabelled(value.args), len(value.args), depth, ")")


def _show_attributes(writer: _Writer, value: object, depth: int) -> None:
    """An object without a text of its own: its class and its attributes."""
    held = _attributes(value)
    if held:
        writer.container(f"<{class_name(type(value))} ", _labelled(held), len(held), depth, ">")
    else:
        writer.put(f"<{class_name(type(value))}>")


class _NotSet:
    def __repr__(self) -> str:
        return "<not set>"


_NOT_SET = _NotSet()
_SHOWS[_NotSet] = _show_repr


def _attributes(value: object) -> dict[str, object]:
    """What lies in the value's slots and in its `__dict__`; no property is run."""
    found: dict[str, object] = {}
    for base in type(value).__mro__:
        for name, slot in base.__dict__.items():
            if type(slot) is MemberDescriptorType and name[:2] != "__":
                try:
                    found[name] = slot.__get__(value)
                except AttributeError:
                    found[name] = _NOT_SET
    try:
        found.update(object.__getattribute__(value, "__dict__"))
    except AttributeError:  # only slots
        pass
    return found
