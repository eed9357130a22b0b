"""Schedulers, their decisions, and how `submit` asks them. Every replica runs in this process, whatever they decide.

In era 2 `submit` asks the environment's scheduler as SAGE does: in the caller's thread, before anything starts, once
for each service and then once for each replica. A decision's `delay` is waited for; the log tells which nodes are
named. SAGE's era 3 accepts schedulers and never asks them.
"""

from __future__ import annotations

import logging
import os
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

from sage_runtime.api.transformations import BaseTransformation, Environment, FutureTransformation

_log = logging.getLogger("sage.environment")


class PlacementDecision(SimpleNamespace):
    """Where and when a scheduler wants a task to run. `delay` is in seconds.

    `resource` is era 2's, `resource_requirements` that of SAGE up to 0.2.3.
    """

    def __init__(self, target_node: str | None = None, **fields: Any) -> None:
        known: dict[str, Any] = {
            "resource": {},
            "delay": 0.0,
            "immediate": True,
            "placement_strategy": "default",
            "affinity_tasks": [],
            "anti_affinity_tasks": [],
            "reason": "",
            "priority": 0,
            "metadata": {},
            "resource_requirements": None,
        }
        if unknown := fields.keys() - known.keys():
            raise TypeError(f"a PlacementDecision has no {', '.join(sorted(unknown))}")
        super().__init__(target_node=target_node, **{**known, **fields})

    def to_dict(self) -> dict[str, Any]:
        """Its fields."""
        return dict(vars(self))

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> PlacementDecision:
        """A decision with these fields; unknown ones are ignored."""
        return cls(**{name: value for name, value in data.items() if name in vars(cls())})

    @classmethod
    def immediate_default(cls, reason: str = "") -> PlacementDecision:
        """At once, on any node."""
        return cls(reason=reason or "Immediate default placement")

    @classmethod
    def with_resources(
        cls, cpu: float | None = None, gpu: float | None = None, memory: int | str | None = None, reason: str = ""
    ) -> PlacementDecision:
        """At once, on a node that has these resources."""
        needs = {"cpu": cpu, "gpu": gpu, "memory": memory}
        needs = {name: value for name, value in needs.items() if value is not None}
        return cls(resource=needs, resource_requirements=needs, reason=reason or f"Resource requirements: {needs}")

    @classmethod
    def with_node(cls, node_id: str, strategy: Any = "default", reason: str = "") -> PlacementDecision:
        """At once, on this node."""
        return cls(target_node=node_id, placement_strategy=strategy, reason=reason or f"Target node: {node_id}")

    @classmethod
    def with_delay(cls, delay_seconds: float, reason: str = "") -> PlacementDecision:
        """Later, on any node."""
        return cls(delay=delay_seconds, immediate=False, reason=reason or f"Delayed by {delay_seconds}s")


