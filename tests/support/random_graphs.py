"""Random pipelines with every kind of operator: drawn by hypothesis, built for the engine, and computed by a model.

The model delivers record by record in one thread. The rules make the order of threads irrelevant, so it knows what each
sink receives and what each operator and service counts.
"""

from __future__ import annotations

import itertools
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from hypothesis import strategies as st
from support.graphs import Pipeline, per_replica
from support.random_rules import (
    CLASSES,
    RULES,
    UNHASHABLE,
    First,
    Item,
    One,
    RefusedError,
    Second,
    Sink,
    asked,
    refused,
)

from sage_runtime.graph import Graph, Partition

LAPS = 2
"""How often a source's record may go round a loop."""

MANY = 100
"""So many records a source without an end gives at full speed."""


class Origin(NamedTuple):
    """A source: as a `function` in so many replicas, a `generator`, or a `list`. The first two may raise at the end."""

    form: str
    numbers: Sequence[int]
    raises: bool = False
    parallelism: int = 1
    endless: bool = False


class Source:
    """A source's function: gives its numbers, then ends or raises. `given` is what it has let out of its hands.

    One without an end takes ever more time after `MANY` records: loops may make a hundred of each, each of which may
    wait, and how many there are must not depend on how long the test is held up.
    """

    def __init__(self, source: Origin, given: list[Item]) -> None:
        self._numbers = itertools.cycle(source.numbers) if source.endless else iter(source.numbers)
        self._raises = source.raises
        self._given = given

    def execute(self) -> Item | None:
        number = next(self._numbers, None)
        if number is None:
            if self._raises:
                self._raises = False
                raise RefusedError("the end")
            return None
        if (surplus := len(self._given) - MANY) > 0:
            threading.Event().wait(0.01 * surplus)
        item = Item(number, LAPS)
        self._given.append(item)
        return item


class Operator(NamedTuple):
    """An operator: from which of those before it (by number) each input comes, and how."""

    kind: str
    parallelism: int
    inputs: list[list[int]]
    partition: Partition = "forward"


@dataclass
class Plan:
    """A random pipeline. Operators are numbered in order, sources first; `loops` lead from one back to another."""

    sources: list[Origin]
    operators: list[Operator]
    loops: list[tuple[int, int]]
    era: int = 1
    name: str = "test"
    sinks: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        first = len(self.sources)
        self.sinks = [first + n for n, operator in enumerate(self.operators) if operator.kind == "sink"]


@st.composite
def plans(draw: st.DrawFn, *, eras: Sequence[int] = (1, 2), endless: bool = False) -> Plan:
    sources = []
    for _ in range(draw(st.integers(1, 3))):
        form = "function" if endless else draw(st.sampled_from(["list", "generator", "function"]))
        numbers = draw(st.lists(st.integers(0, 200), min_size=int(endless), max_size=40))
        raises = form != "list" and not endless and draw(st.integers(0, 3)) == 3
        parallelism = draw(st.integers(1, 3)) if form == "function" else 1
        sources.append(Origin(form, numbers, raises, parallelism, endless))
    made = len(sources)
    operators: list[Operator] = []

    def origins(most: int = 2) -> list[int]:
        return draw(st.lists(st.integers(0, made - 1), min_size=1, max_size=most))

    def partition() -> Partition:
        return draw(st.sampled_from(["forward", "forward", "hash", "broadcast", "round_robin"]))

    for _ in range(draw(st.integers(1, 6))):
        kind = draw(st.sampled_from(sorted(set(CLASSES) - {"again"})))
        if kind == "join":
            for _ in range(draw(st.integers(0, 2))):
                operators.append(Operator("keyby", draw(st.integers(1, 2)), [origins()]))
                made += 1
        inputs = [origins() for _ in range(2 if kind in ("join", "comap") else 1)]
        operators.append(Operator(kind, draw(st.integers(1, 3)), inputs, partition()))
        made += 1
    first = len(sources)
    targets = [first + n for n, operator in enumerate(operators) if operator.kind != "join"]
    loops = []
    for _ in range(draw(st.integers(0, 2))):
        if targets:
            target = draw(st.sampled_from(targets))
            loops.append((draw(st.integers(target, made - 1)), target))
    operators += [
        Operator("sink", draw(st.integers(1, 3)), [[draw(st.integers(0, made - 1))]], partition())
        for _ in range(draw(st.integers(1, 3)))
    ]
    return Plan(sources, operators, loops, draw(st.sampled_from(list(eras))))


