"""The end of sources that have nothing more to say: era 3's `submit(autostop=True)` gives up after some ten seconds.

There a source whose `execute` returns `None` is asked again after 10 ms, and when every source that has not ended has
answered `None` a thousand times since the last record, they all end. As in SAGE, the time that operators take for the
records before does not count.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from sage_runtime.graph import EndOfStream

if TYPE_CHECKING:
    from sage_runtime.engine.job import Job

ROUNDS = 1000
"""How often in a row all sources may answer `None`."""

_log = logging.getLogger("sage.environment")


class Patience:
    """What the sources of one submit know of one another. Each source calls on its own thread.

    `job` is set by the submitting thread when the job has started.
    """

    def __init__(self) -> None:
        self.job: Job | None = None
        self.records = 0
        """Changes with every record; two sources that count at once may lose one, which does not matter."""
        self._idle: dict[object, tuple[int, int]] = {}

    def watch(self, function: Any, *, none_ends: bool) -> None:
        """Take part with the source `function`; `none_ends` if it is a batch."""
        execute = function.execute
        source = object()
        self._idle[source] = (0, 0)

        def ask() -> Any:
            try:
                value = execute()
            except BaseException:
                self._idle.pop(source, None)
                raise
            if value is None and not none_ends:
                return self._answer(source, type(function).__name__)
            if value is None or isinstance(value, EndOfStream):
                self._idle.pop(source, None)
            else:
                self.records += 1
            return value

        function.execute = ask

    def _answer(self, source: object, name: str) -> EndOfStream | None:
        """What to say for a source that has nothing now: `None` again, or the end."""
        records, rounds = self._idle[source]
        rounds = rounds + 1 if records == self.records else 1
        self._idle[source] = (self.records, rounds)
        if rounds <= ROUNDS:
            return None
        if any(seen != self.records or count <= ROUNDS for seen, count in list(self._idle.values())):
            return None
        if self._in_flight():
            self._idle[source] = (self.records, 0)
            return None
        _log.warning(
            "%s has had nothing to emit for %d rounds, and neither has any other source: it ends", name, ROUNDS
        )
        return EndOfStream()

    def _in_flight(self) -> bool:
        """Whether a record is on its way to an operator or in one."""
        if self.job is None:
            return True
        replicas = self.job.replicas
        return any(lane.records for replica in replicas for lane in replica.lanes) or any(
            replica.meter.taken != replica.meter.done for replica in replicas
        )
