"""Whose turn it is at an operator with several inputs, and whether a quiet one may still have something.

The inputs take turns, a record each. One whose turn it is and that has none is waited for while something upstream of
it may still act, and never for longer than its timeout: so the order of batches doesn't depend on when their threads
run, a quiet stream holds nobody up, and a diamond whose one branch drops everything goes on.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from sage_runtime.engine.meters import BLOCKED, IDLE, PAUSED
from sage_runtime.engine.threads.channels import Channel
from sage_runtime.engine.threads.loops import Loop
from sage_runtime.engine.threads.replica import Replica
from sage_runtime.graph import EdgeSpec, Graph

STREAM_TIMEOUT = 0.01
"""Seconds for which an operator waits for an input that has no record while others have, until it keeps pace again."""

BATCH_TIMEOUT = 10.0
"""The same for each record where all sources are batches: the next one will come, unless their user code hangs."""

NAP = 0.001
"""Seconds after which whoever waits for an input looks again whether it may still have something.

A sleep that took longer, on a busy machine, is counted as one: the threads that should make the record slept too.
"""


class TurnInput:
    """One incoming edge of a replica: its channel, and the loop that its records go through.

    `mark` tells the records of this input from those of others, in a loop for all of them. `idle`: it has let its turn
    pass, and is not waited for before it has a record.
    """

    __slots__ = ("_left", "_timeout", "channel", "idle", "loop", "mark")

    def __init__(self, channel: Channel, loop: Loop, mark: object = None, timeout: float = STREAM_TIMEOUT) -> None:
        self.channel = channel
        self.loop = loop
        self.mark = mark
        self.idle = False
        self._timeout = self._left = timeout

    @property
    def awaited(self) -> bool:
        """Whether its turn is waited for, though it has no record."""
        return not self.idle and self.channel.producers > 0

    @property
    def nap(self) -> float:
        """How long to sleep before the next look: longer, once it has taken long."""
        return NAP if self._timeout - self._left < STREAM_TIMEOUT else 10 * NAP

    def waited(self, seconds: float) -> None:
        """It was waited for so long, in one sleep."""
        self._left -= min(seconds, self.nap)
        if self._left <= 0.0:
            self.idle = True

    def served(self, *, keeps_pace: bool) -> None:
        """A record of it was taken. Unless it keeps pace, a stream is waited for only as long as is left."""
        if keeps_pace or self._timeout == BATCH_TIMEOUT:
            self._left = self._timeout
        self.idle = self._left <= 0.0


class Turns:
    """The inputs of one replica in their order, and which of them is next. The replica's thread uses it."""

    def __init__(self, inputs: Sequence[TurnInput], upstream: Upstream) -> None:
        self._inputs = inputs
        self._upstream = upstream
        self._next = 0

    def take(self) -> tuple[list[TurnInput], int] | TurnInput | None:
        """The inputs that give a record each now, and how many rounds of that; or the one to wait for.

        None: no input has a record.
        """
        inputs, start = self._inputs, self._next
        giving: list[TurnInput] = []
        for number in range(start, start + len(inputs)):
            candidate = inputs[number % len(inputs)]
            if candidate.channel.records:
                giving.append(candidate)
            elif candidate.awaited:
                if giving:
                    self._next = number % len(inputs)
                    return self._served(giving, 1)
                others = any(other.channel.records for other in inputs)
                return candidate if others else None
        if not giving:
            return None
        return self._served(giving, min(len(one.channel.records) for one in giving))

    def go_back(self, one: TurnInput) -> None:
        """A record of this input was put back: it is next."""
        if one in self._inputs:
            self._next = self._inputs.index(one)

    def _served(self, giving: list[TurnInput], rounds: int) -> tuple[list[TurnInput], int]:
        for one in giving:
            waiting = len(one.channel.records)
            alone = not any(other.channel.records for other in self._inputs if other is not one)
            one.served(keeps_pace=waiting > 1 or alone)
        return giving, rounds

    def may_come(self, candidate: TurnInput, replica: Replica) -> bool:
        """Whether an input that has no record may still get one, as far as one can see from here."""
        return _Look(self._upstream, replica).may_come(candidate.channel) or bool(candidate.channel.records)


