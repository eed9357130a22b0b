"""One replica of an operator with inputs: takes batches out of its channels and runs them through the loop."""

from __future__ import annotations

import sys
import threading
from collections import deque
from collections.abc import Iterator
from typing import Any

from sage_runtime.engine.meters import BUSY, IDLE
from sage_runtime.engine.taps import Tap
from sage_runtime.engine.threads.channels import Channel
from sage_runtime.engine.threads.loops import Loop
from sage_runtime.engine.threads.replica import Replica, ReplicaParts, allowed_batch
from sage_runtime.engine.threads.routes import Traced, copying, tracing
from sage_runtime.events import Trace
from sage_runtime.frozen import Frozen
from sage_runtime.safe_repr.preview import exception_message, exception_name, preview

SLOW = 50e-6
"""Seconds a record from which on every record is timed; below it, one in each batch."""

LONGEST_ERROR = 400
"""Characters of what a followed record's step raised; the failure has all of it."""

_GIL = bool(getattr(sys, "_is_gil_enabled", lambda: True)())


class Port(Frozen):
    """One incoming edge of a replica: its channel, and the loop that its records go through."""

    channel: Channel
    loop: Loop


class ConsumerReplica(Replica):
    """A replica of an operator with inputs.

    `permits` holds one item for each record of a feedback channel that may pass the closed gate.
    """

    def __init__(self, parts: ReplicaParts, ports: tuple[Port, ...], *, keyed_in: bool, keyed_out: bool) -> None:
        super().__init__(parts)
        self.channels = tuple(port.channel for port in ports)
        self.permits: list[bool] = []
        self._ports = ports
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
        lone = self._ports[0] if len(self._ports) == 1 and not self.job.looping else None
        while now is not None and not self.job.stopping:
            if lone is not None and not self._slow and not lone.channel.records:
                now = self._one_by_one(lone, now)
            rested = True
            for port in self._ports:
                if port.channel.records and self._may_take(port.channel):
                    now = self._batch(port, now)
                    rested = False
            if rested:
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

    def _one_by_one(self, port: Port, now: float) -> float:
        """Sleep, and run each record that arrives alone, until there are several, a slow one, or something else is new.

        `now` is the time; returns the time at the end. The next thread waits for all that is done between the end of
        the sleep and the loop: what can wait until its result is given away does.
        """
        channel, loop, meter, clock = port.channel, port.loop, self.meter, self._clock
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

    def _batch(self, port: Port, began: float) -> float:
        """Take a batch and run it: its first record timed and looked at, the rest at full speed unless it is slow.

        `began` is the time now; returns the time at the end.
        """
        meter, clock, channel, room = self.meter, self._clock, port.channel, self.outputs.room
        meter.taken += 1  # before the take, so that nobody finds the channel empty and this replica at rest
        batch = channel.take(self._allowed(channel))
        self._records = records = iter(batch)
        self._since = now = began
        if self._slow or (self.job.follower.active and any(type(entry) is Traced for entry in batch)):
            for entry in records:
                now = self._one(port, entry, now)
                if room():
                    now = clock()
            self._records = None
            worked = len(batch) - self._put_back(channel)
        else:
            self._one(port, next(records), clock())
            surplus = port.loop(records, self.outputs.send, self.failed)
            self._records = None
            worked = len(batch) - self._put_back(channel)
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

    def _one(self, port: Port, entry: Any, began: float) -> float:
        """Run one record: timed, counted at once, and looked at where somebody inspects or follows.

        `began` is the time now; returns the time at the end.
        """
        meter = self.meter
        if type(entry) is Traced:
            surplus, seconds = self._traced(port, entry)
            now = self._clock()
        elif self.tap is not None:
            surplus, seconds = self._tapped(port, entry, self.tap)
            now = self._clock()
        else:
            surplus = port.loop(iter((entry,)), self.outputs.send, self.failed)
            now = self._clock()
            seconds = now - began
        meter.latency.add(seconds)
        meter.records_in += 1
        if self._gives:
            meter.records_out += 1 + surplus
        return now

    def _tapped(self, port: Port, entry: Any, tap: Tap) -> tuple[int, float]:
        """Run one record and show it and its results: the surplus, and the seconds without the showing."""
        tap.offer("in", entry[1] if self._keyed_in else entry, self.meter.records_in + 1)
        results: list[Any] = []
        began = self._clock()
        surplus = port.loop(iter((entry,)), copying(self.outputs.send, results), self.failed)
        seconds = self._clock() - began
        for number, result in enumerate(results, self.meter.records_out + 1):
            tap.offer("out", result[1] if self._keyed_out else result, number)
        return surplus, seconds

    def _traced(self, port: Port, traced: Traced) -> tuple[int, float]:
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
        surplus = port.loop(iter((traced.entry,)), tracing(outputs.send, results, wrap), failed)
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

    def _put_back(self, channel: Channel) -> int:
        """Return what an interruption left over to the channel; how many those were."""
        if not self._interrupted:
            return 0
        with self._lock:
            rest, self._rest = self._rest, []
            self._interrupted = False
        channel.records[:0] = rest
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
