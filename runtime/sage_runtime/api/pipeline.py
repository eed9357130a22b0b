"""From the steps that an environment has collected to the graph that the engine runs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sage_runtime.api.eras import Era
from sage_runtime.api.factories import FunctionFactory, RegisteredService, recovery_attempts
from sage_runtime.api.transformations import (
    BaseTransformation,
    Environment,
    FutureTransformation,
    KeyByTransformation,
    SourceTransformation,
    callable_location,
    class_location,
)
from sage_runtime.frozen import replace
from sage_runtime.graph import EdgeSpec, Graph, GraphError, OperatorSpec, Partition, ServiceSpec


def build_graph(env: Environment, *, autostop: bool = False) -> Graph:
    """The graph of all that was built on the environment; with `autostop` the script waits for its end.

    Raises:
        GraphError: a future stream is read but was never filled, or the graph does not hold together.
    """
    steps = [step for step in env.pipeline if not isinstance(step, FutureTransformation)]
    return Graph(
        name=env.name,
        era=env.era.number,
        operators=tuple(_operator(step, env, autostop) for step in steps),
        edges=tuple(_edges(steps)),
        services=tuple(_service(name, factory, env) for name, factory in env.service_factories.items()),
        autostop=autostop,
    )


def _operator(step: BaseTransformation, env: Environment, autostop: bool) -> OperatorSpec:
    assert step.kind != "future"
    if step.callable is None:
        file, line = class_location(step.function_class)
    else:
        file, line = callable_location(step.callable)
    spec = OperatorSpec(
        id=step.basename,
        name=step.basename,
        kind=step.kind,
        create=FunctionFactory(
            function_class=step.function_class,
            args=step.function_args,
            kwargs=step.function_kwargs,
            kind=step.kind,
            era=env.era,
            console_level=env.console_log_level,
            recoveries=recovery_attempts(env.config) if env.era.recovers_sources and step.is_spout else 0,
        ),
        class_name=_class_name(step.function_class if step.callable is None else step.callable),
        parallelism=step.parallelism,
        file=file,
        line=line,
    )
    return _source(spec, step, env.era, autostop) if isinstance(step, SourceTransformation) else spec


def _source(spec: OperatorSpec, step: SourceTransformation, era: Era, autostop: bool) -> OperatorSpec:
    """The spec of a source, with its pace and its end."""
    if step.values is not None:
        spec = replace(spec, class_name=type(step.values).__name__, values=step.values)
    if step.delay is not None:
        if era.longest_tick is not None:
            spec = replace(spec, delay=min(step.delay, era.longest_tick))
        elif not autostop:
            spec = replace(spec, idle_delay=step.delay)
    return replace(spec, none_ends=step.kind == "batch", stop_iteration_ends=True)


def _class_name(cls: Any) -> str:
    return str(getattr(cls, "__name__", type(cls).__name__))


def _service(name: str, factory: Any, env: Environment) -> ServiceSpec:
    cls = getattr(factory, "service_class", type(factory))
    file, line = class_location(cls) if isinstance(cls, type) else callable_location(cls)
    return ServiceSpec(name, RegisteredService(factory, env.era, env.console_log_level), _class_name(cls), file, line)


def _edges(steps: list[BaseTransformation]) -> Iterator[EdgeSpec]:
    inputs = {step: [(*_filled(upstream, step), index) for upstream, index in step.inputs] for step in steps}
    reach = _Reach(inputs)
    taken: set[str] = set()
    for step in steps:
        for upstream, promised, index in inputs[step]:
            edge = f"{upstream.basename} → {step.basename}"
            if edge in taken:
                edge = f"{edge} [{index}]"
            taken.add(edge)
            yield EdgeSpec(
                id=edge,
                source=upstream.basename,
                target=step.basename,
                input=index,
                partition=_partition(upstream),
                feedback=promised and reach.leads(step, upstream),
            )


def _filled(upstream: BaseTransformation, reader: BaseTransformation) -> tuple[BaseTransformation, bool]:
    """The step that fills a future (any other step stays itself), and whether it was a future."""
    promised = False
    while isinstance(upstream, FutureTransformation):
        promised = True
        if upstream.actual_transformation is None:
            raise GraphError(
                f"{reader.basename} reads the future stream {upstream.future_name!r}, which was never filled; "
                "call fill_future on the stream that it stands for"
            )
        upstream = upstream.actual_transformation
    return upstream, promised


def _partition(upstream: BaseTransformation) -> Partition:
    if not isinstance(upstream, KeyByTransformation):
        return "forward"
    if upstream.env.era.keys_route:
        return "hash"
    strategy = upstream.partition_strategy
    return strategy if strategy in ("hash", "broadcast") else "round_robin"


class _Reach:
    """Which steps can be reached from which, over all edges."""

    def __init__(self, inputs: dict[BaseTransformation, list[tuple[BaseTransformation, bool, int]]]) -> None:
        self._readers: dict[BaseTransformation, list[BaseTransformation]] = {}
        for reader, upstreams in inputs.items():
            for upstream, _, _ in upstreams:
                self._readers.setdefault(upstream, []).append(reader)

    def leads(self, start: BaseTransformation, goal: BaseTransformation) -> bool:
        """Whether records that `start` emits can reach `goal`."""
        seen, waiting = {start}, [start]
        while waiting:
            step = waiting.pop()
            if step is goal:
                return True
            fresh = [reader for reader in self._readers.get(step, ()) if reader not in seen]
            seen.update(fresh)
            waiting.extend(fresh)
        return False
