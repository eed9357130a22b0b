"""Schedulers, placement and fault handlers: accepted wherever SAGE takes them, and asked for nothing.

One engine runs every operator as threads of this process, so a placement decides nothing; the objects keep the counts
that scripts print.
"""

from __future__ import annotations

import os
import platform as _platform
import time
from abc import ABC, abstractmethod
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass
class PlacementDecision:
    """Where and when a scheduler wants a task. `delay` is in seconds, `memory` of `with_resources` in bytes."""

    target_node: str | None = None
    resource: Any = field(default_factory=dict)
    delay: float = 0.0
    immediate: bool = True
    placement_strategy: str = "default"
    affinity_tasks: list[str] = field(default_factory=list)
    anti_affinity_tasks: list[str] = field(default_factory=list)
    reason: str = ""
    priority: int = 0
    metadata: dict[str, Any] = field(default_factory=dict)
    resource_requirements: dict[str, Any] | None = None

    def to_dict(self) -> dict[str, Any]:
        """Its fields."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> PlacementDecision:
        """A decision with these fields; unknown ones are ignored."""
        return cls(**{name: value for name, value in data.items() if name in cls.__dataclass_fields__})

    @classmethod
    def immediate_default(cls, reason: str = "") -> PlacementDecision:
        """At once, anywhere."""
        return cls(reason=reason or "Immediate default placement")

    @classmethod
    def with_resources(
        cls, cpu: float | None = None, gpu: float | None = None, memory: int | str | None = None, reason: str = ""
    ) -> PlacementDecision:
        """At once, where there is that much."""
        needs = {"cpu": cpu, "gpu": gpu, "memory": memory}
        needs = {name: value for name, value in needs.items() if value is not None}
        return cls(resource=needs, resource_requirements=needs, reason=reason or f"Resource requirements: {needs}")

    @classmethod
    def with_node(cls, node_id: str, strategy: str = "default", reason: str = "") -> PlacementDecision:
        """At once, on one node."""
        return cls(target_node=node_id, placement_strategy=strategy, reason=reason or f"Target node: {node_id}")

    @classmethod
    def with_delay(cls, delay_seconds: float, reason: str = "") -> PlacementDecision:
        """Later, anywhere."""
        return cls(delay=delay_seconds, immediate=False, reason=reason or f"Delayed by {delay_seconds}s")


@dataclass
class NodeResources:
    """A node and what it has free; memory in bytes."""

    node_id: str
    hostname: str
    available_cpu: float
    available_gpu: float
    available_memory: int
    task_count: int = 0
    alive: bool = True

    def can_fit(self, cpu_required: float = 0.0, gpu_required: float = 0.0, memory_required: int = 0) -> bool:
        """Whether it has that much."""
        return (
            self.available_cpu >= cpu_required
            and self.available_gpu >= gpu_required
            and self.available_memory >= memory_required
        )


class NodeSelector:
    """Chooses among the nodes that there are: this one."""

    def __init__(self, cache_ttl: float = 0.1, enable_tracking: bool = True) -> None:
        self.enable_tracking = enable_tracking
        self.node_task_count: dict[str, int] = {}

    def get_all_nodes(self) -> list[NodeResources]:
        """This node."""
        name = os.environ.get("SAGE_NODE_NAME") or _platform.node()
        memory = int(os.environ.get("SAGE_AVAILABLE_MEMORY", 8 * 1024**3))
        gpus = float(os.environ.get("SAGE_AVAILABLE_GPU", 0))
        return [NodeResources(name, name, float(os.cpu_count() or 1), gpus, memory, self.node_task_count.get(name, 0))]

    def get_node(self, node_id: str) -> NodeResources | None:
        """The node of that id."""
        return next((node for node in self.get_all_nodes() if node.node_id == node_id), None)

    def select_best_node(
        self,
        cpu_required: float = 0.0,
        gpu_required: float = 0.0,
        memory_required: int = 0,
        custom_resources: dict[str, float] | None = None,
        strategy: str = "balanced",
        exclude_nodes: list[str] | None = None,
    ) -> str | None:
        """The id of a node that has that much, None if there is none."""
        for node in self.get_all_nodes():
            if node.node_id not in (exclude_nodes or []) and node.can_fit(cpu_required, gpu_required, memory_required):
                if self.enable_tracking:
                    self.node_task_count[node.node_id] = node.task_count + 1
                return node.node_id
        return None

    def track_task_placement(self, task_name: str, node_id: str) -> None:
        """Count a task on a node."""
        self.node_task_count[node_id] = self.node_task_count.get(node_id, 0) + 1

    def get_cluster_stats(self) -> dict[str, Any]:
        """The number of nodes and their resources."""
        nodes = self.get_all_nodes()
        return {
            "node_count": len(nodes),
            "total_cpu": sum(node.available_cpu for node in nodes),
            "total_gpu": sum(node.available_gpu for node in nodes),
            "total_memory": sum(node.available_memory for node in nodes),
            "total_tasks": sum(node.task_count for node in nodes),
            "nodes": [asdict(node) for node in nodes],
        }


class BaseScheduler(ABC):
    """What schedulers derive from. The engine asks for no decision; scripts may."""

    def __init__(self) -> None:
        self.scheduled_count = 0
        self.decision_history: list[PlacementDecision] = []

    @abstractmethod
    def make_decision(self, task_node: Any) -> PlacementDecision:
        """Where and when to run a task."""

    def make_service_decision(self, service_node: Any) -> PlacementDecision:
        """Where and when to run a service."""
        return PlacementDecision.immediate_default(f"{type(self).__name__} service scheduling")

    def task_completed(self, task_name: str) -> None:  # noqa: B027 - a hook
        """A task has ended."""

    def get_metrics(self) -> dict[str, Any]:
        """What it counts."""
        return {
            "scheduler_type": type(self).__name__,
            "total_scheduled": self.scheduled_count,
            "decisions": len(self.decision_history),
        }

    def shutdown(self) -> None:
        """Forget the decisions."""
        self.decision_history.clear()


class FIFOScheduler(BaseScheduler):
    """Tasks in the order in which they come."""

    def __init__(self, platform: str = "local", **kwargs: Any) -> None:
        super().__init__()
        self.platform = platform
        self.total_latency = 0.0

    def make_decision(self, task_node: Any) -> PlacementDecision:
        """At once, anywhere."""
        started = time.perf_counter()
        self.scheduled_count += 1
        decision = PlacementDecision.immediate_default(f"FIFO order: #{self.scheduled_count}")
        self.decision_history.append(decision)
        self.total_latency += time.perf_counter() - started
        return decision

    def get_metrics(self) -> dict[str, Any]:
        """What it counts; the mean latency in milliseconds."""
        mean = self.total_latency / self.scheduled_count if self.scheduled_count else 0.0
        return {
            **super().get_metrics(),
            "scheduler_type": "FIFO",
            "avg_latency_ms": mean * 1000,
            "platform": self.platform,
        }


class LoadAwareScheduler(FIFOScheduler):
    """Tasks later (`delay`, up to a second) the more run already."""

    def __init__(
        self, platform: str = "local", max_concurrent: int = 10, strategy: str = "balanced", **kwargs: Any
    ) -> None:
        super().__init__(platform)
        self.max_concurrent = max_concurrent
        self.strategy = strategy
        self.active_tasks = 0
        self.resource_utilization: list[float] = []

    def make_decision(self, task_node: Any) -> PlacementDecision:
        """At once while fewer than `max_concurrent` run, later above."""
        decision = super().make_decision(task_node)
        over = self.active_tasks - self.max_concurrent + 1
        decision.delay = min(0.01 * over, 1.0) if over > 0 else 0.0
        decision.immediate = over <= 0
        decision.reason = (
            f"LoadAware: task={getattr(task_node, 'name', 'unknown')}, "
            f"active={self.active_tasks}, strategy={self.strategy}"
        )
        self.active_tasks += 1
        self.resource_utilization.append(self.active_tasks / max(self.max_concurrent, 1))
        return decision

    def task_completed(self, task_name: str) -> None:
        """One task fewer runs."""
        self.active_tasks = max(0, self.active_tasks - 1)

    def get_metrics(self) -> dict[str, Any]:
        """What it counts."""
        shares = self.resource_utilization
        return {
            **super().get_metrics(),
            "scheduler_type": "LoadAware",
            "active_tasks": self.active_tasks,
            "max_concurrent": self.max_concurrent,
            "avg_resource_utilization": sum(shares) / len(shares) if shares else 0.0,
            "strategy": self.strategy,
        }

    def shutdown(self) -> None:
        """Forget the decisions."""
        super().shutdown()
        self.resource_utilization.clear()


_BY_NAME: dict[str, type[FIFOScheduler]] = {
    "fifo": FIFOScheduler,
    "load_aware": LoadAwareScheduler,
    "loadaware": LoadAwareScheduler,
}


def resolve_scheduler(*, scheduler: Any, platform: str = "local") -> Any:
    """The scheduler that an environment's `scheduler=` means: None, a name, or an object with `make_decision`.

    Raises:
        ValueError: an unknown name.
        TypeError: something else.
    """
    if scheduler is None:
        return FIFOScheduler(platform)
    if isinstance(scheduler, str):
        cls = _BY_NAME.get(scheduler.lower())
        if cls is None:
            raise ValueError(f"Unknown scheduler type: {scheduler}. Available options: 'fifo', 'load_aware'")
        return cls(platform)
    if callable(getattr(scheduler, "make_decision", None)) and not isinstance(scheduler, type):
        return scheduler
    raise TypeError(f"scheduler is None, a name or an object with make_decision(), not {scheduler!r}")


def get_scheduler(scheduler: Any = None, platform: str = "local", **kwargs: Any) -> Any:
    """As `resolve_scheduler`, with the scheduler first."""
    return resolve_scheduler(scheduler=scheduler, platform=platform)


class BaseFaultHandler(ABC):
    """What SAGE's fault handlers derive from. Accepted; here a failing record is reported and the pipeline goes on."""

    def __init__(self) -> None:
        self.logger: Any = None
        self.dispatcher: Any = None

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