class Upstream:
    """What lies upstream of each channel of a job, and whether any of it may act before somebody else does.

    `connect` comes once all replicas are made.
    """

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._consumers: dict[Channel, Replica] = {}
        self._replicas: dict[str, list[Replica]] = {}
        self._producers: dict[str, list[Replica]] = {}

    def distance(self, edge: EdgeSpec) -> tuple[int, int]:
        """Which records come first over an edge: those of the source that was made first, by the shortest way."""
        distances = self._distances(edge.source)
        return min(
            (place, distances[spec.id])
            for place, spec in enumerate(self._graph.operators)
            if spec.is_source and spec.id in distances
        )

    def sources(self, edge: EdgeSpec) -> list[str]:
        """The ids of the sources whose records may come over an edge."""
        distances = self._distances(edge.source)
        return [spec.id for spec in self._graph.operators if spec.is_source and spec.id in distances]

    def connect(self, replicas: Iterable[Replica]) -> None:
        """These are all replicas."""
        for replica in replicas:
            self._replicas.setdefault(replica.spec.id, []).append(replica)
            self._consumers.update((channel, replica) for channel in replica.channels)
        for edge in self._graph.edges:
            names = self._distances(edge.source)
            self._producers[edge.id] = [
                replica for spec in self._graph.operators if spec.id in names for replica in self._replicas[spec.id]
            ]

    def producers(self, channel: Channel) -> list[Replica]:
        """All replicas from which records may come into a channel, those furthest upstream first."""
        return self._producers[channel.edge]

    def consumer(self, channel: Channel) -> Replica:
        """The replica that takes from a channel."""
        return self._consumers[channel]

    def siblings(self, replica: Replica) -> list[Replica]:
        """All replicas of its operator."""
        return self._replicas[replica.spec.id]

    def _distances(self, operator: str) -> Mapping[str, int]:
        """An operator and all that its records may come from, with how many edges lie between."""
        distances = {operator: 0}
        reached = [operator]
        for name in reached:
            for edge in self._graph.inputs[name]:
                if edge.source not in distances:
                    distances[edge.source] = distances[name] + 1
                    reached.append(edge.source)
        return distances


class _Look:
    """One look upstream, by a replica that waits for an input.

    `_waiting` are the replicas that are being looked at, `_known` those that can't act. `_crossed` says whether what
    was found depends on one that waits, in the end on the replica that looks; it is kept of those that can't act.
    """

    def __init__(self, upstream: Upstream, replica: Replica) -> None:
        self._upstream = upstream
        self._waiting = {replica}
        self._known: dict[Replica, bool] = {}
        self._crossed = False

    def may_come(self, channel: Channel) -> bool:
        """Whether anything may still come into a channel.

        Those furthest upstream are asked first: a record that moves on meanwhile is found further down.
        """
        return any(self._may_act(replica) for replica in self._upstream.producers(channel))

    def _may_act(self, replica: Replica) -> bool:
        """Whether a replica does something, or will without help of one that waits for it."""
        if replica in self._waiting:
            self._crossed = True
            return False
        if replica in self._known:
            self._crossed |= self._known[replica]
            return False
        before, self._crossed = self._crossed, False
        self._waiting.add(replica)
        acts = self._acts(replica)
        self._waiting.discard(replica)
        if not acts:
            self._known[replica] = self._crossed
        self._crossed |= before
        return acts

    def _acts(self, replica: Replica) -> bool:
        """A replica is busy before it takes what it has, so what it has is looked at first.

        One that waits for its next input goes on when that gets a record, or when it finds that nothing can come: then
        it takes what its other inputs have. Only where two wait for one another does neither act.
        """
        starting = replica.state == "starting"
        awaited = replica.awaited
        has_next = any(channel.records for channel in ((awaited,) if awaited is not None else replica.channels))
        has_other = any(channel.records for channel in replica.channels)
        state, outputs = replica.meter.state, replica.outputs
        if replica.ended or state == PAUSED:
            return False
        if state == BLOCKED:
            full = outputs.full
            if full is not None:
                return not full.blocks or self._may_act(self._upstream.consumer(full))
            return not outputs.held or any(self._may_act(other) for other in self._upstream.siblings(replica))
        if starting or has_next or state != IDLE or replica.spec.is_source:
            return True
        if awaited is None:
            return False
        return self.may_come(awaited) or (has_other and not self._crossed)
