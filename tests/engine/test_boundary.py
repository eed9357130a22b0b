"""The border of the engine: a graph is data that can travel, and no more than the protocols is known of an engine."""

from __future__ import annotations

import pickle
from typing import Any, ClassVar

import cloudpickle
from support.graphs import Recorder
from support.reference_engine import ReferenceEngine

from sage_runtime.api.environment import KernelLocalEnvironment
from sage_runtime.api.functions import KeyByFunction, MapFunction, SinkFunction
from sage_runtime.api.pipeline import build_graph
from sage_runtime.engine.protocol import Engine, JobHandle
from sage_runtime.engine.threads.engine import ThreadEngine
from sage_runtime.graph import Graph


class Halve(KeyByFunction):
    def execute(self, data: Any) -> Any:
        return data % 2


class Ask(MapFunction):
    def execute(self, data: Any) -> Any:
        return self.call_service("store", data)


class Keep(SinkFunction):
    kept: ClassVar[list[Any]] = []

    def execute(self, data: Any) -> None:
        self.kept.append(data)


def travelled() -> Graph:
    """A graph of classes, a lambda and a service that has been through bytes, as to another process."""
    env = KernelLocalEnvironment("travels", config={"fault_tolerance": {"strategy": "checkpoint"}})
    env.register_service("store", type("Store", (), {"process": lambda self, value: value + 1}))
    env.from_batch(range(4)).keyby(Halve).map(Ask, parallelism=2).map(lambda value: value * 10).sink(Keep)
    data = cloudpickle.dumps(build_graph(env, autostop=True))
    assert b"sage_runtime.api.environment" not in data
    assert b"sage_runtime.engine.threads" not in data
    graph: Graph = pickle.loads(data)
    return graph


def results(engine: Engine) -> list[Any]:
    Keep.kept.clear()
    job: JobHandle = engine.submit(travelled())
    assert job.wait(20)
    assert job.status == "finished"
    assert engine.wait(20)
    return sorted(Keep.kept)


def test_a_graph_that_has_travelled_runs_on_every_engine() -> None:
    assert results(ReferenceEngine(Recorder())) == results(ThreadEngine(Recorder())) == [10, 20, 30, 40]
