"""The steps of a pipeline as an environment collects them, before it is submitted: `env.pipeline` holds these."""

from __future__ import annotations

import linecache
import re
import sys
from collections.abc import Callable, Iterable
from types import CodeType
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from sage_runtime.api.functions import BaseFunction, FutureFunction, wrap_lambda

if TYPE_CHECKING:
    from sage_runtime.api.eras import Era


class Environment(Protocol):
    """What steps and streams know of the environment that they belong to."""

    name: str
    config: dict[str, Any]
    pipeline: list[BaseTransformation]
    service_factories: dict[str, Any]
    console_log_level: str

    @property
    def era(self) -> Era:
        """The era of the address that its class was imported from."""

    @property
    def logger(self) -> Any:
        """A logger for the script's own messages."""

    @property
    def scheduler(self) -> Any:
        """The scheduler that was given, resolved."""

    def print_sink(self) -> type[BaseFunction]:
        """The class that `stream.print()` uses."""

    def submit(self, autostop: bool = False) -> str:
        """Start the pipeline and return the id of this submit."""


def function_class(function: Any, kind: str) -> tuple[type[Any], Callable[..., Any] | None]:
    """The class to instantiate for what a user gave, and the callable itself if it was one.

    A class is a function class if it derives from `BaseFunction` or has what the engine calls; any other callable, a
    class such as `str` included, is run on each record.

    Raises:
        TypeError: it is neither a class nor callable, or an instance of a function class.
    """
    if isinstance(function, type) and (issubclass(function, BaseFunction) or hasattr(function, "execute")):
        return function, None
    if isinstance(function, BaseFunction):
        name = type(function).__name__
        raise TypeError(
            f"{kind} takes the class {name}, not an instance of it: each replica gets an instance of its own"
        )
    if not callable(function):
        raise TypeError(f"{kind} takes a function class or a callable, not {function!r}")
    return wrap_lambda(function, kind), function


class BaseTransformation:
    """One step: the function's class with its constructor's arguments, and what it reads from.

    `basename` is unique in the environment. `inputs` are pairs of the step upstream and the input's index.
    """

    kind: ClassVar[str]
    is_spout: ClassVar[bool] = False
    is_sink: ClassVar[bool] = False

    def __init__(
        self,
        env: Environment,
        function: Any,
        *args: Any,
        name: str | None = None,
        parallelism: int | None = None,
        **kwargs: Any,
    ) -> None:
        self.env = env
        self.function_class, self.callable = function_class(function, self.kind)
        self.function_args = args
        self.function_kwargs = kwargs
        if name is not None and requires(self.function_class, "name"):
            kwargs["name"], name = name, None
        self.basename = _unique(name or self.function_class.__name__, env)
        self.parallelism = 1 if parallelism is None else parallelism
        self.inputs: list[tuple[BaseTransformation, int]] = []

    @property
    def upstreams(self) -> list[BaseTransformation]:
        """The steps that it reads from, in the order of the inputs."""
        return [upstream for upstream, _ in self.inputs]

    @property
    def downstreams(self) -> dict[str, int]:
        """The names of the steps that read from this one, each with the index of its input."""
        return {
            reader.basename: index
            for reader in self.env.pipeline
            for upstream, index in reader.inputs
            if upstream is self
        }

    def add_upstream(self, upstream_trans: BaseTransformation, input_index: int = 0) -> None:
        """Read from `upstream_trans` as input `input_index`."""
        self.inputs.append((upstream_trans, input_index))

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.basename}>"


def requires(cls: type[Any], parameter: str) -> bool:
    """Whether the class can't be made without an argument of that name, so that a keyword of ours means its own."""
    code = getattr(cls.__init__, "__code__", None)
    if code is None:
        return False
    if parameter in code.co_varnames[code.co_argcount : code.co_argcount + code.co_kwonlyargcount]:
        return parameter not in (cls.__init__.__kwdefaults__ or {})
    names = code.co_varnames[: code.co_argcount]
    return parameter in names[: len(names) - len(cls.__init__.__defaults__ or ())]


def _unique(name: str, env: Environment) -> str:
    """`name`, or the first of `name_1`, `name_2` … that no step of the environment has."""
    taken = {step.basename for step in env.pipeline}
    candidate, count = name, 0
    while candidate in taken:
        count += 1
        candidate = f"{name}_{count}"
    return candidate


class SourceTransformation(BaseTransformation):
    """A stream's beginning. `delay` is None unless the user gave one, in seconds; see `Era.longest_tick`."""

    kind = "source"
    is_spout = True

    def __init__(self, env: Environment, function: Any, *args: Any, delay: float | None = None, **kwargs: Any) -> None:
        self.delay = delay
        self.values: Iterable[Any] | None = None
        super().__init__(env, function, *args, **kwargs)


