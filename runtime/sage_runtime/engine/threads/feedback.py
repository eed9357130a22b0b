"""The feedback edges of a job: whether all has come to rest, so that its loops can end, and which of them grow."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sage_runtime.engine.threads.replica import Replica

LONG_LOOP = 100_000
"""Records queued on a feedback edge of which people should know."""


class Feedback:
    """The loops of one job, if it has any. Any thread calls."""

    def __init__(self, replicas: Sequence[Replica]) -> None:
        self._meters = [replica.meter for replica in replicas]
        self._channels = [channel for replica in replicas for channel in replica.channels]
        self._loops = [channel for channel in self._channels if channel.feedback]
        self._rested = False

    def at_rest(self) -> bool:
        """Whether everything has just come to rest, once every source has ended; the loops are then closed.

        At rest: every channel is empty and nothing is inside user code. Counters that only grow, read twice without a
        change while the channels are empty in between, say so (`Meter.taken`).
        """
        if not self._loops or self._rested:
            return False
        taken = [meter.taken for meter in self._meters]
        if taken != [meter.done for meter in self._meters]:
            return False
        if any(channel.records for channel in self._channels) or taken != [meter.taken for meter in self._meters]:
            return False
        self._rested = True
        for channel in self._loops:
            channel.producers = 0
            channel.wakeup.notify()
        return True

    def notify(self) -> None:
        """Let the consumers of all loops look at their channels."""
        for channel in self._loops:
            channel.wakeup.notify()

    def warn(self, warn: Callable[[str], None]) -> None:
        """Tell of loops that hold so much that they may be growing."""
        for channel in self._loops:
            if len(channel.records) >= LONG_LOOP:
                warn(f"the feedback edge {channel.edge} holds {len(channel.records):,} records and may be growing")
