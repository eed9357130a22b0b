"""Random graphs of every kind of operator deliver exactly the records that a model in one thread delivers."""

from __future__ import annotations

import itertools
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from hypothesis import given, settings
from hypothesis import strategies as st
from support.graphs import Collected, Pipeline, Recorder, per_replica, run

from sage_runtime.engine.context import OperatorContext
from sage_runtime.engine.runtime import Runtime
from sage_runtime.events import Failure, LeftOut, Notice, OperatorStats, ServiceStats
from sage_runtime.graph import Partition


class Item(NamedTuple):
    """A record: a number, and how often it may still go round a loop."""

    number: int
    laps: int


@dataclass
class Step:
    """One operator of the model. `function` gives the results of one record at one input, with its key."""

    kind: str
    function: Callable[[Item, Any, int], list[Item]]
    parallelism: int
    targets: list[tuple[int, int, Partition]]
    makes_key: Callable[[Item], Any] | None = None


def fails(item: Item) -> bool:
    return item.number % 11 == 5


def mapped(item: Item, key: Any, _: int) -> list[Item]:
    return [] if fails(item) or item.number % 7 == 3 else [Item(item.number * 2 + (key or 0), item.laps)]


def kept(item: Item, _key: Any, _: int) -> list[Item]:
    return [item] if item.number % 3 else []


def several(item: Item, _key: Any, _: int) -> list[Item]:
    return [Item(item.number + n, item.laps) for n in range(item.number % 3)]


def both(item: Item, _key: Any, number: int) -> list[Item]:
    return [Item(item.number + 100 * number, item.laps)]


def joined(item: Item, key: Any, tag: int) -> list[Item]:
    return [Item(item.number + 10 * tag + key, item.laps)] * tag


def service_of(item: Item) -> str:
    """Which service is asked about a record; `second` asks `first` in its turn."""
    return "second" if item.number % 5 == 4 else "first"


def refuses(item: Item) -> bool:
    return item.number % 13 == 6


def answered(item: Item, _key: Any, _: int) -> list[Item]:
    return [] if refuses(item) else [Item(item.number + len(service_of(item)), item.laps)]


def next_lap(item: Item, _key: Any, _: int) -> list[Item]:
    return [Item(item.number, item.laps - 1)] if item.laps else []


class Functions:
    """The same for the engine: one user function of every kind."""

    def __init__(self, context: OperatorContext) -> None:
        self.context = context
        self._collected: list[Item] = []


class Map(Functions):
    def execute(self, item: Item) -> Item | None:
        if fails(item):
            raise ValueError(item)
        return next(iter(mapped(item, self.context.get_key(), 0)), None)


class Filter(Functions):
    def execute(self, item: Item) -> bool:
        return bool(kept(item, None, 0))


class FlatMap(Functions):
    def execute(self, item: Item) -> Iterator[Item]:
        results = several(item, None, 0)
        self._collected += results[1:]
        return iter(results[:1])


class CoMap(Functions):
    def map0(self, item: Item) -> Item:
        return both(item, None, 0)[0]

    def map1(self, item: Item) -> Item:
        return both(item, None, 1)[0]


class KeyBy(Functions):
    def execute(self, item: Item) -> int:
        return item.number % 4


class Join(Functions):
    def execute(self, item: Item, key: int, tag: int) -> list[Item]:
        assert key == self.context.get_key()
        return joined(item, key, tag)


class Ask(Functions):
    """Asks one service or the other, and waits at once or later."""

    def execute(self, item: Item) -> Item:
        name = service_of(item)
        if item.number % 2:
            answer = self.context.call_service[name].answer(item)
        else:
            answer = self.context.call_service_async[name].answer(item).result()
        assert isinstance(answer, Item)
        return answer


class First(Functions):
    def answer(self, item: Item) -> Item:
        if refuses(item):
            raise LookupError(item)
        return answered(item, None, 0)[0]


class Second(Functions):
    def answer(self, item: Item) -> Item:
        answer = self.context.call_service["first"].answer(item)
        assert isinstance(answer, Item)
        return answer


class Again(Functions):
    def execute(self, item: Item) -> Item | None:
        return next(iter(next_lap(item, None, 0)), None)


KINDS: dict[str, tuple[type[Functions], Callable[[Item, Any, int], list[Item]]]] = {
    "map": (Map, mapped),
    "filter": (Filter, kept),
    "flatmap": (FlatMap, several),
    "comap": (CoMap, both),
    "keyby": (KeyBy, lambda item, key, number: [item]),
    "join": (Join, joined),
    "asking": (Ask, answered),
}


