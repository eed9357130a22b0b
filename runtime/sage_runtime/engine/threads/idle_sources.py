"""Sources that answer nothing but `None` while the script waits for their end.

In era 3 such a source is asked again after 10 ms. Once every source that has not ended has answered `None` a thousand
times since the last record, and nothing is in flight, all of them end, as in SAGE. In eras 1 and 2 a pipeline waits for
such a source for ever, as SAGE does; after ten seconds a notice names it.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence

from sage_runtime.engine.threads.replica import JobView, Replica

ROUNDS = 1000
"""How often in a row all sources may answer `None` in era 3."""

NOTICE_SECONDS = 10.0
"""How long a source may answer `None` before a notice names it in eras 1 and 2."""

_log = logging.getLogger("sage.environment")


class _Idleness:
    """How long a source has had nothing: `rounds`, since a time, after the `records`-th record of all sources."""

    __slots__ = ("records", "rounds", "since")

    def __init__(self, records: int, since: float) -> None:
        self.records = records
        self.rounds = 0
        self.since = since


class IdleSources:
    """What the sources of one job know of one another. Each source asks `have_run_dry` on its own thread."""

    def __init__(self, job: JobView, replicas: Sequence[Replica]) -> None:
        self._job = job
        self._replicas = replicas
        self._sources = [replica for replica in replicas if replica.spec.is_source]
        self._idle: dict[Replica, _Idleness] = {}

    def have_run_dry(self, source: Replica) -> bool:
        """A source answered `None`; true if it ends, since no source has anything to emit."""
        records = sum(replica.meter.records_out for replica in self._sources)
        idle = self._idle.get(source)
        if idle is None or idle.records != records:
            idle = self._idle[source] = _Idleness(records, self._job.clock())
        idle.rounds += 1
        if self._job.graph.era != 3:
            if self._job.clock() - idle.since >= NOTICE_SECONDS:
                self._job.warn(
                    f"source {source.context.name} has answered None for {NOTICE_SECONDS:.0f} seconds: the script "
                    "waits for its end (autostop=True), and it ends when it returns a StopSignal"
                )
            return False
        if idle.rounds <= ROUNDS:
            return False
        others = [self._idle.get(other) for other in self._sources if not other.ended and other is not source]
        if any(other is None or other.records != records or other.rounds <= ROUNDS for other in others):
            return False
        if self._in_flight():
            idle.rounds = 0
            return False
        name = source.spec.name
        _log.warning(
            "%s has had nothing to emit for %d rounds, and neither has any other source: it ends", name, ROUNDS
        )
        return True

    def _in_flight(self) -> bool:
        """Whether a record is on its way to an operator or inside one."""
        if any(channel.records for replica in self._replicas for channel in replica.channels):
            return True
        return any(replica.meter.taken != replica.meter.done for replica in self._replicas)
