"""A recorded run at a moment that moves back and forth: snapshot and fold."""

from __future__ import annotations

import json
from bisect import bisect_right
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from sage_runtime.events import Event, Notice, RunFinished, replace
from sage_tui.journal.journal_reader import JournalReader, Position
from sage_tui.journal.lines import LineSource
from sage_tui.state.run_state import RunState

if TYPE_CHECKING:
    from sage_tui.journal.lines import LineQuery

CHECKPOINT_EVENTS = 4_000
"""Events between two states that are kept in memory while a run is folded, so that going back is quick too."""

CHECKPOINTS = 256
"""So many of them are kept; beyond that every other one goes."""

MOST_MARKS = 500


class _Checkpoint(NamedTuple):
    t: float
    position: Position
    state: str
    """The snapshot as JSON, as a segment has it: small, and read back by the same strict rules."""


class Playhead:
    """Folds one run up to a moment. One thread moves it, or several under one lock.

    Raises:
        JournalError: nothing of the run can be read.
    """

    def __init__(self, number: int, reader: JournalReader) -> None:
        self.number = number
        self.reader = reader
        last = reader.fold()
        self.begin = next((event.t for _, event in reader.events()), last.t)
        self.end = max(self.begin, last.t)
        self.complete = last.state.finished is not None
        self._checkpoints: list[_Checkpoint] = []
        self._since_checkpoint = 0
        self.state = last.state
        self._t = last.t
        self._events: Iterator[tuple[bytes, Event, Position]] = iter(())
        self._next: tuple[Event, Position] | None = None

    def move(self, moment: float, most: int) -> bool:
        """Fold towards a moment, `most` events at once; whether it is reached."""
        if moment < self._t or (self._next is not None and self._ahead(moment)):
            self._go_back(moment)
        for _ in range(most):
            if self._next is None or self._next[0].t > moment:
                return True
            self._apply()
        return self._next is None or self._next[0].t > moment

    def finish(self) -> None:
        """At the end of a recording that breaks off: say so, and end the run."""
        if not self.complete and self._next is None and self.state.finished is None:
            text = "the recording stops before the end of this run"
            errors = self.state.view(self.end).errors
            for event in (Notice(level="warning", message=text), RunFinished(status="stopped", errors=errors)):
                self.state.apply(replace(event, run=self.number, t=self.end, seq=self.state.seq + 1))

    @property
    def next_t(self) -> float | None:
        """When the next event comes; None at the end."""
        return None if self._next is None else self._next[0].t

    def marks(self) -> tuple[float, ...]:
        """When something failed: the times of the latest failures that were sent."""
        source = self.reader.lines("failure")
        count = source.count()
        return tuple(line.t for line in source.read(count - MOST_MARKS, count))

    def _ahead(self, moment: float) -> bool:
        """Whether a state that is kept lies between here and the moment."""
        at = bisect_right(self._checkpoints, moment, key=lambda one: one.t) - 1
        if at >= 0 and self._checkpoints[at].t > self._t:
            return True
        return self.reader.beginning_t(moment) > self._t

    def _go_back(self, moment: float) -> None:
        """Continue from the last kept state before the moment."""
        folded = self.reader.beginning(moment)
        self.state, self._t, position = folded.state, folded.t, folded.position
        at = bisect_right(self._checkpoints, moment, key=lambda one: one.t) - 1
        if at >= 0 and self._checkpoints[at].t >= folded.t:
            kept = self._checkpoints[at]
            self.state, self._t, position = RunState.from_json(json.loads(kept.state)), kept.t, kept.position
        self._since_checkpoint = 0
        self._events = self.reader.positions(position)
        self._advance()

    def _advance(self) -> None:
        found = next(self._events, None)
        self._next = None if found is None else (found[1], found[2])

    def _apply(self) -> None:
        assert self._next is not None
        event, behind = self._next
        self.state.apply(event)
        self._t = max(self._t, event.t)
        self._since_checkpoint += 1
        if self._since_checkpoint >= CHECKPOINT_EVENTS:
            self._since_checkpoint = 0
            self._keep(behind)
        self._advance()

    def _keep(self, position: Position) -> None:
        if self._checkpoints and self._checkpoints[-1].t >= self._t:
            return
        self._checkpoints.append(_Checkpoint(self._t, position, json.dumps(self.state.to_json())))
        if len(self._checkpoints) > CHECKPOINTS:
            del self._checkpoints[::2]


class LinesSoFar:
    """A channel up to the moment that is shown (a `LineSource`)."""

    def __init__(self, source: LineSource, limit: int) -> None:
        self._source = source
        self.limit = limit
        """Lines of the channel up to the moment; whoever moves it sets this."""

    def count(self) -> int:
        return min(self.limit, self._source.count())

    def first(self) -> int:
        return min(self._source.first(), self.count())

    def read(self, start: int, stop: int) -> list[Any]:
        return self._source.read(start, min(stop, self.count()))

    def pick(self, start: int, stop: int, wanted: LineQuery) -> list[int]:
        return self._source.pick(start, min(stop, self.count()), wanted)
