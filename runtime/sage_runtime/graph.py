"""The logical graph of a pipeline: validated, immutable, made by an environment and run by the engine.

A graph is data. Operators, edges and services are described here, never built: each spec carries a `create` that makes
the user's object when a job starts. A `create` holds a class, its arguments and small values, so that a graph can be
pickled (by cloudpickle, since classes of `__main__` are part of it) and run in another process.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

from sage_runtime.events.kinds import OPERATOR_KINDS, SOURCE_KINDS
from sage_runtime.frozen import Frozen

if TYPE_CHECKING:
    from sage_runtime.engine.context import OperatorContext, ServiceContext

Partition = Literal["forward", "hash", "broadcast", "round_robin"]

PARTITIONS = frozenset({"forward", "hash", "broadcast", "round_robin"})


class GraphError(ValueError):
    """A pipeline that can't run as it was built; the message names the operator, edge or service."""


class EndOfStream:
    """What a source returns from `execute` to end its stream; the API's `StopSignal` classes derive from it."""


class OperatorSpec(Frozen):
    """One operator of a pipeline.

    `id` is unique in the pipeline, `kind` one of `OPERATOR_KINDS`. `create` makes the user's function for one replica,
    on the thread that submits; it is called once for each of the `parallelism` replicas. `class_name`, `file` and
    `line` say where the user's class or lambda is.

    Of sources only: with `values` the engine iterates them itself and `create` is not used; `delay` is the time between
    records in seconds (0: full speed); `idle_delay` the time until a source that returned `None` is asked again;
    `none_ends` says that `None` ends the source, `stop_iteration_ends` that `StopIteration` does.
    """

    id: str
    name: str
    kind: str
    create: Callable[[OperatorContext], Any]
    class_name: str = ""
    parallelism: int = 1
    file: str | None = None
    line: int | None = None
    values: Iterable[Any] | None = None
    delay: float = 0.0
    idle_delay: float = 0.01
    none_ends: bool = False
    stop_iteration_ends: bool = False

    @property
    def is_source(self) -> bool:
        """Whether it makes records of its own (kinds source and batch)."""
        return self.kind in SOURCE_KINDS


class EdgeSpec(Frozen):
    """A stream from operator `source` to operator `target`; `input` tells a comap or join which of its inputs it is.

    `partition` chooses among the target's replicas. A `feedback` edge closes a loop: it is never full, and it ends when
    every source has ended and nothing is in flight.
    """

    id: str
    source: str
    target: str
    input: int = 0
    partition: Partition = "forward"
    feedback: bool = False


class ServiceSpec(Frozen):
    """A service of a pipeline. `create` makes the user's object, with its context set before `__init__` runs; the
    engine calls it on the service's own thread."""

    name: str
    create: Callable[[ServiceContext], Any]
    class_name: str = ""
    file: str | None = None
    line: int | None = None