class NodeSelector:
    """Chooses a node. There is one: this machine."""

    def __init__(self, cache_ttl: float = 0.1, enable_tracking: bool = True) -> None:
        self.enable_tracking = enable_tracking
        self.node_task_count: dict[str, int] = {}

    def get_all_nodes(self) -> list[SimpleNamespace]:
        """This machine, with its names, tasks, and the total and available processors, GPUs and memory (in bytes)."""
        name = os.environ.get("SAGE_NODE_NAME") or os.uname().nodename
        resources = {
            "cpu": float(os.cpu_count() or 1),
            "gpu": float(os.environ.get("SAGE_AVAILABLE_GPU", 0)),
            "memory": int(os.environ.get("SAGE_AVAILABLE_MEMORY", 8 * 1024**3)),
        }
        sizes = {f"{kind}_{of}": amount for of, amount in resources.items() for kind in ("total", "available")}
        usage = {f"{of}_usage": 0.0 for of in resources}
        tasks = self.node_task_count.get(name, 0)
        return [SimpleNamespace(node_id=name, hostname=name, **sizes, **usage, task_count=tasks, alive=True)]

    def get_node(self, node_id: str) -> SimpleNamespace | None:
        """The node of that id."""
        return next((node for node in self.get_all_nodes() if node.node_id == node_id), None)

    def select_best_node(
        self, cpu_required: float = 0.0, gpu_required: float = 0.0, memory_required: int = 0, **wishes: Any
    ) -> str | None:
        """The id of a node with these resources, None if there is none."""
        wanted = {"available_cpu": cpu_required, "available_gpu": gpu_required, "available_memory": memory_required}
        for node in self.get_all_nodes():
            if all(getattr(node, name) >= amount for name, amount in wanted.items()):
                if self.enable_tracking:
                    self.node_task_count[node.node_id] = node.task_count + 1
                return str(node.node_id)
        return None

    def get_cluster_stats(self) -> dict[str, Any]:
        """The resources of all nodes together, and of each."""
        nodes = self.get_all_nodes()
        stats = {name: amount for name, amount in vars(nodes[0]).items() if name.startswith(("total_", "available_"))}
        tasks = sum(node.task_count for node in nodes)
        return {"node_count": len(nodes), **stats, "total_tasks": tasks, "nodes": [dict(vars(node)) for node in nodes]}


# --- schedulers ------------------------------------------------------------------------------------------------------


class BaseScheduler(ABC):
    """The base class of schedulers. Implementations count in `scheduled_count` and keep their `decision_history`."""

    def __init__(self) -> None:
        self.scheduled_count = 0
        self.decision_history: list[Any] = []

    @abstractmethod
    def make_decision(self, task_node: Any) -> PlacementDecision:
        """Where and when to run a replica: `task_node` has `name`, `transformation` and `parallel_index`."""

    def make_service_decision(self, service_node: Any) -> PlacementDecision:
        """Where and when to run a service, `service_node.service_name`."""
        return PlacementDecision.immediate_default(f"{type(self).__name__} service scheduling")

    def task_completed(self, task_name: str) -> None:  # noqa: B027 - a hook
        """Called when a replica has ended."""

    def get_metrics(self) -> dict[str, Any]:
        """Its counters, by era 2's names and era 3's."""
        return {
            "scheduler_type": type(self).__name__,
            "scheduled_count": self.scheduled_count,
            "total_scheduled": self.scheduled_count,
            "decisions": len(self.decision_history),
        }

    def shutdown(self) -> None:
        """Forget the decisions."""
        self.decision_history.clear()


class FIFOScheduler(BaseScheduler):
    """Schedules tasks in the order in which they come."""

    kind = "FIFO"

    def __init__(self, platform: str = "local", **kwargs: Any) -> None:
        super().__init__()
        self.platform = platform
        self.total_latency = 0.0

    def make_decision(self, task_node: Any) -> PlacementDecision:
        """At once, on any node."""
        started = time.perf_counter()
        self.scheduled_count += 1
        decision = PlacementDecision.immediate_default(f"{self.kind} order: #{self.scheduled_count}")
        self.decision_history.append(decision)
        self.total_latency += time.perf_counter() - started
        return decision

    def make_service_decision(self, service_node: Any) -> PlacementDecision:
        """Scheduled and counted as a task is."""
        return self.make_decision(service_node)

    def get_metrics(self) -> dict[str, Any]:
        """Its counters; the mean latency is in milliseconds."""
        mean = self.total_latency / self.scheduled_count if self.scheduled_count else 0.0
        return {
            **super().get_metrics(),
            "scheduler_type": self.kind,
            "avg_latency_ms": mean * 1000,
            "platform": self.platform,
        }


