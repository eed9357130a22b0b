"""Measure what the engine costs, as ratios from one run: `python benchmarks/engine_throughput.py [ROUNDS]`.

* source → map → filter → sink, a million records, against the same functions called one after another in one thread
  (1.0 would be as fast; the engine also meters, bounds its queues and survives errors);
* a service call, p50, against a bare round trip through two `queue.SimpleQueue` between two threads;
* one record through four idle operators, p50, against four bare hand-overs between threads.

Each pair is measured alternately for several rounds. The script prints the medians.
"""

from __future__ import annotations

import statistics
import sys
import threading
import time
from collections.abc import Callable
from itertools import pairwise
from queue import SimpleQueue
from typing import Any

from sage_runtime.engine.threads.engine import ThreadEngine
from sage_runtime.events import Event
from sage_runtime.graph import EdgeSpec, Graph, OperatorSpec, ServiceSpec

RECORDS = 1_000_000
CALLS = 4_000
HOPS = 2_000


class Numbers:
    def __init__(self, count: int) -> None:
        self.count = count
        self.next = 0

    def execute(self) -> int | None:
        number = self.next
        if number >= self.count:
            return None
        self.next = number + 1
        return number


class Increment:
    def execute(self, value: int) -> int:
        return value + 1


class Even:
    def execute(self, value: int) -> bool:
        return value & 1 == 0


class Count:
    def __init__(self) -> None:
        self.count = 0

    def execute(self, value: int) -> None:
        self.count += 1


class Counted:
    """A publisher that only counts, so that a run pays for measuring and publishing."""

    def __init__(self) -> None:
        self.events = 0

    def publish(self, event: Event) -> None:
        self.events += 1


def operator(kind: Any, create: Callable[[Any], Any], name: str | None = None, **options: Any) -> OperatorSpec:
    return OperatorSpec(name or kind, name or kind, kind, create, **options)


def in_a_row(*operators: OperatorSpec, services: tuple[ServiceSpec, ...] = ()) -> Graph:
    edges = [EdgeSpec(f"e{n}", a.id, b.id) for n, (a, b) in enumerate(pairwise(operators))]
    return Graph("benchmark", 1, operators, tuple(edges), services)


def run(graph: Graph) -> float:
    """Seconds from submit to end."""
    runtime = ThreadEngine(Counted())
    began = time.perf_counter()
    runtime.submit(graph).wait()
    return time.perf_counter() - began


def chain() -> float:
    """The four functions called in one thread."""
    source, add, keep, count = Numbers(RECORDS).execute, Increment().execute, Even().execute, Count().execute
    began = time.perf_counter()
    while True:
        value: Any = source()
        if value is None:
            break
        value = add(value)
        if value is not None and keep(value):
            count(value)
    return time.perf_counter() - began


def pipeline() -> float:
    """The four functions as operators."""
    return run(
        in_a_row(
            operator("batch", lambda c: Numbers(RECORDS), none_ends=True),
            operator("map", lambda c: Increment()),
            operator("filter", lambda c: Even()),
            operator("sink", lambda c: Count()),
        )
    )


def bare_round_trip() -> float:
    """p50 of a round trip through two queues between two threads."""
    there: SimpleQueue[int | None] = SimpleQueue()
    back: SimpleQueue[int] = SimpleQueue()

    def serve() -> None:
        while (value := there.get()) is not None:
            back.put(value)

    thread = threading.Thread(target=serve)
    thread.start()
    times = []
    for number in range(CALLS):
        began = time.perf_counter()
        there.put(number)
        back.get()
        times.append(time.perf_counter() - began)
    there.put(None)
    thread.join()
    return statistics.median(times)


class Echo:
    def echo(self, value: int) -> int:
        return value


def service_call() -> float:
    """p50 of a call to a service that does nothing."""
    times: list[float] = []

    class Caller:
        def __init__(self, context: Any) -> None:
            self.call_service = context.call_service

        def execute(self, value: int) -> None:
            began = time.perf_counter()
            self.call_service["echo"].echo(value)
            times.append(time.perf_counter() - began)

    values = operator("batch", lambda c: None, values=range(CALLS))
    run(in_a_row(values, operator("sink", Caller), services=(ServiceSpec("echo", lambda c: Echo()),)))
    return statistics.median(times)


def bare_hand_overs() -> float:
    """p50 of passing a value through four threads."""
    queues: list[SimpleQueue[float | None]] = [SimpleQueue() for _ in range(4)]
    times: list[float] = []
    arrived = threading.Semaphore(0)

    def hand_on(number: int) -> None:
        while (value := queues[number].get()) is not None:
            if number < 3:
                queues[number + 1].put(value)
            else:
                times.append(time.perf_counter() - value)
                arrived.release()

    threads = [threading.Thread(target=hand_on, args=[number]) for number in range(4)]
    for thread in threads:
        thread.start()
    for _ in range(HOPS):
        time.sleep(0.0002)
        queues[0].put(time.perf_counter())
        arrived.acquire()
    for queue in queues:
        queue.put(None)
    for thread in threads:
        thread.join()
    return statistics.median(times)


def idle_operators() -> float:
    """p50 of a record from its source through three maps to the sink, all idle."""
    times: list[float] = []
    arrived = threading.Semaphore(1)

    class Tick:
        count = 0

        def execute(self) -> float | None:
            arrived.acquire()
            time.sleep(0.0002)
            self.count += 1
            return time.perf_counter() if self.count <= HOPS else None

    class Same:
        def execute(self, value: float) -> float:
            return value

    class Arrive:
        def execute(self, value: float) -> None:
            times.append(time.perf_counter() - value)
            arrived.release()

    maps = [operator("map", lambda c: Same(), name=f"map{n}") for n in range(3)]
    run(in_a_row(operator("batch", lambda c: Tick(), none_ends=True), *maps, operator("sink", lambda c: Arrive())))
    return statistics.median(times)


def main() -> None:
    """Measure and print."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    pairs: list[tuple[str, Callable[[], float], Callable[[], float], Callable[[float, float], str]]] = [
        (
            "four operators against the plain chain of calls (goal: at least 0.5)",
            chain,
            pipeline,
            lambda base, ours: (
                f"{base / ours:.2f}   chain {RECORDS / base / 1e6:.2f} M records/s, engine {RECORDS / ours / 1e6:.2f} M"
            ),
        ),
        (
            "a service call against a bare round trip (goal: at most 1.3)",
            bare_round_trip,
            service_call,
            lambda base, ours: f"{ours / base:.2f}   bare {base * 1e6:.1f} µs, call {ours * 1e6:.1f} µs",
        ),
        (
            "four idle operators against four bare hand-overs (goal: at most 1.5)",
            bare_hand_overs,
            idle_operators,
            lambda base, ours: f"{ours / base:.2f}   bare {base * 1e6:.1f} µs, engine {ours * 1e6:.1f} µs",
        ),
    ]
    for title, base, ours, show in pairs:
        results = [(base(), ours()) for _ in range(rounds)]
        bases, measured = zip(*results, strict=True)
        print(f"{title}: {show(statistics.median(bases), statistics.median(measured))}", flush=True)


if __name__ == "__main__":
    main()