class Graph(Frozen):
    """A whole pipeline: what an environment submits.

    `era` (1, 2 or 3) is that of the SAGE version whose rules hold for errors and idle sources. With `autostop` the
    script waits for the end: a source that answers only `None` then ends in era 3, and a notice names it in the others.

    Raises:
        GraphError: an id is used twice, an edge leads nowhere, an operator has no input or the wrong ones, or a loop is
            closed by an edge that is not marked as feedback.
    """

    name: str
    era: int
    operators: tuple[OperatorSpec, ...] = ()
    edges: tuple[EdgeSpec, ...] = ()
    services: tuple[ServiceSpec, ...] = ()
    autostop: bool = False

    __slots__ = ("__dict__",)  # for what is derived from the fields

    def __init__(
        self,
        name: str,
        era: int,
        operators: tuple[OperatorSpec, ...] = (),
        edges: tuple[EdgeSpec, ...] = (),
        services: tuple[ServiceSpec, ...] = (),
        autostop: bool = False,
    ) -> None:
        super().__init__(name, era, operators, edges, services, autostop)
        _refuse_duplicates("operator", (operator.id for operator in self.operators))
        _refuse_duplicates("edge", (edge.id for edge in self.edges))
        _refuse_duplicates("service", (service.name for service in self.services))
        for operator in self.operators:
            _check_operator(operator)
        by_id = {operator.id: operator for operator in self.operators}
        for edge in self.edges:
            _check_edge(edge, by_id)
        for operator in self.operators:
            _check_inputs(operator, sorted({edge.input for edge in self.inputs[operator.id]}))
        self._refuse_loops()

    @property
    def batch(self) -> bool:
        """Whether it ends by itself: all its sources are batches."""
        return all(operator.kind == "batch" for operator in self.operators if operator.is_source)

    @cached_property
    def inputs(self) -> dict[str, tuple[EdgeSpec, ...]]:
        """The edges into each operator, by the operator's id, in order."""
        found: dict[str, list[EdgeSpec]] = {operator.id: [] for operator in self.operators}
        for edge in self.edges:
            found[edge.target].append(edge)
        return {name: tuple(edges) for name, edges in found.items()}

    @cached_property
    def outputs(self) -> dict[str, tuple[EdgeSpec, ...]]:
        """The edges out of each operator, by the operator's id, in order."""
        found: dict[str, list[EdgeSpec]] = {operator.id: [] for operator in self.operators}
        for edge in self.edges:
            found[edge.source].append(edge)
        return {name: tuple(edges) for name, edges in found.items()}

    @cached_property
    def keyed(self) -> frozenset[str]:
        """The ids of the operators whose records carry a key: keyby and join, and what is downstream of them."""
        keys = {operator.id: OPERATOR_KINDS[operator.kind].keys for operator in self.operators}
        keyed = {name for name, kept in keys.items() if kept == "made"}
        reached = list(keyed)
        while reached:
            for edge in self.outputs[reached.pop()]:
                if edge.target not in keyed and keys[edge.target] == "kept":
                    keyed.add(edge.target)
                    reached.append(edge.target)
        return frozenset(keyed)

    def _refuse_loops(self) -> None:
        """Remove operators whose inputs are all removed (Kahn's order); what remains is a loop."""
        missing = {
            operator.id: sum(not edge.feedback for edge in self.inputs[operator.id]) for operator in self.operators
        }
        ready = [name for name, count in missing.items() if count == 0]
        while ready:
            name = ready.pop()
            del missing[name]
            for edge in self.outputs[name]:
                if not edge.feedback:
                    missing[edge.target] -= 1
                    if missing[edge.target] == 0:
                        ready.append(edge.target)
        if missing:
            raise GraphError(f"the operators {', '.join(sorted(missing))} form a loop that no future closes")


def _refuse_duplicates(what: str, names: Iterable[str]) -> None:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise GraphError(f"two {what}s are called {name!r}")
        seen.add(name)


def _check_operator(operator: OperatorSpec) -> None:
    if operator.kind not in OPERATOR_KINDS:
        raise GraphError(f"operator {operator.id!r} has the unknown kind {operator.kind!r}")
    if operator.parallelism < 1:
        raise GraphError(f"operator {operator.id!r} has a parallelism of {operator.parallelism}; 1 is the least")
    if operator.values is not None and not operator.is_source:
        raise GraphError(f"operator {operator.id!r} is no source, but has values")


def _check_edge(edge: EdgeSpec, operators: dict[str, OperatorSpec]) -> None:
    for end in (edge.source, edge.target):
        if end not in operators:
            raise GraphError(f"edge {edge.id!r} names the unknown operator {end!r}")
    if edge.partition not in PARTITIONS:
        raise GraphError(f"edge {edge.id!r} has the unknown partition {edge.partition!r}")
    if operators[edge.target].is_source:
        raise GraphError(f"edge {edge.id!r} leads into the source {edge.target!r}")
    if operators[edge.source].kind == "sink":
        raise GraphError(f"edge {edge.id!r} leads out of the sink {edge.source!r}")
    if edge.input < 0:
        raise GraphError(f"edge {edge.id!r} has the input {edge.input}")


def _check_inputs(operator: OperatorSpec, inputs: list[int]) -> None:
    if operator.is_source:
        return
    if not inputs:
        raise GraphError(f"operator {operator.id!r} has no input")
    needed = OPERATOR_KINDS[operator.kind].inputs
    if needed is not None and inputs != list(range(needed)):
        raise GraphError(f"{operator.kind} {operator.id!r} needs {needed} inputs, numbered from 0, and has {inputs}")
