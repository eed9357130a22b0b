"""Pictures of graphs: `layout` draws a topology, `best_layout` chooses how, `too_large` says when a table is better.

All are pure and remember what they drew: a topology is drawn once, however often the numbers in it change.
"""

from __future__ import annotations

from functools import lru_cache

from sage_tui.state.graph.boxes import columns_within, draw_boxes
from sage_tui.state.graph.compact import draw_compact
from sage_tui.state.graph.layers import layers
from sage_tui.state.graph.picture import GraphLayout, GraphLine, GraphNode, Style, stacked
from sage_tui.state.graph.topology import Edge, PipelineTopology, ServiceNode, Topologies, Topology, topology_of

__all__ = [
    "Edge",
    "GraphLayout",
    "GraphLine",
    "GraphNode",
    "PipelineTopology",
    "ServiceNode",
    "Style",
    "Topologies",
    "Topology",
    "best_layout",
    "layout",
    "too_large",
    "topology_of",
]

LARGEST = 60
"""Above so many operators a picture helps nobody."""


def too_large(topology: Topology) -> bool:
    """Whether the graph is better shown as a table."""
    return topology.operator_count > LARGEST


@lru_cache(maxsize=64)
def layout(topology: Topology, style: Style = "boxes", per_band: int | None = None) -> GraphLayout:
    """Draw a topology.

    Args:
        topology: what to draw, see `topology_of`.
        style: boxes, tight boxes or the compact picture of one row for each operator.
        per_band: for boxes: at most so many columns side by side, the rest below (not with feedback).
    """
    parts = [
        (
            pipeline.id,
            pipeline.name,
            draw_compact(pipeline) if style == "compact" else draw_boxes(pipeline, style, per_band),
        )
        for pipeline in topology.pipelines
    ]
    return stacked(parts, style)


@lru_cache(maxsize=64)
def best_layout(topology: Topology, width: int, height: int) -> GraphLayout:
    """The most generous picture that fits in `width` × `height` cells; the compact one where none does.

    The compact one may be higher and has to be scrolled then.
    """
    if not too_large(topology):
        for style in _BOXES:
            picture = layout(topology, style)
            if picture.width <= width and picture.height <= height:
                return picture
        for style in _BOXES:
            picture = layout(topology, style, _per_band(topology, style, width))
            if picture.width <= width and picture.height <= height:
                return picture
    return layout(topology, "compact")


_BOXES: tuple[Style, ...] = ("boxes", "snug", "tight")


def _per_band(topology: Topology, style: Style, width: int) -> int | None:
    """How many columns a band may have in `width` cells; None where bands don't help, as with lines that lead back."""
    columns = min((columns_within(pipeline, style, width) for pipeline in topology.pipelines), default=0)
    return columns if columns > 1 and not any(layers(pipeline).feedback for pipeline in topology.pipelines) else None
