"""The base classes of users' functions, the classes made from their lambdas, and how both are constructed.

A base class is one object, whatever address it is imported from. What the engine hands over through the context
(`logger`, `name`, `call_service`) is a default: a user's own attribute of that name replaces it, and classes that never
call `super().__init__()` have it too. A function gets its `ctx` after its constructor has run, a service before.
Plain classes, classes with `__slots__` and classes with a `__new__` of their own are fine: an object that cannot hold
a context goes without one.
"""

from __future__ import annotations

import logging
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from sage_runtime.attribution import attributed

# --- construction ----------------------------------------------------------------------------------------------------


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
    """A service, whose context is set before `__init__` runs.

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


# --- base classes -----------------------------------------------------------------------------------------------------


class FromContext:
    """An attribute read from the context, until an instance assigns one of its own."""

    def __init__(self, find: Callable[[Any], Any]) -> None:
        self._find = find

    def __get__(self, instance: Any, owner: type[Any]) -> Any:
        return self if instance is None else self._find(instance)


def find_logger(instance: Any) -> logging.Logger:
    """The logger of the context, else one named after the class."""
    context = context_of(instance)
    logger: logging.Logger = logging.getLogger(f"sage.{type(instance).__name__}") if context is None else context.logger
    return logger


def find_name(instance: Any) -> str:
    """The name in the context (`PrintSink_0`), else the class's."""
    return type(instance).__name__ if instance.ctx is None else str(instance.ctx.name)


def find_call_service(instance: Any) -> Any:
    """What calls services and waits: `call_service["x"].method(…)` or `call_service("x", …, method=…)`.

    Raises:
        RuntimeError: there is no context yet, as in a function's constructor.
    """
    return _context(instance).call_service


def find_call_service_async(instance: Any) -> Any:
    """As `find_call_service`, for calls that return a future."""
    return _context(instance).call_service_async


def _context(instance: Any) -> Any:
    if instance.ctx is None:
        raise RuntimeError(
            f"{type(instance).__name__} has no runtime context yet, so it cannot call services: "
            "functions get it after __init__, when the pipeline is submitted"
        )
    return instance.ctx