class LoadAwareScheduler(FIFOScheduler):
    """Counts the running tasks. When they exceed `max_concurrent` it asks for a delay of 10 ms, once."""

    kind = "LoadAware"

    def __init__(
        self, platform: str = "local", max_concurrent: int = 10, strategy: str = "balanced", **kwargs: Any
    ) -> None:
        super().__init__(platform)
        self.max_concurrent = max_concurrent
        self.strategy = strategy
        self.active_tasks = 0
        self.resource_utilization: list[float] = []
        self.node_selector = NodeSelector()

    def make_decision(self, task_node: Any) -> PlacementDecision:
        """At once while fewer than `max_concurrent` run."""
        decision = super().make_decision(task_node)
        decision.immediate = self.active_tasks < self.max_concurrent
        decision.delay = 0.01 if self.active_tasks == self.max_concurrent else 0.0
        name = getattr(task_node, "name", "unknown")
        decision.reason = f"LoadAware: task={name}, active={self.active_tasks}, strategy={self.strategy}"
        self.active_tasks += 1
        self.resource_utilization.append(self.active_tasks / max(self.max_concurrent, 1))
        return decision

    def task_completed(self, task_name: str) -> None:
        """Count one running task fewer."""
        self.active_tasks = max(0, self.active_tasks - 1)

    def get_metrics(self) -> dict[str, Any]:
        """Its counters."""
        shares = self.resource_utilization
        return {
            **super().get_metrics(),
            "active_tasks": self.active_tasks,
            "max_concurrent": self.max_concurrent,
            "avg_resource_utilization": sum(shares) / len(shares) if shares else 0.0,
            "strategy": self.strategy,
            "cluster": self.node_selector.get_cluster_stats(),
        }

    def shutdown(self) -> None:
        """Forget the decisions."""
        super().shutdown()
        self.resource_utilization.clear()


