"""Topologies in a short notation, for tests of layouts."""

from __future__ import annotations

from collections.abc import Sequence

from sage_tui.state.layout import Edge, PipelineTopology, ServiceNode, Topology


def pipeline(
    operators: str, edges: str = "", services: Sequence[str] = (), *, feedback: str = "", name: str = "p"
) -> PipelineTopology:
    """A pipeline: operators `A B C`, edges `A>B B>C`, services `llm` or `llm<B,C` (with their callers)."""
    names, arrows, back = operators.split(), edges.split(), feedback.split()
    targets = {arrow.split(">")[1] for arrow in arrows}
    sources = {arrow.split(">")[0] for arrow in arrows}
    hung = []
    for word in services:
        service, _, callers = word.partition("<")
        known = [caller for caller in callers.split(",") if caller]
        calling = tuple(caller for caller in known if caller not in names)
        hung.append(ServiceNode(service, service, tuple(caller for caller in known if caller in names), calling))
    return PipelineTopology(
        id=name,
        name=name,
        operators=tuple((one, one) for one in names),
        edges=tuple(
            Edge(f"{arrow}#{number}", arrow.split(">")[0], arrow.split(">")[1], number >= len(arrows))
            for number, arrow in enumerate(arrows + back)
        ),
        services=tuple(hung),
        kinds=tuple("map" if n in targets and n in sources else "sink" if n in targets else "source" for n in names),
    )


def topology(operators: str, edges: str = "", services: Sequence[str] = (), *, feedback: str = "") -> Topology:
    """A topology of one pipeline, see `pipeline`."""
    return Topology((pipeline(operators, edges, services, feedback=feedback),))
