"""The kinds of operators: what a graph checks, an engine runs and the screen shows of each."""

from __future__ import annotations

from typing import Literal

from sage_runtime.frozen import Frozen

Keys = Literal["made", "kept", "dropped"]


class OperatorKind(Frozen):
    """One kind of operator.

    `inputs` is the number of inputs it needs, None for any number. `keys` says whether its results carry a key: one of
    its own making, that of the record, or none. `sign` marks it in the graph.
    """

    name: str
    inputs: int | None = None
    keys: Keys = "kept"
    sign: str = ""


OPERATOR_KINDS = {
    kind.name: kind
    for kind in (
        OperatorKind("source", inputs=0, keys="dropped", sign="▶"),
        OperatorKind("batch", inputs=0, keys="dropped", sign="▶"),
        OperatorKind("map"),
        OperatorKind("filter"),
        OperatorKind("flatmap"),
        OperatorKind("keyby", keys="made"),
        OperatorKind("comap"),
        OperatorKind("join", inputs=2, keys="made"),
        OperatorKind("sink", keys="dropped", sign="■"),
    )
}
"""By name. The thread engine's loops are in `engine.threads.loops`, the API's steps in `api.transformations`."""

SOURCE_KINDS = frozenset(kind.name for kind in OPERATOR_KINDS.values() if kind.inputs == 0)
"""The kinds that make records of their own."""