@st.composite
def trees(draw: st.DrawFn) -> Plan:
    """A pipeline whose streams only merge, each read once, so that the order at its one sink is known.

    In the third era operators with one input have replicas.
    """
    era = draw(st.sampled_from([1, 2, 3]))
    sources = [
        Origin(
            draw(st.sampled_from(["list", "generator", "function"])), draw(st.lists(st.integers(0, 60), max_size=30))
        )
        for _ in range(draw(st.integers(1, 4)))
    ]
    ends = list(range(len(sources)))
    operators: list[Operator] = []

    def add(kind: str, inputs: list[list[int]]) -> int:
        several = era == 3 and kind != "sink" and sum(map(len, inputs)) == 1
        parallelism = draw(st.integers(1, 3)) if several else 1
        operators.append(Operator(kind, parallelism, inputs, draw(st.sampled_from(["forward", "round_robin"]))))
        return len(sources) + len(operators) - 1

    def end() -> int:
        return ends.pop(draw(st.integers(0, len(ends) - 1)))

    for _ in range(draw(st.integers(0, 6))):
        kind = draw(st.sampled_from(sorted(set(CLASSES) - {"again"})))
        if kind not in ("join", "comap"):
            several = draw(st.integers(1, min(2, len(ends))))
            ends.append(add(kind, [[end() for _ in range(several)]]))
        elif len(ends) > 1:
            sides = [end(), end()]
            if kind == "join":
                sides = [add("keyby", [[side]]) for side in sides]
            ends.append(add(kind, [[side] for side in sides]))
    add("sink", [ends])
    return Plan(sources, operators, [], era)


@dataclass
class Built:
    """A plan's pipeline, what its sinks get, and what its source functions have given."""

    graph: Graph
    sinks: list[Sink]
    given: list[list[Item]]


def operator_id(number: int) -> str:
    return f"op_{number}"


def build(plan: Plan) -> Built:
    pipeline = Pipeline(plan.name, plan.era)
    pipeline.service("first", lambda context: First())
    pipeline.service("second", Second)
    given: list[list[Item]] = [[] for _ in plan.sources]
    for number, source in enumerate(plan.sources):
        _add_source(pipeline, operator_id(number), source, given[number])
    sinks = []
    for number, operator in enumerate(plan.operators, len(plan.sources)):
        name = operator_id(number)
        if operator.kind == "sink":
            sinks.append(Sink())
            pipeline.add("sink", sinks[-1], name=name, parallelism=operator.parallelism)
        else:
            kind, made = CLASSES[operator.kind]
            create = per_replica(lambda context, made=made, kind=operator.kind: made(kind, context))  # type: ignore[misc]
            pipeline.add(kind, create, name=name, parallelism=operator.parallelism)
        for tag, origins in enumerate(operator.inputs):
            for origin in origins:
                pipeline.connect(operator_id(origin), name, tag, partition=operator.partition)
    for number, (origin, target) in enumerate(plan.loops):
        create = per_replica(lambda context: One("again", context))
        lap = pipeline.add("map", create, operator_id(origin), name=f"again_{number}")
        pipeline.connect(lap, operator_id(target), feedback=True)
    return Built(pipeline.graph(), sinks, given)


def _add_source(pipeline: Pipeline, name: str, source: Origin, given: list[Item]) -> None:
    if source.form == "function":
        create = per_replica(lambda context: Source(source, given))
        pipeline.add("batch", create, name=name, parallelism=source.parallelism, none_ends=True)
    elif source.form == "list":
        pipeline.values([Item(number, LAPS) for number in source.numbers], name=name)
    else:
        pipeline.values(_generate(source), name=name)


def _generate(source: Origin) -> Iterator[Item]:
    for number in source.numbers:
        yield Item(number, LAPS)
    if source.raises:
        raise RefusedError("the end")


