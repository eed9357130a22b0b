"""One replica of a source on its own thread: asks the user's function for records, or iterates values itself."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any

from sage_runtime.engine.errors import ServiceStopped
from sage_runtime.engine.meters import BUSY, IDLE, PAUSED
from sage_runtime.engine.threads.forks import end_child
from sage_runtime.engine.threads.gate import Admission
from sage_runtime.engine.threads.replica import Replica, ReplicaParts, allowed_batch
from sage_runtime.engine.threads.routes import Send, Traced, copying
from sage_runtime.events import Trace
from sage_runtime.graph import EndOfStream
from sage_runtime.safe_repr.preview import preview

_AT_HAND = (list, tuple, range, str, bytes, set, frozenset, dict)
"""Values of exactly these types are there already: no user code runs between two of them."""

_NO_VALUE: Any = object()


class _Raised:
    """What `execute` raised, in place of a value."""

    __slots__ = ("error",)

    def __init__(self, error: BaseException) -> None:
        self.error = error


def _pull(execute: Callable[[], Any], send: Send, attention: list[bool], count: int) -> tuple[int, Any]:
    """Ask for up to `count` records and give them away, at full speed.

    Returns how many were given, and what came next if it needs a closer look: no record, an error, or any value while
    `attention` is not empty; `_NO_VALUE` if nothing did.
    """
    channel, waiters, notify = send.channel, send.waiters, send.notify
    known: Any = _NO_VALUE
    given = 0
    try:
        for given in range(count):
            value = execute()
            if type(value) is not known:
                known = type(value)  # never `isinstance`, which asks a record for its `__class__`
                if value is None or issubclass(known, EndOfStream):
                    return given, value
            if attention:
                return given, value
            channel.append(value)
            if waiters:
                notify()
    except BaseException as error:  # noqa: BLE001 - whatever user code raises is recorded
        return given, _Raised(error)
    return count, _NO_VALUE


class SourceReplica(Replica):
    """A replica of a source. `attention` holds something while it shall look up from its work.

    `execute` gives the next record; its own thread calls it.
    """

    def __init__(self, parts: ReplicaParts, execute: Callable[[], Any]) -> None:
        super().__init__(parts)
        self.attention: list[bool] = []
        self.key = f"{self.job.id}/{self.spec.id}"
        self.execute = execute
        self._at_hand: Iterator[Any] | None = None
        self._permit = Admission.NONE
        self._limit = 1
        self._since: float | None = None

    @property
    def since(self) -> float | None:
        """When it began to ask for the records it is about to give, `None` while it waits."""
        return self._since

    def interrupt(self) -> None:
        """Let it look up after the record that it is asking for now."""
        self.attention.append(True)
        self.wakeup.notify()

    def forked(self) -> None:
        """In a forked child: look up before the next record."""
        self.attention.append(True)

    def run(self) -> None:
        """Give records until there are no more or the sources are closed."""
        if self.spec.values is not None and not self._open_values(self.spec.values):
            return
        while self._give_some():
            self.outputs.room()
        if self._permit is Admission.ANY:
            self.job.pass_on_permit()

    def _give_some(self) -> bool:
        """Give the next record or records; false at the end."""
        self.attention.clear()
        if self._over() or not self._pass_gate():
            return False
        bulk = self._at_hand is not None and not self.job.gate.closed and not self.spec.delay
        return self._give_chunk() if bulk and not self._watched() else self._ask()

    def _over(self) -> bool:
        return self.job.stopping or self.job.closing or self.ended

    def _watched(self) -> bool:
        return self.tap is not None or self.job.follower.wants(self.spec.id)

    def _open_values(self, values: Iterable[Any]) -> bool:
        """Iterate the values; the first replica has them all."""
        try:
            iterator = iter(values if self.index == 0 else ())
        except BaseException as error:  # noqa: BLE001 - whatever user code raises is recorded
            self._raised(error)
            return False
        self.execute = iterator.__next__
        if type(values) in _AT_HAND:
            self._at_hand = iterator
        return True

    def _pass_gate(self) -> bool:
        """Wait until the next record may pass; false if the sources are closed before that."""
        gate = self.job.gate
        if not gate.closed:
            self._permit = Admission.NONE
        elif self._permit is Admission.NONE:
            self.meter.switch(PAUSED, self._clock())
            admission = gate.wait(self.key, self._over)
            self.meter.switch(BUSY, self._clock())
            if admission is Admission.NONE:
                return False
            if admission is not Admission.OPEN:
                self._permit = admission
        return True

    def _give_chunk(self) -> bool:
        """Give away the next values that are at hand; false if there are no more."""
        try:
            chunk = list(islice(self._at_hand or (), self.outputs.capacity))
        except BaseException as error:  # noqa: BLE001 - a dictionary changed while it was iterated
            return self._raised(error)
        if not chunk:
            return False
        send = self.outputs.send
        if type(self.spec.values) is not range:
            chunk = [value for value in chunk if value is not None]
        if send.extend is not None:
            send.extend(chunk)
            if send.waiters:
                send.notify()
        else:
            for value in chunk:
                send.channel.append(value)
        self.meter.records_out += len(chunk)
        return True

    def _ask(self) -> bool:
        """Ask for records, the first timed, the rest at full speed; false if there are no more."""
        clock, meter, send = self._clock, self.meter, self.outputs.send
        tap = self.tap
        seen: list[Any] = []
        if tap is not None:
            send = copying(send, seen)
        if self.job.follower.wants(self.spec.id):
            self.attention.append(True)
        self._since = began = clock()
        given, value = _pull(self.execute, send, self.attention, 1)
        meter.records_out += given
        duration = clock() - began
        if given or not (value is None or issubclass(type(value), _Raised | EndOfStream)):
            meter.latency.add(duration)
        if tap is not None and seen:
            tap.offer("out", seen[0], meter.records_out)
        limit = min(self._limit, self.outputs.capacity)
        if given and limit > 1 and not self.spec.delay and not self.job.gate.closed:
            more, value = _pull(self.execute, self.outputs.send, self.attention, limit - 1)
            meter.records_out += more
            given += more
        self._since = None
        if given:
            self._permit = Admission.NONE
            self._limit = allowed_batch(self._limit, given, clock() - began)
        if value is not _NO_VALUE:
            return self._look_at(value, duration)
        return self._pace()

    def _look_at(self, value: Any, duration: float) -> bool:
        """Deal with what is no ordinary record, or came while attention was asked; false if it ends the stream."""
        kind = type(value)
        if kind is _Raised:
            ends = self.spec.stop_iteration_ends or self.spec.values is not None
            return False if ends and isinstance(value.error, StopIteration) else self._raised(value.error)
        if issubclass(kind, EndOfStream):
            return False
        if value is None:
            if self.spec.values is None:
                if self.spec.none_ends:
                    return False
                if self.job.has_run_dry(self):
                    return False
                self._doze(self.spec.idle_delay)
            return True
        if not self._pass_gate() and not self.job.closing:
            return False
        if self.job.stopping or self.ended:
            return False
        self._give(value, duration)
        return self._pace()

    def _give(self, value: Any, duration: float) -> None:
        """Give away one record, which may be one to follow."""
        send, outputs, job = self.outputs.send, self.outputs, self.job
        trace = job.follower.begin(self.spec.id)
        if trace is not None:
            job.publish(
                Trace(trace=trace, pipeline=job.id, operator=self.spec.id, after=(preview(value),), duration=duration)
            )
            if outputs.copies:
                job.follower.enter(outputs.copies)
                value = Traced(value, trace, self._clock())
        send.channel.append(value)
        if send.waiters:
            send.notify()
        self.meter.records_out += 1
        self._permit = Admission.NONE
        if self.tap is not None:
            self.tap.offer("out", value.entry if type(value) is Traced else value, self.meter.records_out)

    def _pace(self) -> bool:
        if self.spec.delay > 0.0:
            self._doze(self.spec.delay)
        return True

    def _doze(self, seconds: float) -> None:
        """Sleep, unless attention is asked."""
        self.meter.switch(IDLE, self._clock())
        self.meter.note_cpu()
        self.wakeup.wait(lambda: bool(self.attention), seconds)
        self.meter.switch(BUSY, self._clock())

    def _raised(self, error: BaseException) -> bool:
        """Record what user code raised; it ends the stream, unless the source can go on after it (`recover`)."""
        self._record(error)
        recover = getattr(self.execute, "recover", None)
        if recover is not None and not self.job.stopping:
            try:
                if recover(error):
                    return True
            except BaseException as another:  # noqa: BLE001 - whatever user code raises is recorded
                self._record(another)
        self.state = "failed"
        return False

    def _record(self, error: BaseException) -> None:
        if self.job.in_child:
            end_child(error)
        self.meter.errors += 1
        if not (self.job.stopping and isinstance(error, ServiceStopped)):
            self.job.failures.record(self.spec.id, "operator", error)
