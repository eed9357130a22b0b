"""Schedulers: era 2 asks them once for each replica, and what they say is heeded, counted and shown."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from time import monotonic
from typing import Any

import pytest

from sage_runtime.api import scheduling
from sage_runtime.api.environment import (
    BaseEnvironment,
    FlowNetEnvironment,
    KernelLocalEnvironment,
    LocalEnvironment,
    RuntimeLocalEnvironment,
)
from sage_runtime.api.functions import MapFunction
from sage_runtime.api.scheduling import BaseScheduler, PlacementDecision

from .pipelines import Collect, Counting


class Asks(MapFunction):
    made: list[str]

    def __init__(self) -> None:
        type(self).made.append("made")

    def execute(self, data: Any) -> Any:
        return data


class Own(BaseScheduler):
    """Notes what it is asked, and before what."""

    def __init__(self, answer: PlacementDecision | None = None) -> None:
        super().__init__()
        self.answer = answer or PlacementDecision()
        self.asked: list[str] = []
        self.threads: set[str] = set()
        self.ended: list[str] = []

    def make_decision(self, task_node: Any) -> PlacementDecision:
        assert Asks.made == []
        step = task_node.transformation
        self.asked.append(f"{task_node.name} {task_node.parallel_index + 1}/{step.parallelism}")
        self.threads.add(threading.current_thread().name)
        return self.answer

    def make_service_decision(self, service_node: Any) -> PlacementDecision:
        self.asked.append(service_node.service_name)
        return PlacementDecision()

    def task_completed(self, task_name: str) -> None:
        self.ended.append(task_name)


@pytest.fixture
def told() -> Iterator[list[str]]:
    """What the environments log."""
    lines: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: lines.append(record.getMessage())  # type: ignore[method-assign]
    logger = logging.getLogger("sage.environment")
    logger.addHandler(handler)
    yield lines
    logger.removeHandler(handler)


@pytest.fixture(autouse=True)
def nothing_made() -> None:
    Asks.made = []


def pipeline(env: BaseEnvironment, seen: list[Any]) -> BaseEnvironment:
    env.register_service("cache", dict)
    env.from_batch(Counting, 4).map(Asks, parallelism=3).sink(Collect, seen)
    return env


REPLICAS = ["Counting_0 1/1", "Asks_0 1/3", "Asks_1 2/3", "Asks_2 3/3", "Collect_0 1/1"]


@pytest.mark.usefixtures("runtime")
def test_services_and_then_each_replica_are_asked_about_before_anything_is_made(seen: list[Any]) -> None:
    scheduler = Own()
    pipeline(KernelLocalEnvironment(scheduler=scheduler), seen).submit(autostop=True)
    assert scheduler.asked == ["cache", *REPLICAS]
    assert scheduler.threads == {threading.current_thread().name}
    assert [name.partition(" ")[0] for name in REPLICAS] == scheduler.ended
    assert sorted(seen) == [1, 2, 3, 4]


@pytest.mark.usefixtures("runtime")
def test_a_delay_is_heeded(seen: list[Any]) -> None:
    began = monotonic()
    pipeline(KernelLocalEnvironment(scheduler=Own(PlacementDecision.with_delay(0.02))), seen).submit(autostop=True)
    assert monotonic() - began >= 0.02 * len(REPLICAS)


@pytest.mark.usefixtures("runtime")
def test_the_nodes_that_it_names_are_told(seen: list[Any], told: list[str]) -> None:
    env = KernelLocalEnvironment("placed", scheduler=Own(PlacementDecision.with_node("node-a")))
    pipeline(env, seen).submit(autostop=True)
    assert any(line.startswith("Own places Counting_0 on node-a, Asks_0 on node-a, ") for line in told)


@pytest.mark.usefixtures("runtime")
@pytest.mark.parametrize("make", [LocalEnvironment, RuntimeLocalEnvironment, FlowNetEnvironment])
def test_the_other_eras_never_ask(make: Callable[..., BaseEnvironment], seen: list[Any]) -> None:
    scheduler = Own(PlacementDecision.with_delay(60))
    pipeline(make(scheduler=scheduler), seen).submit(autostop=True)
    assert (scheduler.asked, scheduler.ended, sorted(seen)) == ([], [], [1, 2, 3, 4])


@pytest.mark.usefixtures("runtime")
@pytest.mark.parametrize("name", sorted(scheduling.SCHEDULER_REGISTRY))
def test_the_shipped_ones_count_replicas_and_services(name: str, seen: list[Any]) -> None:
    scheduler = scheduling.get_scheduler(name)
    pipeline(KernelLocalEnvironment(scheduler=scheduler), seen).submit(autostop=True)
    metrics = scheduler.get_metrics()
    assert (metrics["total_scheduled"], metrics["scheduled_count"], metrics["decisions"]) == (6, 6, 6)
    assert metrics["scheduler_type"].lower() == name.replace("_", "")
    assert sorted(seen) == [1, 2, 3, 4]


@pytest.mark.usefixtures("runtime")
def test_the_default_one_counts_too() -> None:
    env = KernelLocalEnvironment()
    env.from_batch([1]).sink(print)
    env.submit(autostop=True)
    assert env.scheduler.get_metrics()["total_scheduled"] == 2


@pytest.mark.usefixtures("runtime")
def test_more_replicas_than_a_load_aware_one_allows_do_run(seen: list[Any]) -> None:
    scheduler = scheduling.LoadAwareScheduler(max_concurrent=2)
    pipeline(KernelLocalEnvironment(scheduler=scheduler), seen).submit(autostop=True)
    assert sorted(seen) == [1, 2, 3, 4]
    assert scheduler.get_metrics()["active_tasks"] == 1  # the service's, as in SAGE


@pytest.mark.usefixtures("runtime")
def test_a_priority_is_that_of_the_transformation(seen: list[Any]) -> None:
    scheduler = scheduling.PriorityScheduler()
    env = KernelLocalEnvironment(scheduler=scheduler)
    env.from_batch([1]).sink(Collect, seen)
    env.pipeline[1].priority = 99  # type: ignore[attr-defined]  # as scripts set it
    env.submit(autostop=True)
    assert scheduler.get_metrics()["priority_distribution"] == {5: 1, 10: 1}


def test_they_are_accepted_by_name_and_object() -> None:
    own = scheduling.LoadAwareScheduler(max_concurrent=2)
    assert RuntimeLocalEnvironment(scheduler="load_aware").scheduler.get_metrics()["scheduler_type"] == "LoadAware"
    assert KernelLocalEnvironment(scheduler=own).scheduler is own
    assert KernelLocalEnvironment().get_scheduler_metrics()["scheduler_type"] == "FIFO"
    for name in ("lifo", "random"):
        with pytest.raises(ValueError, match=f"Unknown scheduler type: {name}"):
            KernelLocalEnvironment(scheduler=name)
    with pytest.raises(TypeError, match="make_decision"):
        KernelLocalEnvironment(scheduler=3)


def test_decisions_travel_as_dictionaries() -> None:
    decision = PlacementDecision.with_resources(cpu=2, memory="8GB")
    assert PlacementDecision.from_dict({**decision.to_dict(), "unknown": 1}) == decision


def test_the_node_is_this_machine() -> None:
    selector = scheduling.NodeSelector()
    node = selector.select_best_node(cpu_required=1)
    assert node is not None
    assert selector.get_node(node) is not None
    assert selector.get_cluster_stats()["total_tasks"] == 1
    assert selector.select_best_node(cpu_required=1e9) is None
    assert len(FlowNetEnvironment().health_check()) == 1