@dataclass
class Outcome:
    """What must happen: the values at each sink, and the counts by operator or service id."""

    sinks: list[Counter[Item]]
    records_in: Counter[str] = field(default_factory=Counter)
    records_out: Counter[str] = field(default_factory=Counter)
    errors: Counter[str] = field(default_factory=Counter)
    calls: Counter[str] = field(default_factory=Counter)
    failed_calls: Counter[str] = field(default_factory=Counter)


def emitted(plan: Plan) -> list[list[Item]]:
    """Everything each source emits."""
    return [[Item(number, LAPS) for number in source.numbers] * source.parallelism for source in plan.sources]


def model(plan: Plan, graph: Graph, given: list[list[Item]]) -> Outcome:
    """What must happen when the sources emit that."""
    outcome = Outcome([Counter() for _ in plan.sinks])
    rules = {operator_id(n): operator.kind for n, operator in enumerate(plan.operators, len(plan.sources))}
    rules |= {f"again_{n}": "again" for n in range(len(plan.loops))}
    replicas = {spec.id: spec.parallelism for spec in graph.operators}
    hashed = {
        spec.id
        for spec in graph.operators
        for edge in graph.outputs[spec.id]
        if spec.id in graph.keyed and edge.partition in ("forward", "hash") and replicas[edge.target] > 1
    }
    sinks = {operator_id(number): outcome.sinks[place] for place, number in enumerate(plan.sinks)}
    work: list[tuple[str, Item, Any]] = []

    def give(origin: str, item: Item, key: Any) -> None:
        outcome.records_out[origin] += 1
        for edge in graph.outputs[origin]:
            copies = replicas[edge.target] if edge.partition == "broadcast" else 1
            work.extend([(f"{edge.target} {edge.input}", item, key)] * copies)

    for number, source in enumerate(plan.sources):
        outcome.errors[operator_id(number)] += source.parallelism * source.raises
        for item in given[number]:
            give(operator_id(number), item, None)
    while work:
        place, item, key = work.pop()
        name, tag = place.split()
        kind = rules[name]
        outcome.records_in[name] += 1
        if kind == "ask":
            _count_calls(outcome, item)
        done = RULES[kind](item, key if name in graph.keyed else None, int(tag))
        raises = done.raises
        if kind == "sink":
            sinks[name][item] += not raises
        elif done.results and done.key is UNHASHABLE and name in hashed:
            raises = True
        else:
            for result in done.results:
                give(name, result, done.key)
        outcome.errors[name] += raises
    return outcome


def in_order(plan: Plan, graph: Graph) -> list[Item]:
    """What the one sink of a tree receives, in order: streams that meet take turns, one record each."""
    rules = {operator_id(n): operator.kind for n, operator in enumerate(plan.operators, len(plan.sources))}
    keys_matter = {
        edge.source
        for edge in graph.edges
        for spec in graph.operators
        if spec.id == edge.target and spec.parallelism > 1 and edge.partition in ("forward", "hash")
    }

    def records_of(name: str) -> list[tuple[Item, Any]]:
        if name not in rules:
            return [(Item(number, LAPS), None) for number in plan.sources[int(name.removeprefix("op_"))].numbers]
        edges = sorted(graph.inputs[name], key=lambda edge: _first_source(graph, edge.source))
        sides = [[(record, edge.input) for record in records_of(edge.source)] for edge in edges]
        made = []
        for side in itertools.zip_longest(*sides):
            for (item, key), tag in filter(None, side):
                done = RULES[rules[name]](item, key if name in graph.keyed else None, tag)
                lost = done.key is UNHASHABLE and name in graph.keyed and name in keys_matter
                if rules[name] == "sink":
                    made += [] if done.raises else [(item, None)]
                elif not lost and (not done.raises or rules[name] == "flatmap"):
                    made += [(result, done.key) for result in done.results]
        return made

    return [item for item, _ in records_of(operator_id(plan.sinks[0]))]


def _first_source(graph: Graph, name: str) -> tuple[int, int]:
    """The number of the first source whose records reach an operator, and how many edges lie between."""
    if not graph.inputs[name]:
        return int(name.removeprefix("op_")), 0
    number, distance = min(_first_source(graph, edge.source) for edge in graph.inputs[name])
    return number, distance + 1


def _count_calls(outcome: Outcome, item: Item) -> None:
    for name in asked(item):
        outcome.calls[name] += 1
        outcome.failed_calls[name] += refused(item)
