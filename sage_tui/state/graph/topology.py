"""What a picture of a graph depends on: names and lines, no numbers."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sage_tui.state.format import clean
from sage_tui.state.views import PipelineView


@dataclass(frozen=True, slots=True)
class Edge:
    """A stream between two operators, both by key."""

    id: str
    source: str
    target: str
    feedback: bool = False


@dataclass(frozen=True, slots=True)
class ServiceNode:
    """A service and who has called it so far, operators and services by key."""

    key: str
    name: str
    callers: tuple[str, ...] = ()
    calling_services: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PipelineTopology:
    """One pipeline: `operators` are pairs of key and name, in the order in which they were built."""

    id: str
    name: str
    operators: tuple[tuple[str, str], ...]
    edges: tuple[Edge, ...] = ()
    services: tuple[ServiceNode, ...] = ()
    kinds: tuple[str, ...] = ()
    """The kind of each operator, for the marks of the compact picture."""


@dataclass(frozen=True, slots=True)
class Topology:
    """All pipelines of a picture, from top to bottom."""

    pipelines: tuple[PipelineTopology, ...]

    @property
    def operator_count(self) -> int:
        """Operators of all pipelines."""
        return sum(len(pipeline.operators) for pipeline in self.pipelines)


def topology_of(pipelines: Iterable[PipelineView]) -> Topology:
    """The topology of pipelines as they are known now; equal as long as nothing was built and no new caller seen."""
    return Topology(tuple(_pipeline(pipeline) for pipeline in pipelines))


class Topologies:
    """The topologies of a run's views, one after the other: the identical object while nothing but numbers changed."""

    def __init__(self) -> None:
        self._pipelines: tuple[PipelineView, ...] = ()
        self._topology = Topology(())

    def of(self, pipelines: tuple[PipelineView, ...]) -> Topology:
        """The topology of these pipelines."""
        old, self._pipelines = self._pipelines, pipelines
        if len(old) != len(pipelines) or not all(map(_alike, old, pipelines)):
            new = topology_of(pipelines)
            if new != self._topology:
                self._topology = new
        return self._topology


def _alike(one: PipelineView, other: PipelineView) -> bool:
    """Whether two views of a pipeline certainly give the same topology."""
    if one is other:
        return True
    return (
        one.id == other.id
        and one.name == other.name
        and one.edges is other.edges
        and len(one.operators) == len(other.operators)
        and len(one.services) == len(other.services)
        and all(
            a is b or (a.key == b.key and a.name == b.name and a.kind == b.kind and a.services == b.services)
            for a, b in zip(one.operators, other.operators, strict=True)
        )
        and all(
            a is b or (a.key == b.key and a.name == b.name and a.services == b.services)
            for a, b in zip(one.services, other.services, strict=True)
        )
    )


def _pipeline(pipeline: PipelineView) -> PipelineTopology:
    keys = {operator.id: operator.key for operator in pipeline.operators}
    return PipelineTopology(
        id=pipeline.id,
        name=clean(pipeline.name),
        operators=tuple((operator.key, clean(operator.name)) for operator in pipeline.operators),
        edges=tuple(
            Edge(f"{pipeline.id}/{edge.id}", keys[edge.source], keys[edge.target], edge.feedback)
            for edge in pipeline.edges
            if edge.source in keys and edge.target in keys
        ),
        services=tuple(
            ServiceNode(
                service.key,
                clean(service.name),
                tuple(operator.key for operator in pipeline.operators if service.name in operator.services),
                tuple(other.key for other in pipeline.services if service.name in other.services),
            )
            for service in pipeline.services
        ),
        kinds=tuple(operator.kind for operator in pipeline.operators),
    )


def without_cycles(names: Iterable[str], edges: Iterable[Edge]) -> tuple[list[Edge], list[Edge]]:
    """The edges split in those that lead forward and those that close a loop.

    Flagged feedback and self loops close one; among the rest, those that lead back to an operator from which a walk
    in the order of `names` came.
    """
    forward = [edge for edge in edges if not edge.feedback and edge.source != edge.target]
    back = [edge for edge in edges if edge.feedback or edge.source == edge.target]
    outgoing: dict[str, list[Edge]] = {}
    for edge in forward:
        outgoing.setdefault(edge.source, []).append(edge)
    open_, done, closing = set[str](), set[str](), list[Edge]()
    targets = {edge.target for edge in forward}
    names = list(names)
    for start in [name for name in names if name not in targets] + names:
        if start in done:
            continue
        open_.add(start)
        stack = [(start, iter(outgoing.get(start, ())))]
        while stack:
            name, edges_left = stack[-1]
            step = next(edges_left, None)
            if step is None:
                stack.pop()
                open_.discard(name)
                done.add(name)
            elif step.target in open_:
                closing.append(step)
            elif step.target not in done:
                open_.add(step.target)
                stack.append((step.target, iter(outgoing.get(step.target, ()))))
    closed = set(closing)
    return [edge for edge in forward if edge not in closed], back + closing


def ranks(names: Iterable[str], edges: Iterable[Edge]) -> dict[str, int]:
    """How many operators lie before each on the longest way to it; `edges` have no cycle."""
    outgoing: dict[str, list[str]] = {}
    missing = dict.fromkeys(names, 0)
    for edge in edges:
        outgoing.setdefault(edge.source, []).append(edge.target)
        missing[edge.target] += 1
    found = {name: 0 for name, count in missing.items() if count == 0}
    ready = list(found)
    for name in ready:
        for target in outgoing.get(name, ()):
            found[target] = max(found.get(target, 0), found[name] + 1)
            missing[target] -= 1
            if missing[target] == 0:
                ready.append(target)
    return found
