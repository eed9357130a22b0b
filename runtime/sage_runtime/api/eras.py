"""Where the three eras of SAGE's API differ in what an environment does: one row each.

A pipeline's era is that of the address its environment class was imported from. How operators' and services' errors
differ is decided where they are handled, in the engine, by the graph's `era`.
"""

from __future__ import annotations

from sage_runtime.frozen import Frozen


class Era(Frozen):
    """One row of the table.

    `announces`: the engine prints `ServiceFactory initialized for …` when a service is registered and, once in a
    process, `JobManager logs: …` at the first submit. `longest_tick`: an explicit `delay=` is the time between a
    source's records, but no longer than this many seconds, since SAGE's engine sleeps 10 ms whatever a script asks for;
    without it, it is the time until a source that returned `None` is asked again. `raises_failures`:
    `submit(autostop=True)` raises the exception that failed the job; otherwise failures are recorded and the pipeline
    goes on. `terse_console`: loggers write the bare message to the console; otherwise one line with time, level, logger
    and place. `recovers_sources`: with a checkpoint strategy in the environment's configuration, a source that raised
    is started again; otherwise it has ended. `asks_schedulers`: an environment's scheduler is asked about each replica.
    `keys_route`: records go to the replicas after a keyby by their keys, whatever its `strategy`.
    """

    number: int
    announces: bool = False
    longest_tick: float | None = None
    raises_failures: bool = False
    terse_console: bool = False
    recovers_sources: bool = False
    asks_schedulers: bool = False
    keys_route: bool = False


ERA_1 = Era(1, announces=True, longest_tick=0.01)
"""`sage.core.api.*`: SAGE 0.1.0 to 0.1.5.1."""

ERA_2 = Era(2, announces=True, longest_tick=0.01, recovers_sources=True, asks_schedulers=True)
"""`sage.kernel.api.*` and `sage.common.core.functions.*`: SAGE 0.1.6 to 0.2.5."""

ERA_3 = Era(3, raises_failures=True, terse_console=True, keys_route=True)
"""`sage.foundation`, `sage.stream`, `sage.runtime`: isage 0.3."""

VERSION_2, VERSION_3 = "0.2.4.14", "0.3.2.4"
"""The SAGE version that an era's modules report."""
