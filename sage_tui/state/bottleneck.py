"""Which operator, or which service, limits a pipeline."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from sage_runtime.events import EdgeInfo
from sage_tui.state.format import percent
from sage_tui.state.quantiles import mean
from sage_tui.state.views import Bottleneck, OperatorView, PipelineView, ServiceView


def bottleneck(pipeline: PipelineView) -> Bottleneck | None:
    """The most downstream operator under pressure, or the service that it waits for; None where nothing limits.

    An operator is under pressure (`OperatorView.pressed`) while it is busy or waiting for at least 0.7 of its time and
    its input is over half full or an operator before it is blocked; it takes two samples to say so, and as many to
    take it back, so the answer does not flicker.
    """
    pressed = [operator for operator in pipeline.operators if operator.pressed]
    if not pressed or pipeline.status != "running":
        return None
    depths = _depths(pipeline.edges)
    operator = max(pressed, key=lambda one: (depths.get(one.id, 0), one.busy + one.waiting))
    service = _awaited(operator, pipeline.services) if operator.waiting > operator.busy else None
    if service is None:
        share = operator.busy + operator.waiting
        return Bottleneck(pipeline.id, operator.id, None, share, f"busy {percent(share)}")
    return Bottleneck(
        pipeline.id, operator.id, service, operator.waiting, f"{operator.name} waits {percent(operator.waiting)}"
    )


def slowest_operator(pipeline: PipelineView) -> OperatorView | None:
    """The operator that has needed longest for its records in all, sources aside, for they set their own pace.

    Each of its replicas has needed the share of it that falls to one.
    """
    timed = [one for one in pipeline.operators if one.kind not in ("source", "batch") and one.latency.p95 > 0]
    return max(timed, key=time_needed, default=None)


def time_needed(operator: OperatorView) -> float:
    """The seconds that each replica of an operator has needed for its records, by what was timed."""
    each = mean(operator.latency.buckets) or operator.latency.p95
    return operator.records_in * each / max(1, operator.parallelism)


def _awaited(operator: OperatorView, services: Iterable[ServiceView]) -> str | None:
    """The service that the operator has spent most time in, by its calls and their mean duration."""
    spent: dict[str, float] = {}
    for service in services:
        if service.name in operator.services:
            spent[service.name] = sum(
                method.callers.get(operator.id, 0) * mean(method.latency.buckets) for method in service.methods
            )
    return max(spent, key=lambda name: spent[name]) if spent else None


def _depths(edges: tuple[EdgeInfo, ...]) -> Mapping[str, int]:
    """How many operators lie before each on the longest way from a source, feedback set aside."""
    targets: dict[str, list[str]] = {}
    missing: dict[str, int] = {}
    for edge in edges:
        if not edge.feedback:
            targets.setdefault(edge.source, []).append(edge.target)
            missing[edge.target] = missing.get(edge.target, 0) + 1
    depths = {name: 0 for name in targets if name not in missing}
    ready = list(depths)
    while ready:
        name = ready.pop()
        for target in targets.get(name, ()):
            depths[target] = max(depths.get(target, 0), depths[name] + 1)
            missing[target] -= 1
            if missing[target] == 0:
                ready.append(target)
    return depths