class RandomScheduler(FIFOScheduler):
    """Chooses a node at random. There is one."""

    kind = "Random"

    def __init__(self, platform: str = "local", seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(platform)
        self.seed = seed


class RoundRobinScheduler(FIFOScheduler):
    """Chooses the nodes in turn. There is one."""

    kind = "RoundRobin"

    def get_metrics(self) -> dict[str, Any]:
        """Its counters."""
        return {**super().get_metrics(), "current_index": 0, "nodes_count": 0}


class PriorityScheduler(LoadAwareScheduler):
    """Counts tasks by the `priority` of their transformation, from 1 to 10."""

    kind = "Priority"

    def __init__(
        self,
        platform: str = "local",
        default_priority: int = 5,
        max_concurrent: int = 10,
        enable_aging: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(platform, max_concurrent)
        self.default_priority = default_priority
        self.enable_aging = enable_aging
        self.priority_distribution: dict[int, int] = {}

    def make_decision(self, task_node: Any) -> PlacementDecision:
        """As `LoadAwareScheduler`, with the task's priority."""
        decision = super().make_decision(task_node)
        wanted = getattr(getattr(task_node, "transformation", None), "priority", self.default_priority)
        decision.priority = max(1, min(10, wanted))
        counts = self.priority_distribution
        counts[decision.priority] = counts.get(decision.priority, 0) + 1
        return decision

    def get_metrics(self) -> dict[str, Any]:
        """Its counters."""
        counts = self.priority_distribution
        weight = sum(priority * count for priority, count in counts.items())
        return {
            **super().get_metrics(),
            "default_priority": self.default_priority,
            "avg_priority": weight / sum(counts.values()) if counts else 0.0,
            "priority_distribution": dict(counts),
            "enable_aging": self.enable_aging,
            "preemptions": 0,
        }


SCHEDULER_REGISTRY: dict[str, type[FIFOScheduler]] = {
    "fifo": FIFOScheduler,
    "load_aware": LoadAwareScheduler,
    "loadaware": LoadAwareScheduler,
    "random": RandomScheduler,
    "round_robin": RoundRobinScheduler,
    "priority": PriorityScheduler,
}


def get_scheduler(name: str = "fifo", platform: str = "local", **kwargs: Any) -> FIFOScheduler:
    """One of SAGE's schedulers, by name.

    Raises:
        ValueError: an unknown name.
    """
    cls = SCHEDULER_REGISTRY.get(name.lower())
    if cls is None:
        raise ValueError(f"Unknown scheduler type: {name}. Available options: {', '.join(SCHEDULER_REGISTRY)}")
    return cls(platform, **kwargs)


def resolve_scheduler(*, scheduler: Any, platform: str = "local") -> Any:
    """The scheduler that an environment's `scheduler=` means: None, a name, or an object with `make_decision`.

    Raises:
        ValueError: an unknown name.
        TypeError: something else.
    """
    if scheduler is None:
        return FIFOScheduler(platform)
    if isinstance(scheduler, str):
        if scheduler.lower() not in ("fifo", "load_aware", "loadaware"):
            raise ValueError(f"Unknown scheduler type: {scheduler}. Available options: 'fifo', 'load_aware'")
        return get_scheduler(scheduler, platform)
    if callable(getattr(scheduler, "make_decision", None)) and not isinstance(scheduler, type):
        return scheduler
    raise TypeError(f"scheduler is None, a name or an object with make_decision(), not {scheduler!r}")


# --- the asking ------------------------------------------------------------------------------------------------------


class Placements:
    """A scheduler's decisions about one submit. `targets` maps replicas and services to the nodes it named for them."""

    def __init__(self, scheduler: Any) -> None:
        self._scheduler = scheduler
        self._tasks: list[str] = []
        self.targets: dict[str, str] = {}

    def ask(self, env: Environment) -> None:
        """Ask about each service and then each replica. Raises what the scheduler raises."""
        decide = getattr(self._scheduler, "make_service_decision", None)
        if decide is not None:
            for name in env.service_factories:
                self._take(name, decide(SimpleNamespace(name=name, service_name=name)))
        for node in _task_nodes(env.pipeline):
            self._take(node.name, self._scheduler.make_decision(node))
            self._tasks.append(node.name)
        if self.targets:
            wishes = ", ".join(f"{name} on {node}" for name, node in self.targets.items())
            _log.info("%s places %s; here all runs in this process", type(self._scheduler).__name__, wishes)

    def _take(self, name: str, decision: Any) -> None:
        if getattr(decision, "target_node", None) is not None:
            self.targets[name] = str(decision.target_node)
        delay = getattr(decision, "delay", 0) or 0
        if delay > 0:
            time.sleep(delay)

    def completed(self) -> None:
        """Tell the scheduler, once, that every replica has ended."""
        told, self._tasks = self._tasks, []
        for name in told:
            getattr(self._scheduler, "task_completed", _ignore)(name)


def ask_scheduler(env: Environment) -> Placements:
    """Ask the environment's scheduler about a submit. Raises what the scheduler raises."""
    placements = Placements(env.scheduler)
    placements.ask(env)
    return placements


def _task_nodes(pipeline: list[BaseTransformation]) -> Iterator[SimpleNamespace]:
    """The replicas of a pipeline as schedulers see them, sources first."""
    factory = SimpleNamespace(remote=False)
    for step in pipeline:
        if not isinstance(step, FutureTransformation):
            for index in range(step.parallelism):
                yield SimpleNamespace(
                    name=f"{step.basename}_{index}", transformation=step, parallel_index=index, task_factory=factory
                )


def _ignore(task_name: str) -> None:
    """For schedulers without `task_completed`."""


# --- fault handlers --------------------------------------------------------------------------------------------------


class BaseFaultHandler(ABC):
    """The base class of fault handlers. None is called: a failure is recorded and the pipeline goes on."""

    logger: Any = None
    dispatcher: Any = None

    @abstractmethod
    def handle_failure(self, task_id: str, error: Exception) -> bool:
        """Deal with a failed task."""

    @abstractmethod
    def can_recover(self, task_id: str) -> bool:
        """Whether a task can start again."""

    @abstractmethod
    def recover(self, task_id: str) -> bool:
        """Start a task again."""

    def cleanup(self) -> None:  # noqa: B027 - a hook
        """Called last."""
