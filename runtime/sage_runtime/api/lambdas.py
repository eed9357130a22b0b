"""Lambdas and other callables where a function class is expected.

The class made of a callable has the callable itself as `execute`, so that nothing stands between it and the engine.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sage_runtime.api.functions import (
    BaseFunction,
    FilterFunction,
    FlatMapFunction,
    KeyByFunction,
    MapFunction,
    SinkFunction,
    SourceFunction,
)


class _Wrapped:
    """What classes made of a callable have in common; they take arguments and ignore them."""

    lambda_func: Callable[..., Any]

    def __init__(self, lambda_func: Callable[..., Any] | None = None, **kwargs: Any) -> None:
        super().__init__()
        if lambda_func is not None:
            self.lambda_func = lambda_func
            self.execute = lambda_func


class LambdaMapFunction(_Wrapped, MapFunction):
    """A map made of a callable."""

    def execute(self, *args: Any) -> Any:
        """Replaced by the callable."""
        return self.lambda_func(*args)


class LambdaFilterFunction(_Wrapped, FilterFunction):
    """A filter made of a callable."""

    execute = LambdaMapFunction.execute


class LambdaFlatMapFunction(_Wrapped, FlatMapFunction):
    """A flatmap made of a callable."""

    execute = LambdaMapFunction.execute


class LambdaSinkFunction(_Wrapped, SinkFunction):
    """A sink made of a callable."""

    execute = LambdaMapFunction.execute


class LambdaSourceFunction(_Wrapped, SourceFunction):
    """A source made of a callable without parameters."""

    execute = LambdaMapFunction.execute


class LambdaKeyByFunction(_Wrapped, KeyByFunction):
    """A key function made of a callable."""

    execute = LambdaMapFunction.execute


_BASES: dict[str, type[BaseFunction]] = {
    "map": LambdaMapFunction,
    "filter": LambdaFilterFunction,
    "flatmap": LambdaFlatMapFunction,
    "sink": LambdaSinkFunction,
    "source": LambdaSourceFunction,
    "batch": LambdaSourceFunction,
    "keyby": LambdaKeyByFunction,
}


def wrap_lambda(func: Callable[..., Any], func_type: str | None = None) -> type[BaseFunction]:
    """A function class of the kind `func_type` (guessed from the signature if None) that runs `func`.

    Raises:
        ValueError: there is no such kind.
    """
    kind = func_type or detect_lambda_type(func)
    base = _BASES.get(kind)
    if base is None:
        raise ValueError(f"unknown kind of function {kind!r}; there are {', '.join(_BASES)}")
    body = {"lambda_func": staticmethod(func), "execute": staticmethod(func), "__module__": func_module(func)}
    wrapped: type[BaseFunction] = type(kind, (base,), body)
    return wrapped


def func_module(func: Callable[..., Any]) -> str:
    """The module of a callable, as far as it tells."""
    return getattr(func, "__module__", None) or "builtins"


def detect_lambda_type(func: Callable[..., Any]) -> str:
    """The kind of function a callable seems to be, by its parameters and return annotation; `map` when in doubt."""
    from inspect import signature

    try:
        found = signature(func)
    except (TypeError, ValueError):
        return "map"
    if not found.parameters:
        return "source"
    returns = found.return_annotation
    if returns in (bool, "bool"):
        return "filter"
    if returns in (None, "None"):
        return "sink"
    if returns is list or getattr(returns, "__origin__", None) is list or str(returns).lower().startswith("list["):
        return "flatmap"
    return "map"
