"""The end of sources that have nothing more to say, under `submit(autostop=True)`.

In era 3 a source whose `execute` returns `None` is asked again after 10 ms, and when every source that has not ended
has answered `None` a thousand times since the last record, they all end. As in SAGE, the time that operators take for
the records before does not count. SAGE's eras 1 and 2 wait for ever; here sources end there that for five seconds have
answered `None` and, by all that can be seen, can answer nothing else any more (`exhaustion`).
"""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING, Any

from sage_runtime import engine
from sage_runtime.graph import EndOfStream

if TYPE_CHECKING:
    from sage_runtime.engine.threads.job import Job
    from sage_runtime.engine.threads.source import SourceReplica

ROUNDS = 1000
"""How often in a row all sources may answer `None`, in era 3."""

EXHAUSTED_ROUNDS = 500
"""How often they do before it is asked whether they are exhausted, in eras 1 and 2."""

_log = logging.getLogger("sage.environment")


class _Idleness:
    """How long a source has had nothing: `rounds` since the `records`-th record of all sources, and whether it can have
    nothing any more."""

    __slots__ = ("exhausted", "records", "rounds")

    def __init__(self, records: int) -> None:
        self.records = records
        self.rounds = 0
        self.exhausted = False


class IdleSourcePolicy:
    """What the sources of one submit know of one another. Each source calls `answer` on its own thread.

    `unless_exhausted`: only sources that are exhausted end. `job` is set by the submitting thread, which then waits,
    when the job has started.
    """

    def __init__(self, *, unless_exhausted: bool = False) -> None:
        self.job: Job | None = None
        self.unless_exhausted = unless_exhausted
        self._limit = EXHAUSTED_ROUNDS if unless_exhausted else ROUNDS
        self._idle: dict[SourceReplica, _Idleness] = {}
        self._submitter = threading.get_ident()

    def answer(self, source: SourceReplica) -> Any:
        """What a source that has just returned `None` says instead: `None` to be asked again, the end, or a record."""
        job = self.job
        if job is None:
            return None
        sources: list[Any] = [replica for replica in job.replicas if replica.spec.is_source]
        records = sum(replica.meter.records_out for replica in sources)
        idle = self._idle.get(source)
        if idle is None or idle.records != records:
            idle = self._idle[source] = _Idleness(records)
        idle.rounds += 1
        if idle.rounds <= self._limit:
            return None
        others = [self._idle.get(replica) for replica in sources if not replica.ended and replica is not source]
        if any(other is None or other.records != records or other.rounds <= self._limit for other in others):
            return None
        if self._in_flight(job):
            idle.rounds = 0
            return None
        if self.unless_exhausted:
            if not idle.exhausted:
                return self._ask_watched(source, idle)
            if not all(other is not None and other.exhausted for other in others):
                return None
        self._tell(source)
        return EndOfStream()

    def _in_flight(self, job: Job) -> bool:
        """Whether a record is on its way to an operator or in one; with `unless_exhausted` also whether other code of
        the script runs, or could."""
        replicas = job.replicas
        if any(channel.records for replica in replicas for channel in replica.channels):
            return True
        if any(replica.meter.taken != replica.meter.done for replica in replicas):
            return True
        if not self.unless_exhausted:
            return False
        from sage_runtime.api.exhaustion import others_at_work

        elsewhere = any(other is not job and not other.ended for other in engine.current().jobs)
        return elsewhere or others_at_work(self._submitter)

    def _ask_watched(self, source: SourceReplica, idle: _Idleness) -> Any:
        from sage_runtime.api.exhaustion import ask_watched

        value, idle.exhausted = ask_watched(source.execute)
        if not idle.exhausted:
            idle.rounds = 0
        return value

    def _tell(self, source: SourceReplica) -> None:
        if self.unless_exhausted:
            message = "%s has answered None %d times and can answer nothing else any more: it ends"
        else:
            message = "%s has had nothing to emit for %d rounds, and neither has any other source: it ends"
        _log.warning(message, source.spec.name, self._limit)
