"""Immutable records whose classes are cheap to define, which the start of a worker and a session needs.

Each `@dataclass(frozen=True, slots=True)` compiles six methods; forty of them, in both processes, took a quarter of the
time from the command to the script's first line. The classes here share their methods and look like dataclasses to a
type checker (PEP 681).
"""

from __future__ import annotations

from typing import Any, TypeVar, dataclass_transform

_REQUIRED = object()


class _FrozenType(type):
    """Turns the annotations of a class into slots and keeps the defaults in `frozen_fields`.

    Annotations must be strings (`from __future__ import annotations`). A class may define further `__slots__`, which
    are no fields.
    """

    frozen_fields: tuple[tuple[str, Any], ...]

    def __new__(
        cls, name: str, bases: tuple[type, ...], namespace: dict[str, Any], *, kw_only: bool = False, **options: Any
    ) -> _FrozenType:
        """A class with its bases' fields and its own. `kw_only` is for the type checker."""
        hints: dict[str, str] = namespace.get("__annotations__", {})
        own = {name: namespace.pop(name, _REQUIRED) for name, hint in hints.items() if not hint.startswith("ClassVar")}
        fields = tuple(field for base in bases for field in getattr(base, "frozen_fields", ())) + tuple(own.items())
        names = tuple(field for field, _ in fields)
        slots = (*own, *namespace.get("__slots__", ()))
        made = super().__new__(cls, name, bases, {**namespace, "__slots__": slots, "__match_args__": names}, **options)
        made.frozen_fields = fields
        return made


@dataclass_transform(frozen_default=True)
class Frozen(metaclass=_FrozenType):
    """The base of records: created by keyword or by position, equal if all fields are equal."""

    def __init__(self, *args: Any, **values: Any) -> None:
        put = object.__setattr__
        if args:
            names = [name for name, _ in type(self).frozen_fields]
            if len(args) > len(names):
                raise TypeError(f"{type(self).__name__} takes {len(names)} fields, {len(args)} were given")
            values.update(zip(names, args, strict=False))
        for name, default in type(self).frozen_fields:
            value = values.pop(name, default)
            if value is _REQUIRED:
                raise TypeError(f"{type(self).__name__} needs the field {name!r}")
            put(self, name, value)
        if values:
            raise TypeError(f"{type(self).__name__} has no field {next(iter(values))!r}")

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return all(getattr(self, name) == getattr(other, name) for name, _ in type(self).frozen_fields)

    def __hash__(self) -> int:
        return hash((type(self), *(getattr(self, name) for name, _ in type(self).frozen_fields)))

    def __repr__(self) -> str:
        fields = ", ".join(f"{name}={getattr(self, name)!r}" for name, _ in type(self).frozen_fields)
        return f"{type(self).__name__}({fields})"

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"cannot assign to field {name!r}")

    def __delattr__(self, name: str) -> None:
        raise AttributeError(f"cannot delete field {name!r}")

    def __getstate__(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name, _ in type(self).frozen_fields}

    def __setstate__(self, state: dict[str, Any]) -> None:
        for name, value in state.items():
            object.__setattr__(self, name, value)


_F = TypeVar("_F", bound=Frozen)


def replace(record: _F, **changes: Any) -> _F:
    """A copy of the record with some fields changed, as `dataclasses.replace` makes it.

    Raises:
        TypeError: it has no such field.
    """
    copy: _F = object.__new__(type(record))
    put = object.__setattr__
    for name, _ in type(record).frozen_fields:
        put(copy, name, changes.pop(name) if name in changes else getattr(record, name))
    if changes:
        raise TypeError(f"{type(record).__name__} has no field {next(iter(changes))!r}")
    return copy


def required(default: object) -> bool:
    """Whether a default in `frozen_fields` stands for none."""
    return default is _REQUIRED
