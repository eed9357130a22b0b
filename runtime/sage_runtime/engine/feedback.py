"""The feedback edges of a job: whether all has come to rest, so that its loops can end, and which of them grow."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sage_runtime.engine.replica import Replica

LONG_LOOP = 100_000
"""Records queued on a feedback edge of which people should know."""


class Feedback:
    """The loops of one job, if it has any. Any thread calls."""

    def __init__(self, replicas: Sequence[Replica]) -> None:
        self._meters = [replica.meter for replica in replicas]
        self._lanes = [lane for replica in replicas for lane in replica.lanes]
        self._loops = [lane for lane in self._lanes if lane.feedback]
        self._rested = False

    def at_rest(self) -> bool:
        """Whether everything has just come to rest, once every source has ended; the loops are then closed.

        At rest: every lane is empty and nothing is inside user code. Counters that only grow, read twice without a
        change while the lanes are empty in between, say so (`Meter.taken`).
        """
        if not self._loops or self._rested:
            return False
        taken = [meter.taken for meter in self._meters]
        if taken != [meter.done for meter in self._meters]:
            return False
        if any(lane.records for lane in self._lanes) or taken != [meter.taken for meter in self._meters]:
            return False
        self._rested = True
        for lane in self._loops:
            lane.producers = 0
            lane.bell.ring()
        return True

    def ring(self) -> None:
        """Let the consumers of all loops look at their lanes."""
        for lane in self._loops:
            lane.bell.ring()

    def warn(self, warn: Callable[[str], None]) -> None:
        """Tell of loops that hold so much that they may be growing."""
        for lane in self._loops:
            if len(lane.records) >= LONG_LOOP:
                warn(f"the feedback edge {lane.edge} holds {len(lane.records):,} records and may be growing")