@dataclass
class Plan:
    """A random graph, for the engine and for the model."""

    sources: list[list[int]]
    operators: list[tuple[str, int, list[int], str]]
    loops: list[tuple[int, int]]
    sinks: list[tuple[int, int]]


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    sources = draw(st.lists(st.lists(st.integers(0, 200), max_size=40), min_size=1, max_size=3))
    made = len(sources)
    operators: list[tuple[str, int, list[int], str]] = []
    for _ in range(draw(st.integers(1, 6))):
        kind = draw(st.sampled_from(sorted(KINDS)))
        if kind == "join":
            for _ in range(2):
                operators.append(("keyby", 1, [draw(st.integers(0, made - 1))], "forward"))
                made += 1
            inputs = [made - 2, made - 1]
        else:
            count = 2 if kind == "comap" else draw(st.integers(1, 2))
            inputs = [draw(st.integers(0, made - 1)) for _ in range(count)]
        partition = draw(st.sampled_from(["forward", "forward", "broadcast", "round_robin"]))
        operators.append((kind, draw(st.integers(1, 3)), inputs, partition))
        made += 1
    maps = [len(sources) + n for n, (kind, *_) in enumerate(operators) if kind == "map"]
    loops = []
    if draw(st.booleans()) and maps:
        target = draw(st.sampled_from(maps))
        loops.append((draw(st.integers(target, made - 1)), target))
    sinks = draw(st.lists(st.tuples(st.integers(0, made - 1), st.integers(1, 3)), min_size=1, max_size=3))
    return Plan(sources, operators, loops, sinks)


LAPS = 2


def build(plan: Plan, sources: list[Iterable[Item]]) -> tuple[Pipeline, list[Collected]]:
    pipeline = Pipeline()
    pipeline.service("first", First)
    pipeline.service("second", Second)
    ids = [pipeline.values(items, name=f"source_{i}") for i, items in enumerate(sources)]
    for kind, parallelism, inputs, partition in plan.operators:
        function = per_replica(KINDS[kind][0])
        origins = [ids[i] for i in inputs]
        made = "map" if kind == "asking" else kind
        ids.append(pipeline.add(made, function, origins, parallelism=parallelism, partition=partition))  # type: ignore[arg-type]
    for source, target in plan.loops:
        again = pipeline.add("map", per_replica(Again), ids[source])
        pipeline.connect(again, ids[target], feedback=True)
    return pipeline, [pipeline.sink(ids[source], parallelism=n) for source, n in plan.sinks]


def run_engine(plan: Plan, recorder: Recorder) -> list[Counter[Item]]:
    pipeline, sinks = build(plan, [[Item(n, LAPS) for n in numbers] for numbers in plan.sources])
    job = run(pipeline, recorder)
    assert job.status == "finished"
    assert [sink.closed for sink in sinks] == [n for _, n in plan.sinks]
    return [Counter(sink.values) for sink in sinks]


def run_model(plan: Plan) -> tuple[list[Counter[Item]], Counter[str]]:
    """Deliver record by record, in one thread: what each sink gets, and how often each service is called."""
    calls: Counter[str] = Counter()
    sinks: list[Counter[Item]] = [Counter() for _ in plan.sinks]
    count = len(plan.sources)
    work: list[tuple[int, Item, Any]] = [
        (i, Item(n, LAPS), None) for i, numbers in enumerate(plan.sources) for n in numbers
    ]
    while work:
        origin, item, key = work.pop()
        for number, (source, _) in enumerate(plan.sinks):
            if source == origin:
                sinks[number][item] += 1
        for number, (kind, parallelism, inputs, partition) in enumerate(plan.operators, count):
            for tag, source in enumerate(inputs):
                if source == origin:
                    copies = parallelism if partition == "broadcast" else 1
                    results = KINDS[kind][1](item, key, tag)
                    if kind == "asking":
                        for name in {"first", service_of(item)}:
                            calls[name] += copies
                    new_key = item.number % 4 if kind == "keyby" else key
                    work += [(number, result, new_key) for result in results] * copies
        for source, target in plan.loops:
            if source == origin:
                for again in next_lap(item, key, 0):
                    work += [(target, result, key) for result in mapped(again, key, 0)]
    return sinks, calls


@settings(max_examples=120, deadline=None)
@given(plans())
def test_every_sink_gets_exactly_the_records_of_the_model(plan: Plan) -> None:
    recorder = Recorder()
    sinks, calls = run_model(plan)
    assert run_engine(plan, recorder) == sinks
    counted = {stats.service: stats.calls for stats in recorder.of(ServiceStats)}
    assert {name: count for name, count in counted.items() if count} == calls
    errors = sum({stats.operator: stats.errors for stats in recorder.of(OperatorStats)}.values())
    left_out = sum(event.count for event in recorder.of(LeftOut) if event.source not in ("first", "second"))
    assert errors == len([failure for failure in recorder.of(Failure) if failure.kind == "operator"]) + left_out


@settings(max_examples=40, deadline=None)
@given(plans(), st.integers(1, 3000), st.booleans())
def test_a_stop_at_any_moment_ends_every_thread(plan: Plan, moment: int, drain: bool) -> None:
    reached = threading.Event()

    def endless() -> Iterator[Item]:
        for count in itertools.count():
            if count == moment:
                reached.set()
            yield Item(count % 200, 0)

    recorder = Recorder()
    pipeline, sinks = build(plan, [endless() for _ in plan.sources])
    job = Runtime(recorder).submit(pipeline.graph())
    assert reached.wait(10)
    job.stop(drain=drain)
    assert job.ended
    assert job.status == "stopped"
    assert [failure for failure in recorder.of(Failure) if failure.kind == "worker"] == []
    assert [sink.closed for sink in sinks] == [n for _, n in plan.sinks]
    assert recorder.of(Notice) == [], "no thread had to be left behind"
