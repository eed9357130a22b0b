"""What the replicas of all operators share: a thread, a meter, and an end that comes once."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple, Protocol

from sage_runtime.attribution import set_source
from sage_runtime.engine.context import OperatorContext
from sage_runtime.engine.errors import ServiceStopped
from sage_runtime.engine.failures import Failures
from sage_runtime.engine.meters import BUSY, IDLE, WAITING, Meter
from sage_runtime.engine.taps import Follower, Tap
from sage_runtime.engine.threads.calls import CallOwner
from sage_runtime.engine.threads.channels import MAX_CAPACITY, Channel, Wakeup
from sage_runtime.engine.threads.forks import end_child
from sage_runtime.engine.threads.gate import Gate
from sage_runtime.engine.threads.routes import Outputs
from sage_runtime.events import Event
from sage_runtime.graph import Graph, OperatorSpec
from sage_runtime.safe_repr.preview import preview

BATCH_SECONDS = 0.05
"""A batch takes about this long at most, so that counters are fresh and a stop or an inspection takes effect."""


def allowed_batch(last: int, count: int, seconds: float) -> int:
    """How many records the next batch may have, after one limited to `last` that had `count` and took `seconds`."""
    fitting = int(BATCH_SECONDS * count / seconds) if seconds > 0.0 else MAX_CAPACITY
    if fitting > 4 * last:
        fitting = 4 * last
    if fitting > MAX_CAPACITY:
        return MAX_CAPACITY
    return fitting or 1


class JobView(Protocol):
    """What a replica needs of its job."""

    id: str
    stopping: bool
    in_child: bool
    closing: bool
    looping: bool
    gate: Gate
    failures: Failures
    follower: Follower
    clock: Callable[[], float]
    graph: Graph

    def publish(self, event: Event) -> None:
        """Publish an event of the job."""

    def warn(self, message: str) -> None:
        """Tell people once what they should know of the job."""

    def operator_failed(self, error: BaseException) -> bool:
        """An operator raised; true if that ends the job."""

    def crashed(self, error: BaseException) -> None:
        """The engine itself failed on a replica's thread."""

    def at_rest(self) -> bool:
        """Whether a job with feedback has just come to rest; its loops are then closed."""

    def has_run_dry(self, source: Replica) -> bool:
        """A source answered `None`; true if it ends, since no source has anything to emit."""

    def pass_on_permit(self) -> None:
        """A source ended with a permit for anyone in hand: the record may come from elsewhere."""

    def replica_ended(self, replica: Replica) -> None:
        """A replica is done; its consumers are told."""


class ReplicaParts(NamedTuple):
    """What a replica is made of."""

    job: JobView
    spec: OperatorSpec
    context: OperatorContext
    meter: Meter
    owner: CallOwner
    outputs: Outputs
    wakeup: Wakeup


class Replica:
    """What sources and other operators have in common. `start` runs it on a thread of its own.

    Other threads read `state`, `meter`, `in_hand` and `channels`, set `tap`, and call `wake` and `interrupt`.
    `awaited` is the channel whose turn it is, while others have records and it has none.
    """

    def __init__(self, parts: ReplicaParts) -> None:
        self.job, self.spec, self.context, self.meter, self.owner, self.outputs, self.wakeup = parts
        self.index = parts.context.parallel_index
        self.channels: tuple[Channel, ...] = ()
        self.awaited: Channel | None = None
        self.state = "starting"
        self.started = False
        self.tap: Tap | None = None
        self.close: Callable[[], object] | None = None
        self.thread = threading.Thread(target=self._main, name=f"{self.context.name}_worker", daemon=True)
        self._clock = parts.job.clock
        self._end_once = [True]

    def start(self) -> None:
        """Run it."""
        self.thread.start()
        self.started = True

    @property
    def lost(self) -> bool:
        """Whether its thread is over and has not ended the stream, as it does on every way out of its own code."""
        return self.started and not self.thread.is_alive() and not self.ended

    @property
    def in_hand(self) -> int:
        """Records taken out of the channels that have not begun yet."""
        return 0

    @property
    def at_work(self) -> bool:
        """Whether it does something or has something to do."""
        ready = self.state == "starting" or any(channel.records for channel in self.channels)
        return not self.ended and (ready or self.meter.state in (BUSY, WAITING))

    @property
    def since(self) -> float | None:
        """When its batch began, `None` between batches."""
        return None

    def wake(self) -> None:
        """Let it look around, if it sleeps."""
        self.wakeup.notify()

    def interrupt(self) -> None:
        """Let it look around soon, though it has records in hand."""

    def forked(self) -> None:
        """In a forked child: begin no more records."""
        self.drop_rest()

    def run(self) -> None:
        """What its thread does until its stream ends."""
        raise NotImplementedError

    def failed(self, value: Any, error: BaseException) -> None:
        """User code raised on `value`."""
        if self.job.in_child:
            end_child(error)
        self.meter.errors += 1
        if self.job.stopping and isinstance(error, ServiceStopped):
            return
        self.job.failures.record(self.spec.id, "operator", error, partial(preview, value))
        if self.job.operator_failed(error):
            self.state = "failed"
            self.drop_rest()

    def drop_rest(self) -> None:
        """On its own thread: begin no more of the records in hand."""

    def end(self) -> None:
        """End its stream, once: it takes nothing more and its consumers are told. Any thread may end a stuck one."""
        try:
            self._end_once.pop()
        except IndexError:
            return
        if self.state != "failed":
            self.state = "finished"
        for channel in self.channels:
            channel.abandon()
        self.job.replica_ended(self)

    @property
    def ended(self) -> bool:
        """Whether its stream has ended."""
        return not self._end_once

    def _main(self) -> None:
        try:
            set_source(self.job.id, self.spec.id)
            self.owner.thread = threading.get_ident()
            self.meter.begin_cpu()
            self.meter.switch(BUSY, self._clock())
            self.state = "running"
            self.run()
            if self.job.in_child:
                end_child()
            self._close()
        except BaseException as error:  # noqa: BLE001 - the outer edge of the thread: a fault of the engine
            if self.job.in_child:
                end_child(error)
            self.state = "failed"
            self.job.crashed(error)
        finally:
            self.meter.switch(IDLE, self._clock())
            self.meter.end_cpu()
            self.end()
            self.owner.thread = None  # another thread may get this ident

    def _close(self) -> None:
        """The last duty of a source or a sink: its `close`, if it has one."""
        if self.close is None:
            return
        self.meter.switch(BUSY, self._clock())
        try:
            self.close()
        except BaseException as error:  # noqa: BLE001 - whatever user code raises is recorded
            self.meter.errors += 1
            self.job.failures.record(self.spec.id, "operator", error)
            self.job.operator_failed(error)