class BaseFunction(ABC):
    """The base class of all functions. `ctx` is None until the constructor has run."""

    ctx: Any = None
    logger: Any = FromContext(find_logger)
    name: Any = FromContext(find_name)
    call_service: Any = FromContext(find_call_service)
    call_service_async: Any = FromContext(find_call_service_async)

    __state_include__: ClassVar[list[str]] = []
    __state_exclude__: ClassVar[list[str]] = ["ctx", "_logger", "logger"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: B027 - users pass on what they were given
        """Accept any arguments and ignore them."""

    @abstractmethod
    def execute(self, *args: Any, **kwargs: Any) -> Any:
        """Handle one record, or make one (sources and batches, without an argument)."""

    def get_state(self) -> dict[str, Any]:
        """The attributes that make up the state: those in `__state_include__`, or all but `__state_exclude__`."""
        attributes = vars(self)
        chosen = self.__state_include__ or [name for name in attributes if name not in self.__state_exclude__]
        return {name: attributes[name] for name in chosen if name in attributes}

    def restore_state(self, state: dict[str, Any]) -> None:
        """Set the attributes that `get_state` returned."""
        vars(self).update(state)


class MapFunction(BaseFunction):
    """One record in, one out; `None` is dropped."""


class FilterFunction(BaseFunction):
    """Keeps the records for which `execute` is true."""


class Collector:
    """Collects what a flatmap emits besides, or instead of, what it returns."""

    def __init__(self, logger: Any = None, **kwargs: Any) -> None:
        self.logger = logger
        self._items: list[Any] = []

    def collect(self, data: Any) -> None:
        """Emit a record."""
        self._items.append(data)

    def clear(self) -> None:
        """Forget what was collected."""
        self._items.clear()

    @property
    def items(self) -> list[Any]:
        """What was collected, as era 3 names it."""
        return self._items


class _FlatMapCollector(Collector):
    """A flatmap's own collector: it hands records to `FlatMapFunction.collect`."""

    def __init__(self, function: FlatMapFunction) -> None:
        super().__init__()
        self._function = function

    def collect(self, data: Any) -> None:
        self._function.collect(data)


class FlatMapFunction(BaseFunction):
    """One record in, any number out: what `execute` returns, flattened, and then what it gave to `collect`."""

    def collect(self, data: Any) -> None:
        """Emit a record after those that `execute` returns. The engine empties the list after each record."""
        try:
            self._collected.append(data)
        except AttributeError:
            self._collected: list[Any] = [data]

    @property
    def out(self) -> Collector:
        """The collector, for functions that call `self.out.collect(x)`."""
        collector = self.__dict__.get("_out")
        if collector is None:
            collector = self.__dict__["_out"] = _FlatMapCollector(self)
        assert isinstance(collector, Collector)
        return collector

    @out.setter
    def out(self, value: Any) -> None:
        self.__dict__["_out"] = value


class SinkFunction(BaseFunction):
    """The end of a stream: what `execute` returns is ignored, and `close`, if there is one, is called at the end."""


class SourceFunction(BaseFunction):
    """Makes records until it returns a `StopSignal`; `None` means that there is nothing now."""


class BatchFunction(BaseFunction):
    """Makes records until it returns `None` or a `StopSignal`."""


class KeyByFunction(BaseFunction):
    """`execute` returns the key of a record."""


class BaseJoinFunction(BaseFunction):
    """Joins two keyed streams: `execute(payload, key, tag)`, with tag 0 for the left and 1 for the right stream."""

    is_join = True


class BaseCoMapFunction(BaseFunction):
    """Maps several streams, each by its own method: `map0` for the first, `map1` for the second, and so on.

    Classes define `map0` and `map1`. In eras 1 and 2 the third to fifth are optional: their records are dropped.
    """

    is_comap = True

    def execute(self, *args: Any, **kwargs: Any) -> Any:
        """Never called by the engine.

        Raises:
            NotImplementedError: always.
        """
        raise NotImplementedError(f"{type(self).__name__} is a comap: its mapN methods are called, not execute")

    def map2(self, data: Any) -> Any:
        """The third stream: dropped unless overridden."""

    def map3(self, data: Any) -> Any:
        """The fourth stream: dropped unless overridden."""

    def map4(self, data: Any) -> Any:
        """The fifth stream: dropped unless overridden."""


class FutureFunction(BaseFunction):
    """Stands in for a stream made by `from_future` until it is filled. It is never run."""

    def execute(self, *args: Any, **kwargs: Any) -> Any:
        """Never called by the engine.

        Raises:
            RuntimeError: always.
        """
        raise RuntimeError("a future is a placeholder; fill it with fill_future")

    call = __call__ = execute


# --- lambdas ----------------------------------------------------------------------------------------------------------


class LambdaMapFunction(MapFunction):
    """A map that a script makes of a callable itself."""

    def __init__(self, lambda_func: Callable[..., Any], **kwargs: Any) -> None:
        super().__init__()
        self.lambda_func = lambda_func

    def execute(self, data: Any) -> Any:
        """What the callable returns."""
        return self.lambda_func(data)


_BASES: dict[str, Any] = {
    "map": MapFunction,
    "filter": FilterFunction,
    "flatmap": FlatMapFunction,
    "sink": SinkFunction,
    "source": SourceFunction,
    "batch": SourceFunction,
    "keyby": KeyByFunction,
}


def wrap_lambda(func: Callable[..., Any], func_type: str | None = None) -> type[BaseFunction]:
    """A function class of the kind `func_type` (a map if None) that runs `func`.

    Raises:
        ValueError: there is no such kind.
    """
    kind = func_type or "map"
    base = _BASES.get(kind)
    if base is None:
        raise ValueError(f"unknown kind of function {kind!r}; there are {', '.join(_BASES)}")
    body = {"lambda_func": staticmethod(func), "execute": staticmethod(func), "__module__": func_module(func)}
    wrapped: type[BaseFunction] = type(kind, (base,), body)
    return wrapped


def func_module(func: Callable[..., Any]) -> str:
    """The module of a callable, as far as it is known."""
    return getattr(func, "__module__", None) or "builtins"
