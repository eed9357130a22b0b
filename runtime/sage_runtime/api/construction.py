"""How the user's functions and services come to life: constructed as SAGE does, with their context in place.

A function gets its `ctx` after its constructor has run, a service before. Plain classes, classes with `__slots__` and
classes with a `__new__` of their own are fine: what cannot hold a context goes without.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any

from sage_runtime.attribution import attributed


class _Construction(threading.local):
    context: Any = None


_construction = _Construction()


def context_of(instance: Any) -> Any:
    """The context of a function or service; inside a function's constructor, the one it is about to get."""
    context = getattr(instance, "ctx", None)
    return _construction.context if context is None else context


def create_function(cls: type[Any], args: tuple[Any, ...], kwargs: Mapping[str, Any], context: Any) -> Any:
    """A function for one replica; what its constructor prints and logs is attributed to the operator.

    Raises whatever the constructor raises.
    """
    before = _construction.context
    _construction.context = context
    try:
        with attributed(context.pipeline, context.operator):
            function = cls(*args, **kwargs)
    finally:
        _construction.context = before
    _inject(function, context)
    return function


def create_service(cls: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any], context: Any) -> Any:
    """A service, with its context there before `__init__` runs.

    `cls` is a class, or any callable that makes the service. Raises whatever the constructor raises.
    """
    if not isinstance(cls, type) or type(cls).__call__ is not type.__call__:
        service = cls(*args, **kwargs)
        _inject(service, context)
        return service
    service = _allocate(cls, args, kwargs)
    if isinstance(service, cls):
        _inject(service, context)
        service.__init__(*args, **kwargs)  # type: ignore[misc]
    return service


def _allocate(cls: type[Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
    """An instance before `__init__`, by a `__new__` that may or may not take the constructor's arguments."""
    allocate: Any = cls.__new__
    if allocate is object.__new__:
        return allocate(cls)
    from inspect import signature

    try:
        signature(allocate).bind(cls, *args, **kwargs)
    except (TypeError, ValueError):
        return allocate(cls)
    return allocate(cls, *args, **kwargs)


def _inject(instance: Any, context: Any) -> None:
    try:
        instance.ctx = context
    except AttributeError:
        pass  # __slots__, a frozen dataclass, a read-only property: it goes without
