"""What an engine tells of a graph when it is submitted."""

from __future__ import annotations

from sage_runtime.events import EdgeInfo, OperatorInfo, PipelineSubmitted, ServiceInfo
from sage_runtime.graph import Graph


def describe(pipeline: str, graph: Graph) -> PipelineSubmitted:
    """The event that tells what a graph is."""
    return PipelineSubmitted(
        pipeline=pipeline,
        name=graph.name,
        era=graph.era,
        operators=tuple(
            OperatorInfo(o.id, o.name, o.kind, o.class_name, o.parallelism, o.file, o.line) for o in graph.operators
        ),
        edges=tuple(EdgeInfo(e.id, e.source, e.target, e.input, e.partition, e.feedback) for e in graph.edges),
        services=tuple(ServiceInfo(s.name, s.class_name, s.file, s.line) for s in graph.services),
    )
