"""What an exception holds, as the interpreter has it.

A class may put properties in the place of these, and its metaclass may answer in the class's name; neither is asked.
"""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeVar

from sage_runtime.safe_repr.class_info import look_up
from sage_runtime.safe_repr.timed_call import cut, printable

if TYPE_CHECKING:
    from typing import TypeGuard

_Kind = TypeVar("_Kind", bound=BaseException)
_TRACE = BaseException.__dict__["__traceback__"]
_CAUSE = BaseException.__dict__["__cause__"]
_CONTEXT = BaseException.__dict__["__context__"]
_ARGUMENTS = BaseException.__dict__["args"]
_GROUPED = BaseExceptionGroup.__dict__["exceptions"]
_NAME = type.__dict__["__qualname__"]


def trace_of(error: BaseException) -> TracebackType | None:
    """Its traceback."""
    trace: TracebackType | None = _TRACE.__get__(error)
    return trace


def set_trace(error: BaseException, trace: TracebackType | None) -> None:
    """Give it another traceback."""
    _TRACE.__set__(error, trace)


def arguments(error: BaseException) -> tuple[Any, ...]:
    """What it was made with."""
    values: tuple[Any, ...] = _ARGUMENTS.__get__(error)
    return values


def beneath(error: BaseException) -> tuple[BaseException, ...]:
    """What it came from: its cause, its context, and of a group the exceptions in it."""
    grouped = _GROUPED.__get__(error) if issubclass(type(error), BaseExceptionGroup) else ()
    return tuple(one for one in (_CAUSE.__get__(error), _CONTEXT.__get__(error), *grouped) if one is not None)


def name_of(error: BaseException) -> str:
    """The name of its class, with the classes and functions that this stands in."""
    return printable(cut(_NAME.__get__(type(error)), 200))


def in_class(error: BaseException, name: str) -> Any:
    """What the first of its classes that has this attribute has there; None if none has."""
    return look_up(type(error), name)


def is_a(error: BaseException, kind: type[_Kind]) -> TypeGuard[_Kind]:
    """Whether it is of this class or of one below, whatever its `__class__` says."""
    return issubclass(type(error), kind)


def raised_here(error: BaseException) -> bool:
    """In the function that catches it: whether something built in has raised it there.

    What a signal handler raises may arrive at any step and be of any class; it has come through the handler.
    """
    trace = trace_of(error)
    return trace is not None and trace.tb_next is None
