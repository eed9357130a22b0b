"""The followed records of a run, read from the journal as their steps come."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field

from sage_runtime.events import EdgeInfo, ServiceCall, Trace
from sage_tui.journal.lines import LineSource
from sage_tui.state.trace_tree import TraceRow, way

KEPT = 200
"""Followed records that are kept, the latest."""

STEPS_KEPT = 2_000
"""Steps of one of them that are kept; further ones are only counted."""

CALLS_LOOKED_AT = 20_000
"""Calls before the end of a step among which its own are looked for."""

SLACK = 0.5
"""Seconds by which the times of a step and of its calls may be out of order."""


@dataclass(slots=True, eq=False)
class Followed:
    """One followed record and what has been told of it so far."""

    pipeline: str
    number: int
    t: float
    steps: list[Trace] = field(default_factory=list)
    count: int = 0
    _rows: list[TraceRow] = field(default_factory=list)
    _seen: tuple[int, object] = (-1, None)

    @property
    def key(self) -> str:
        """Unique in the run."""
        return f"{self.pipeline}/{self.number}"

    @property
    def first(self) -> Trace:
        """Its step at the source, if that has been told."""
        return next((step for step in self.steps if step.before is None), self.steps[0])

    def add(self, step: Trace) -> None:
        """Take in a step."""
        self.count += 1
        if len(self.steps) < STEPS_KEPT:
            self.steps.append(step)

    def went(self, operator: str) -> bool:
        """Whether an operator had it, or what came out of it."""
        return any(step.operator == operator for step in self.steps)

    def lasted(self) -> float:
        """Seconds from its leaving the source to the last step that is known."""
        begin = min(step.t for step in self.steps)
        return max(0.0, max(step.t for step in self.steps) - begin)

    def rows(self, edges: Sequence[EdgeInfo]) -> list[TraceRow]:
        """Its way; the same list while nothing was added."""
        if self._seen != (self.count, edges):
            self._seen = (self.count, edges)
            self._rows = way(self.steps, edges)
        return self._rows


class TracedRecords:
    """Reads the `trace` channel of one run. Only the dashboard's thread uses it."""

    def __init__(self, source: LineSource) -> None:
        self._source = source
        self._read = max(0, source.count() - KEPT * 50)
        self._records: OrderedDict[str, Followed] = OrderedDict()

    def poll(self) -> None:
        """Take in the steps that have come since."""
        count = self._source.count()
        if count <= self._read:
            return
        for line in self._source.read(max(self._read, self._source.first()), count):
            if isinstance(line.event, Trace):
                self._take(line.event)
        self._read = count

    def _take(self, step: Trace) -> None:
        key = f"{step.pipeline}/{step.trace}"
        record = self._records.get(key)
        if record is None:
            record = self._records[key] = Followed(step.pipeline, step.trace, step.t)
            while len(self._records) > KEPT:
                self._records.popitem(last=False)
        record.add(step)

    def latest_first(self) -> list[Followed]:
        """The records, the one that was followed last first."""
        return list(reversed(self._records.values()))


def calls_of(step: Trace, source: LineSource) -> list[ServiceCall]:
    """The service calls that were made in a step, as far as they were sent and are kept."""
    wanted, found = set(step.calls), []
    stop = _until(source, step.t + SLACK) if wanted else 0
    least, earliest = max(source.first(), stop - CALLS_LOOKED_AT), step.t - step.duration - SLACK
    while wanted and stop > least:
        start = max(least, stop - 500)
        lines = source.read(start, stop)
        for line in reversed(lines):
            call = line.event
            if isinstance(call, ServiceCall) and call.pipeline == step.pipeline and call.id in wanted:
                wanted.discard(call.id)
                found.append(call)
        if not lines or lines[0].t < earliest:
            break
        stop = start
    return sorted(found, key=lambda call: call.id)


def _until(source: LineSource, t: float) -> int:
    """Behind the last line of a time: its lines are in order, but for a moment."""
    low, high = source.first(), source.count()
    while low < high:
        middle = (low + high) // 2
        lines = source.read(middle, middle + 1)
        if lines and lines[0].t > t:
            high = middle
        else:
            low = middle + 1
    return low
