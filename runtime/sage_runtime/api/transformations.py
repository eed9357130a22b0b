"""The steps of a pipeline as an environment collects them, before it is submitted: `env.pipeline` holds these."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, ClassVar

from sage_runtime.api.functions import BaseFunction, FutureFunction
from sage_runtime.api.lambdas import wrap_lambda

if TYPE_CHECKING:
    from sage_runtime.api.environment import BaseEnvironment
    from sage_runtime.graph import Partition


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
        env: BaseEnvironment,
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
        """What it reads from, in the order of the inputs."""
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


def _unique(name: str, env: BaseEnvironment) -> str:
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

    def __init__(
        self, env: BaseEnvironment, function: Any, *args: Any, delay: float | None = None, **kwargs: Any
    ) -> None:
        self.delay = delay
        self.values: Iterable[Any] | None = None
        super().__init__(env, function, *args, **kwargs)


class BatchTransformation(SourceTransformation):
    """A beginning that ends by itself. With `values` the engine iterates them and no function is made."""

    kind = "batch"

    def __init__(
        self,
        env: BaseEnvironment,
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

    def __init__(self, env: BaseEnvironment, function: Any, *args: Any, batch_size: int = 1, **kwargs: Any) -> None:
        self.batch_size = batch_size
        if isinstance(function, type) and requires(function, "batch_size"):
            kwargs["batch_size"] = batch_size
        super().__init__(env, function, *args, **kwargs)


class KeyByTransformation(BaseTransformation):
    """Gives each record a key; `partition_strategy` routes it to the replicas that follow."""

    kind = "keyby"

    def __init__(self, env: BaseEnvironment, function: Any, *args: Any, strategy: Any = "hash", **kwargs: Any) -> None:
        self.partition_strategy: Partition = strategy
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

    def __init__(self, env: BaseEnvironment, name: str) -> None:
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
