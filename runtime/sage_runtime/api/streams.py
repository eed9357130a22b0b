"""Streams: each operator that is called on one adds a step to the environment's pipeline."""

from __future__ import annotations

from types import GenericAlias
from typing import Any, Self

from sage_runtime.api.functions import BaseCoMapFunction, BaseJoinFunction
from sage_runtime.api.transformations import (
    BaseTransformation,
    CoMapTransformation,
    Environment,
    FilterTransformation,
    FlatMapTransformation,
    FutureTransformation,
    JoinTransformation,
    KeyByTransformation,
    MapTransformation,
    SinkTransformation,
)


class _Stream:
    """What streams have in common."""

    _environment: Environment
    _upstreams: list[BaseTransformation]
    _parallelism: int | None = None

    def set_parallelism(self, parallelism: int) -> Self:
        """The number of replicas of the operators called on this stream from now on, unless they are given their own.

        SAGE's repository had this for a few days in September 2025, and no released version.

        Raises:
            ValueError: it is less than 1.
        """
        if parallelism < 1:
            raise ValueError(f"a parallelism is 1 or more, not {parallelism}")
        self._parallelism = parallelism
        return self

    def _step(
        self,
        kind: type[BaseTransformation],
        function: Any,
        args: tuple[Any, ...],
        parallelism: int | None,
        kwargs: dict[str, Any],
    ) -> DataStream:
        """Add a step to the pipeline; returns what the step emits."""
        replicas = self._parallelism if parallelism is None else parallelism
        step = kind(self._environment, function, *args, parallelism=replicas, **kwargs)
        for index, upstream in enumerate(self._upstreams):
            step.add_upstream(upstream, index)
        self._environment.pipeline.append(step)
        return DataStream(self._environment, step)


class DataStream(_Stream):
    """What one step emits.

    Every method takes a function class with its constructor's arguments, or a callable. `parallelism` is the number of
    replicas. `name` names the operator.
    """

    def __init__(self, env: Environment, transformation: BaseTransformation) -> None:
        self._environment = env
        self.transformation = transformation
        self._upstreams = [transformation]

    def __class_getitem__(cls, item: Any) -> GenericAlias:
        return GenericAlias(cls, item)

    @property
    def logger(self) -> Any:
        """The environment's logger."""
        return self._environment.logger

    def map(self, function: Any, *args: Any, parallelism: int | None = None, **kwargs: Any) -> DataStream:
        """Turn each record into another; `None` is dropped."""
        return self._step(MapTransformation, function, args, parallelism, kwargs)

    def filter(self, function: Any, *args: Any, parallelism: int | None = None, **kwargs: Any) -> DataStream:
        """Keep the records for which the function returns something true."""
        return self._step(FilterTransformation, function, args, parallelism, kwargs)

    def flatmap(self, function: Any, *args: Any, parallelism: int | None = None, **kwargs: Any) -> DataStream:
        """Turn each record into any number: what is returned, flattened (strings stay whole), then `collect`ed."""
        return self._step(FlatMapTransformation, function, args, parallelism, kwargs)

    def sink(self, function: Any, *args: Any, parallelism: int | None = None, **kwargs: Any) -> DataStream:
        """End a branch here. Returns this very stream, so that more branches can follow."""
        self._step(SinkTransformation, function, args, parallelism, kwargs)
        return self

    def keyby(
        self, function: Any, strategy: Any = "hash", *args: Any, parallelism: int | None = None, **kwargs: Any
    ) -> DataStream:
        """Give each record the key that the function returns.

        `strategy` routes to the replicas that follow: hash, broadcast, or in turn, which any other value means too. In
        era 3 it means nothing, as in SAGE: records go by their keys.
        """
        return self._step(KeyByTransformation, function, args, parallelism, {**kwargs, "strategy": strategy})

    def connect(self, other: DataStream | ConnectedStreams) -> ConnectedStreams:
        """This stream and another (or several), side by side, for `comap`, `join` and the like.

        Raises:
            ValueError: they belong to different environments.
        """
        return ConnectedStreams(self._environment, [self.transformation, *other._upstreams])

    def fill_future(self, future_stream: DataStream) -> None:
        """Let this stream be what `env.from_future` promised: the edge that closes a feedback loop.

        Raises:
            ValueError: the other stream was not made by `from_future`.
            RuntimeError: it has been filled already.
        """
        future = future_stream.transformation
        if not isinstance(future, FutureTransformation):
            raise ValueError(f"{future.basename} is no future stream; env.from_future(name) makes one")
        future.fill_with_transformation(self.transformation)

    def print(self, prefix: str = "", separator: str = " | ", colored: bool = True) -> DataStream:
        """Print every record, after `prefix` and `separator` if there is a prefix. Returns this stream."""
        return self.sink(self._environment.print_sink(), prefix=prefix, separator=separator, colored=colored)


