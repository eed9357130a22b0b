"""One pipeline of a run: its operators and services."""

from __future__ import annotations

import math
from operator import is_
from typing import Any

from sage_runtime.events import (
    EdgeInfo,
    OperatorInfo,
    OperatorStats,
    PipelineFinished,
    PipelineSubmitted,
    ServiceInfo,
    ServiceStats,
    from_fields,
)
from sage_runtime.events.kinds import SOURCE_KINDS
from sage_tui.state.operator_state import OperatorState
from sage_tui.state.sanitize import fields_of, finite, seconds, text, whole
from sage_tui.state.service_state import ServiceState
from sage_tui.state.views import OperatorView, PipelineView, ServiceView

MOST_UNDESCRIBED = 10_000
"""Operators and services that nobody submitted are followed up to this number."""


class PipelineState:
    """A pipeline as it was submitted, and what its operators and services have said since."""

    __slots__ = (
        "_view",
        "begin",
        "duration",
        "edges",
        "era",
        "id",
        "name",
        "operators",
        "services",
        "started",
        "status",
        "upstream",
    )

    def __init__(self, id_: str, t: float, time: float) -> None:
        self.id = id_
        self.name = id_
        self.era = 1
        self.status = "running"
        self.started = t
        self.begin = time
        self.duration: float | None = None
        self.operators: dict[str, OperatorState] = {}
        self.services: dict[str, ServiceState] = {}
        self.edges: tuple[EdgeInfo, ...] = ()
        self.upstream: dict[str, tuple[str, ...]] = {}
        self._view: PipelineView | None = None

    @property
    def ended(self) -> bool:
        """Whether nothing more is expected of it."""
        return self.status != "running"

    def submit(self, event: PipelineSubmitted, time: float) -> None:
        """Take its graph in; what is known of an operator by the same name stays."""
        self.name, self.era, self.edges = event.name or event.pipeline, event.era, event.edges
        self._view = None
        self._find_upstream()
        for info in event.operators:
            operator = self.operators.get(info.id)
            if operator is None:
                operator = self.operators[info.id] = OperatorState(self.id, info)
                operator.begin(time)
            operator.describe(info)
        for described in event.services:
            service = self.services.get(described.name)
            if service is None:
                service = self.services[described.name] = ServiceState(self.id, described)
                service.begin(time)
            service.describe(described)

    def _find_upstream(self) -> None:
        upstream: dict[str, list[str]] = {}
        for edge in self.edges:
            if not edge.feedback and edge.source not in upstream.setdefault(edge.target, []):
                upstream[edge.target].append(edge.source)
        self.upstream = {target: tuple(sources) for target, sources in upstream.items()}

    def apply_operator(self, event: OperatorStats, time: float) -> tuple[float, int] | None:
        """Take an operator's stats in.

        Returns:
            For a source, since when it has put out how many more records.
        """
        operator = self.operators.get(event.operator)
        if operator is None:
            if len(self.operators) >= MOST_UNDESCRIBED:
                return None
            operator = self.operators[event.operator] = OperatorState(self.id, OperatorInfo(event.operator))
        blocked = any(
            before in self.operators and self.operators[before].blocked
            for before in self.upstream.get(event.operator, ())
        )
        gained = operator.apply(event, time, upstream_blocked=blocked)
        return gained if operator.info.kind in SOURCE_KINDS else None

    def apply_service(self, event: ServiceStats, time: float) -> None:
        """Take the stats of a service's method in."""
        service = self.services.get(event.service)
        if service is None:
            if len(self.services) >= MOST_UNDESCRIBED:
                return
            service = self.services[event.service] = ServiceState(self.id, ServiceInfo(event.service))
        service.apply(event, time)
        for caller in event.callers:
            self.called(caller, event.service)

    def called(self, caller: str | None, service: str) -> None:
        """Take in that an operator or a service has called a service."""
        if caller is None or service not in self.services:
            return
        if caller in self.operators:
            self.operators[caller].calls(service)
        elif caller in self.services:
            self.services[caller].calls(service)

    def finish(self, event: PipelineFinished) -> None:
        """Take its end in."""
        self._end(event.status, seconds(event.duration))

    def give_up(self, status: str, time: float) -> None:
        """The run is over without a word of this pipeline's end."""
        if not self.ended:
            self._end(status, time - self.begin)

    def _end(self, status: str, duration: float) -> None:
        self.status, self.duration = status, duration
        self._view = None
        for operator in self.operators.values():
            operator.end()

    def view(self, now: float) -> PipelineView:
        """What to show at the run's time `now`; the same object while that is the same."""
        if self.ended:
            now = math.inf
        operators = tuple([operator.view(now, self.ended) for operator in self.operators.values()])
        services = tuple([service.view(now) for service in self.services.values()])
        view = self._view
        if view is not None:
            operators = view.operators if _same(operators, view.operators) else operators
            services = view.services if _same(services, view.services) else services
            if operators is view.operators and services is view.services:
                return view
        self._view = view = PipelineView(
            id=self.id,
            name=self.name,
            era=self.era,
            status=self.status,
            started=self.started,
            duration=self.duration,
            operators=operators,
            edges=self.edges,
            services=services,
        )
        return view

    def to_json(self) -> dict[str, Any]:
        """The pipeline as plain data."""
        return {
            "id": self.id,
            "name": self.name,
            "era": self.era,
            "status": self.status,
            "started": self.started,
            "begin": self.begin,
            "duration": self.duration,
            "edges": [fields_of(edge) for edge in self.edges],
            "operators": [operator.to_json() for operator in self.operators.values()],
            "services": [service.to_json() for service in self.services.values()],
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> PipelineState:
        """The pipeline that `to_json` described."""
        state = cls(text(data["id"]), finite(data["started"]), finite(data["begin"]))
        state.name, state.era, state.status, state.duration = (
            text(data["name"]),
            whole(data["era"]),
            text(data["status"]),
            None if data["duration"] is None else finite(data["duration"]),
        )
        state.edges = tuple(from_fields(EdgeInfo, edge) for edge in data["edges"])
        state._find_upstream()
        for part in data["operators"]:
            operator = OperatorState.from_json(state.id, part)
            state.operators[operator.info.id] = operator
        for part in data["services"]:
            service = ServiceState.from_json(state.id, part)
            state.services[service.info.name] = service
        return state


def _same(
    new: tuple[OperatorView, ...] | tuple[ServiceView, ...], old: tuple[OperatorView, ...] | tuple[ServiceView, ...]
) -> bool:
    return len(new) == len(old) and all(map(is_, new, old))
