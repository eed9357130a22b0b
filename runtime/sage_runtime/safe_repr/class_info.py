"""What a class holds, as the interpreter has it: its metaclass, which may say otherwise or raise, is not asked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_BASES = type.__dict__["__mro__"]
_DICT = type.__dict__["__dict__"]


def bases(kind: type) -> tuple[type, ...]:
    """The class and those that it inherits from, in the order in which attributes are looked for."""
    found: tuple[type, ...] = _BASES.__get__(kind)
    return found


def held(kind: type) -> Mapping[str, Any]:
    """The attributes of the class itself, without those of its bases."""
    found: Mapping[str, Any] = _DICT.__get__(kind)
    return found


def look_up(kind: type, name: str) -> Any:
    """What the first of the classes that has this attribute has there; None if none has."""
    for base in bases(kind):
        attributes = held(base)
        if name in attributes:
            return attributes[name]
    return None
