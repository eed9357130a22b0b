"""One replica of an operator with inputs: takes batches out of its channels and runs them through the loop."""

from __future__ import annotations

import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator
from itertools import chain, cycle
from typing import Any

from sage_runtime.engine.meters import BUSY, IDLE
from sage_runtime.engine.taps import Tap
from sage_runtime.engine.threads.channels import Channel
from sage_runtime.engine.threads.loops import Loop
from sage_runtime.engine.threads.replica import Replica, ReplicaParts, allowed_batch
from sage_runtime.engine.threads.routes import Traced, copying, tracing
from sage_runtime.engine.threads.turns import TurnInput, Turns
from sage_runtime.events import Trace
from sage_runtime.safe_repr.preview import exception_message, exception_name, preview

SLOW = 50e-6
"""Seconds a record from which on every record is timed; below it, one in each batch."""

LONGEST_ERROR = 400
"""Characters of what a followed record's step raised; the failure has all of it."""

_GIL = bool(getattr(sys, "_is_gil_enabled", lambda: True)())


class ConsumerReplica(Replica):
    """A replica of an operator with inputs.

    `permits` holds one item for each record of a feedback channel that may pass the closed gate. With `turns` its
    inputs take turns, but for those of feedback edges; `together` is the loop for all of them where each has a mark of
    its own, else None: their loops are alike.
    """

    def __init__(
        self,
        parts: ReplicaParts,
        inputs: tuple[TurnInput, ...],
        turns: Turns | None = None,
        together: Loop | None = None,
        *,
        keyed_in: bool,
        keyed_out: bool,
    ) -> None:
        super().__init__(parts)
        self.channels = tuple(one.channel for one in inputs)
        self.permits: list[bool] = []
        self._inputs = inputs
        self._apart = inputs if turns is None else tuple(one for one in inputs if one.channel.feedback)
        self._turns = turns
        self._together = together
        self._keyed_in = keyed_in
        self._keyed_out = keyed_out
        self._gives = self.spec.kind != "sink"
        self._limit = 1
        self._slow = True
        self._records: Iterator[Any] | None = None
        self._since: float | None = None
        self._lock = threading.Lock()
        self._interrupted = False
        self._rest: list[Any] = []

    @property
    def in_hand(self) -> int:
        """Records taken out of the channels that have not begun yet."""
        records: Any = self._records
        return records.__length_hint__() if records is not None else 0

    @property
    def since(self) -> float | None:
        """When its batch began, `None` between batches."""
        return self._since

    def interrupt(self) -> None:
        """Put back what it has in hand and not begun: taking the rest from its iterator is one step under the GIL."""
        if not _GIL:
            return
        with self._lock:
            records = self._records
            if records is not None:
                self._interrupted = True
                self._rest += records

    def release_held(self) -> bool:
        """Let a record that the closed gate holds on a feedback edge pass; false if there is none. For any thread."""
        held = sum(len(channel.records) for channel in self.channels if channel.feedback)
        if held <= len(self.permits):
            return False
        self.permits.append(True)
        self.wake()
        return True

    def drop_rest(self) -> None:
        """On its own thread: begin no more of the records in hand."""
        if self._records is not None:
            deque(self._records, maxlen=0)

    def run(self) -> None:
        """Take from whichever channel has records until all have ended.

        One reading of the clock ends one thing and begins the next: what lies between a record's arrival and the next
        thread's start is the latency of a pipeline.
        """
        now: float | None = self._clock()
        lone = self._inputs[0] if len(self._inputs) == 1 and not self.job.looping else None
        turns = self._turns
        while now is not None and not self.job.stopping:
            if lone is not None and not self._slow and not lone.channel.records:
                now = self._one_by_one(lone, now)
            rested = True
            for one in self._apart:
                if one.channel.records and self._may_take(one.channel):
                    now = self._batch([one], self._allowed(one.channel), now)
                    rested = False
            turn = turns.take() if turns is not None else None
            if isinstance(turn, tuple):
                giving, rounds = turn
                most = min(self._limit, self.outputs.capacity) // len(giving) or 1
                now = self._batch(giving, min(rounds, most), now)
            elif turns is not None and turn is not None:
                now = self._await_turn(turns, turn, now)
            elif rested:
                now = self._rest_until_news(now)

    # --- waiting -----------------------------------------------------------------------------------------------------

    def _may_take(self, channel: Channel) -> bool:
        if not channel.feedback or not self.job.gate.closed or self.permits:
            return True
        if self.job.gate.claim():
            self.permits.append(True)
            return True
        return False

    def _news(self) -> bool:
        """Whether there is something to look at."""
        ended = True
        for channel in self.channels:
            if channel.records and self._may_take(channel):
                return True
            if channel.producers:
                ended = False
        return ended or self.job.stopping or (self.job.looping and self.job.at_rest())

    def _rest_until_news(self, now: float) -> float | None:
        """Sleep until there are records, and return the time then; None if there will be none."""
        meter, channels = self.meter, self.channels
        meter.switch(IDLE, now)
        meter.note_cpu()
        while True:
            self.wakeup.wait(self._news)
            if self.job.stopping:
                return None
            for channel in channels:
                if channel.records and self._may_take(channel):
                    now = self._clock()
                    meter.switch(BUSY, now)
                    return now
            over = not any(
                channel.producers for channel in channels
            )  # asked first: a producer ends after its last record
            if over and not any(channel.records for channel in channels):
                return None

    def _await_turn(self, turns: Turns, turn: TurnInput, now: float) -> float:
        """Sleep a little, until an input that has no record has one, though others have some; returns the time then."""
        channel, meter = turn.channel, self.meter
        meter.switch(IDLE, now)
        self.awaited = channel
        if turns.may_come(turn, self):
            self.wakeup.wait(self._news_at(channel), turn.nap)
            began, now = now, self._clock()
            turn.waited(now - began)
        else:
            turn.idle = True
        self.awaited = None
        meter.switch(BUSY, now)
        return now

    def _news_at(self, channel: Channel) -> Callable[[], bool]:
        apart = [one.channel for one in self._apart]

        def news() -> bool:
            return (
                bool(channel.records)
                or not channel.producers
                or self.job.stopping
                or any(other.records and self._may_take(other) for other in apart)
            )

        return news

    def _one_by_one(self, one: TurnInput, now: float) -> float:
        """Sleep, and run each record that arrives alone, until there are several, a slow one, or something else is new.

        `now` is the time; returns the time at the end. The next thread waits for all that is done between the end of
        the sleep and the loop: what can wait until its result is given away does.
        """
        channel, loop, meter, clock = one.channel, one.loop, self.meter, self._clock
        records, wait, outputs, job = channel.records, self.wakeup.wait, self.outputs, self.job
        send, failed, spent, follower, gives = outputs.send, self.failed, meter.spent, job.follower, self._gives

        def news() -> bool:
            return bool(records) or not channel.producers or job.stopping

        while True:
            meter.switch(IDLE, now)
            meter.note_cpu()
            wait(news)
            began = clock()
            spent[IDLE] += began - meter.since
            meter.since = began
            meter.state = BUSY
            if len(records) != 1 or self.tap is not None or follower.active or job.stopping:
                return began
            meter.taken += 1
            surplus = loop(iter((records.pop(0),)), send, failed)
            now = clock()
            meter.latency.add(now - began)
            meter.records_in += 1
            if gives:
                meter.records_out += 1 + surplus
            meter.done += 1
            if now - began > SLOW:
                self._adapt(1, now - began)
                return now
            if outputs.room():
                now = clock()
            if records:
                return now

    # --- working -----------------------------------------------------------------------------------------------------

    def _batch(self, giving: list[TurnInput], rounds: int, began: float) -> float:
        """Take so many records from each of these inputs, in turn, and run them: the first one timed and looked at, the
        rest at full speed unless it is slow.

        `began` is the time now; returns the time at the end.
        """
        meter, clock, room = self.meter, self._clock, self.outputs.room
        meter.taken += 1  # before the take, so that nobody finds the channel empty and this replica at rest
        first = giving[0]
        if len(giving) == 1:
            batch = first.channel.take(rounds)
        else:
            batch = list(chain.from_iterable(zip(*[one.channel.take(rounds) for one in giving], strict=False)))
        self._records = records = iter(batch)
        self._since = now = began
        if self._slow or (self.job.follower.active and any(type(entry) is Traced for entry in batch)):
            for one, entry in zip(cycle(giving), records):
                now = self._one(one, entry, now)
                if room():
                    now = clock()
            self._records = None
            worked = len(batch) - self._put_back(giving, len(batch))
        elif batch:
            self._one(first, next(records), clock())
            surplus = self._run_on(giving, records)
            self._records = None
            worked = len(batch) - self._put_back(giving, len(batch))
            meter.records_in += worked - 1
            if self._gives:
                meter.records_out += worked - 1 + surplus
            now = clock()
            if room():
                now = clock()
        self._since = None
        meter.done += 1
        self._adapt(worked, now - began)
        return now

    def _run_on(self, giving: list[TurnInput], records: Iterator[Any]) -> int:
        """Run the records of these inputs but for the very first; returns the surplus."""
        if len(giving) == 1 or self._together is None:
            return giving[0].loop(records, self.outputs.send, self.failed)
        marks = cycle([one.mark for one in giving[1:] + giving[:1]])
        return self._together(zip(records, marks), self.outputs.send, self.failed)  # noqa: B905 - the marks go round

    def _one(self, one: TurnInput, entry: Any, began: float) -> float:
        """Run one record: timed, counted at once, and looked at where somebody inspects or follows.

        `began` is the time now; returns the time at the end.
        """
        meter = self.meter
        if type(entry) is Traced:
            surplus, seconds = self._traced(one, entry)
            now = self._clock()
        elif self.tap is not None:
            surplus, seconds = self._tapped(one, entry, self.tap)
            now = self._clock()
        else:
            surplus = one.loop(iter((entry,)), self.outputs.send, self.failed)
            now = self._clock()
            seconds = now - began
        meter.latency.add(seconds)
        meter.records_in += 1
        if self._gives:
            meter.records_out += 1 + surplus
        return now

    def _tapped(self, one: TurnInput, entry: Any, tap: Tap) -> tuple[int, float]:
        """Run one record and show it and its results: the surplus, and the seconds without the showing."""
        tap.offer("in", entry[1] if self._keyed_in else entry, self.meter.records_in + 1)
        results: list[Any] = []
        began = self._clock()
        surplus = one.loop(iter((entry,)), copying(self.outputs.send, results), self.failed)
        seconds = self._clock() - began
        for number, result in enumerate(results, self.meter.records_out + 1):
            tap.offer("out", result[1] if self._keyed_out else result, number)
        return surplus, seconds

    def _traced(self, one: TurnInput, traced: Traced) -> tuple[int, float]:
        """Run one followed record and tell this step of its way: the surplus, and the seconds without the telling."""
        clock, outputs, follower = self._clock, self.outputs, self.job.follower

        def wrap(result: Any) -> Any:
            if not outputs.copies:
                return result
            follower.enter(outputs.copies)
            return Traced(result, traced.trace, clock())

        before = preview(traced.entry[1] if self._keyed_in else traced.entry)
        results: list[Any] = []
        calls: list[int] = []
        raised: list[str] = []

        def failed(value: Any, error: BaseException) -> None:
            message = exception_message(error, LONGEST_ERROR)
            raised.append(f"{exception_name(error)}: {message}" if message else exception_name(error))
            self.failed(value, error)

        self.owner.calls = calls
        began = clock()
        surplus = one.loop(iter((traced.entry,)), tracing(outputs.send, results, wrap), failed)
        seconds = clock() - began
        self.owner.calls = None
        self.job.publish(
            Trace(
                trace=traced.trace,
                pipeline=self.job.id,
                operator=self.spec.id,
                before=before,
                after=tuple(preview(result[1] if self._keyed_out else result) for result in results),
                waited=began - traced.since,
                duration=seconds,
                calls=tuple(calls),
                error=raised[0] if raised else None,
            )
        )
        follower.leave()
        return surplus, seconds

    def _allowed(self, channel: Channel) -> int:
        """How many records the next batch may have: one for a permit while the gate holds a feedback channel."""
        if channel.feedback and self.permits:
            self.permits.pop()
            return 1
        return min(self._limit, self.outputs.capacity)

    def _put_back(self, giving: list[TurnInput], taken: int) -> int:
        """Return what an interruption left over of a batch to where it came from; how many records those were."""
        if not self._interrupted:
            return 0
        with self._lock:
            rest, self._rest = self._rest, []
            self._interrupted = False
        for number, one in enumerate(giving):
            one.channel.records[:0] = rest[(number - taken + len(rest)) % len(giving) :: len(giving)]
        if rest and self._turns is not None:
            self._turns.go_back(giving[(taken - len(rest)) % len(giving)])
        return len(rest)

    def _adapt(self, count: int, seconds: float) -> None:
        """Choose the next batch's size and pace, and how much may queue here, by what the last batch took."""
        if count > 0:
            self._slow = seconds > SLOW * count
            limit = allowed_batch(self._limit, count, seconds)
            if limit != self._limit:
                self._limit = limit
                for channel in self.channels:
                    channel.fit(limit)