class BatchTransformation(SourceTransformation):
    """A beginning that ends by itself. With `values` the engine iterates them and no function is made."""

    kind = "batch"

    def __init__(
        self,
        env: Environment,
        function: Any,
        *args: Any,
        progress_log_interval: int = 100,
        **kwargs: Any,
    ) -> None:
        self.progress_log_interval = progress_log_interval
        super().__init__(env, function, *args, **kwargs)


class MapTransformation(BaseTransformation):
    """One record in, one out."""

    kind = "map"


class FilterTransformation(BaseTransformation):
    """Some of the records."""

    kind = "filter"


class FlatMapTransformation(BaseTransformation):
    """One record in, any number out."""

    kind = "flatmap"


class SinkTransformation(BaseTransformation):
    """A stream's end. `batch_size` is accepted, as in SAGE, and means nothing."""

    kind = "sink"
    is_sink = True

    def __init__(self, env: Environment, function: Any, *args: Any, batch_size: int = 1, **kwargs: Any) -> None:
        self.batch_size = batch_size
        if isinstance(function, type) and requires(function, "batch_size"):
            kwargs["batch_size"] = batch_size
        super().__init__(env, function, *args, **kwargs)


class KeyByTransformation(BaseTransformation):
    """Gives each record a key; `partition_strategy` routes it to the replicas that follow."""

    kind = "keyby"

    def __init__(self, env: Environment, function: Any, *args: Any, strategy: Any = "hash", **kwargs: Any) -> None:
        self.partition_strategy: Any = strategy
        super().__init__(env, function, *args, **kwargs)


class CoMapTransformation(BaseTransformation):
    """Several inputs, each with a method of its own."""

    kind = "comap"


class JoinTransformation(BaseTransformation):
    """Two keyed inputs."""

    kind = "join"


class FutureTransformation(BaseTransformation):
    """A stream declared before it is built. `actual_transformation` is what fills it."""

    kind = "future"

    def __init__(self, env: Environment, name: str) -> None:
        super().__init__(env, FutureFunction, name=name)
        self.is_future = True
        self.future_name = name
        self.actual_transformation: BaseTransformation | None = None

    @property
    def filled(self) -> bool:
        """Whether `fill_future` was called for it."""
        return self.actual_transformation is not None

    def fill_with_transformation(self, actual_transformation: BaseTransformation) -> None:
        """Fill it.

        Raises:
            RuntimeError: it has been filled.
        """
        if self.filled:
            raise RuntimeError(f"the future stream {self.future_name!r} has been filled already")
        self.actual_transformation = actual_transformation


# --- where a user's class or callable stands --------------------------------------------------------------------------


_OWN = (__name__.partition(".")[0] + ".", "sage.")
"""Modules whose classes are the library's and not the user's."""


def class_location(cls: type[Any]) -> tuple[str | None, int | None]:
    """File and first line of a class, where they are cheap to find; (None, None) for the library's own."""
    module = cls.__module__
    if module.startswith(_OWN):
        return None, None
    file = getattr(sys.modules.get(module), "__file__", None)
    codes = [code for code in map(_code, vars(cls).values()) if code is not None]
    if codes and (file is None or file.endswith(".pyc")):
        file = codes[0].co_filename
    line = vars(cls).get("__firstlineno__")  # from Python 3.13 on
    if isinstance(line, int):
        return file, line
    below = min((code.co_firstlineno for code in codes if code.co_filename == file), default=None)
    return file, _heading(file, cls.__name__, below)


def callable_location(function: Any) -> tuple[str | None, int | None]:
    """File and line of a function, lambda, method or callable object; (None, None) for built-ins."""
    code = _code(getattr(function, "__func__", function))
    if code is None:
        code = _code(vars(type(function)).get("__call__"))
    if code is None:
        inner = getattr(function, "func", None)  # functools.partial
        return (None, None) if inner is None else callable_location(inner)
    return code.co_filename, code.co_firstlineno


def _code(member: Any) -> CodeType | None:
    for candidate in (member, getattr(member, "__func__", None), getattr(member, "fget", None)):
        code = getattr(candidate, "__code__", None)
        if isinstance(code, CodeType):
            return code
    return None


def _heading(file: str | None, name: str, below: int | None) -> int | None:
    """The line of `class name`: the nearest above `below`, else the first in the file; `below` if there is none."""
    if file is None:
        return below
    lines = linecache.getlines(file)
    heading = re.compile(rf"\s*class\s+{re.escape(name)}\b")
    if below is not None:
        for number in range(min(below, len(lines)), 0, -1):
            if heading.match(lines[number - 1]):
                return number
        return below
    return next((number for number, line in enumerate(lines, 1) if heading.match(line)), None)