class ConnectedStreams(_Stream):
    """Two streams or more, side by side.

    Raises:
        ValueError: fewer than two, or of different environments.
    """

    def __init__(self, env: Environment, transformations: list[BaseTransformation]) -> None:
        if len(transformations) < 2:
            raise ValueError(f"connected streams are two at least, not {len(transformations)}")
        if any(step.env is not env for step in transformations):
            raise ValueError("streams of different environments cannot be connected")
        self._environment = env
        self.transformations = self._upstreams = transformations

    def map(self, function: Any, *args: Any, parallelism: int | None = None, **kwargs: Any) -> DataStream:
        """All streams merged, each record mapped."""
        return self._step(MapTransformation, function, args, parallelism, kwargs)

    def sink(self, function: Any, *args: Any, parallelism: int | None = None, **kwargs: Any) -> DataStream:
        """All streams merged into a sink."""
        return self._step(SinkTransformation, function, args, parallelism, kwargs)

    def print(self, prefix: str = "", separator: str = " | ", colored: bool = True) -> DataStream:
        """Print every record of all streams."""
        return self.sink(self._environment.print_sink(), prefix=prefix, separator=separator, colored=colored)

    def connect(self, other: DataStream | ConnectedStreams) -> ConnectedStreams:
        """These streams and more."""
        return ConnectedStreams(self._environment, [*self.transformations, *other._upstreams])

    def comap(self, function: Any, *args: Any, parallelism: int | None = None, **kwargs: Any) -> DataStream:
        """Each stream mapped by its own method of a `BaseCoMapFunction`: `map0`, `map1` and so on.

        Raises:
            NotImplementedError: a lambda or another callable.
            TypeError: no class derived from `BaseCoMapFunction`, or one that lacks a stream's method.
        """
        _check_comap(function, len(self.transformations), self._environment.era.number)
        return self._step(CoMapTransformation, function, args, parallelism, kwargs)

    def join(self, function: Any, *args: Any, parallelism: int | None = None, **kwargs: Any) -> DataStream:
        """Two keyed streams joined by a `BaseJoinFunction`: `execute(payload, key, tag)`.

        Raises:
            ValueError: there are not exactly two streams.
            TypeError: no class derived from `BaseJoinFunction`.
        """
        if len(self.transformations) != 2:
            raise ValueError(f"a join takes exactly 2 streams, not {len(self.transformations)}")
        if not isinstance(function, type) or not issubclass(function, BaseJoinFunction):
            raise TypeError(f"a join takes a class derived from BaseJoinFunction, not {_called(function)}")
        return self._step(JoinTransformation, function, args, parallelism, kwargs)

    def keyby(self, key_selector: Any, strategy: Any = "hash") -> ConnectedStreams:
        """Each stream keyed, by one `KeyByFunction` class or by a list with one for each.

        Raises:
            NotImplementedError: a lambda or another callable instead of a class.
            ValueError: the list is longer or shorter than there are streams.
        """
        count = len(self.transformations)
        if isinstance(key_selector, list):
            if len(key_selector) != count:
                raise ValueError(f"{count} streams need {count} key functions, not {len(key_selector)}")
            selectors = key_selector
        elif callable(key_selector) and not isinstance(key_selector, type):
            raise NotImplementedError("connected streams are keyed by KeyByFunction classes; lambdas are not supported")
        else:
            selectors = [key_selector] * count
        keyed = [
            DataStream(self._environment, step).keyby(selector, strategy=strategy).transformation
            for step, selector in zip(self.transformations, selectors, strict=True)
        ]
        return ConnectedStreams(self._environment, keyed)


def _called(function: Any) -> str:
    return str(getattr(function, "__name__", repr(function)))


def _check_comap(function: Any, streams: int, era: int) -> None:
    if not isinstance(function, type):
        if callable(function):
            raise NotImplementedError(
                "comap takes a class derived from BaseCoMapFunction; lambdas are not supported, "
                "because each stream needs a method of its own"
            )
        raise TypeError(f"comap takes a class derived from BaseCoMapFunction, not {_called(function)}")
    if not issubclass(function, BaseCoMapFunction):
        raise TypeError(f"{function.__name__} does not derive from BaseCoMapFunction, as comap needs")
    needed = [f"map{index}" for index in range(streams)]
    missing = [name for name in needed if not _maps(function, name, optional=era < 3)]
    if missing:
        raise TypeError(
            f"{function.__name__} is missing {', '.join(missing)}: {streams} streams need {', '.join(needed)}"
        )


def _maps(function: type[Any], name: str, *, optional: bool) -> bool:
    """Whether the class has that method; the base's own, which drop the record, count only where they are optional."""
    method = getattr(function, name, None)
    return callable(method) and (optional or method is not getattr(BaseCoMapFunction, name, None))
