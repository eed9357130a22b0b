"""The events of a run and their parts.

An event's class registers itself under its `type` when it is defined. With `channel=True` the journal also indexes its
events as a channel of that name: lines that panes show, search and export.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, ClassVar

from sage_runtime.frozen import Frozen

PROTOCOL = 1
"""The version of this contract, sent in `run_started`."""

MAX_TEXT = 64 * 1024
"""Characters in one `output` event at most."""

NOTHING: Mapping[str, int] = MappingProxyType({})
"""No counts."""

EVENT_TYPES: dict[str, type[Event]] = {}
"""The classes of the events by their `type`."""

CHANNELS: list[str] = []
"""The journal's channels, each named after the type of its events."""


class OperatorInfo(Frozen):
    """An operator as it was built. `kind`: source, batch, map, filter, flatmap, keyby, comap, join, sink or future."""

    id: str
    name: str = ""
    kind: str = ""
    class_: str = ""
    parallelism: int = 1
    file: str | None = None
    line: int | None = None


class EdgeInfo(Frozen):
    """A stream between two operators. `partition`: forward, hash, broadcast or round_robin."""

    id: str
    source: str
    target: str
    input: int = 0
    partition: str = "forward"
    feedback: bool = False


class ServiceInfo(Frozen):
    """A registered service as it was built."""

    name: str
    class_: str = ""
    file: str | None = None
    line: int | None = None


BUCKET_GROWTH = 1.04
"""Each bucket is 4% wider than the one before, so a quantile is off by 2% at most (DDSketch's logarithmic mapping)."""

SHORTEST = 1e-7
"""Durations up to this many seconds share bucket 0."""

_LOG_GROWTH = math.log(BUCKET_GROWTH)

_LAST_BUCKET = 2_000
"""It reaches beyond any age; higher ones are only found in damaged recordings."""


def bucket_of(seconds: float) -> int:
    """The bucket of a duration in seconds: 0 up to `SHORTEST`, then one for each 4%."""
    if seconds <= SHORTEST:
        return 0
    return math.ceil(math.log(seconds / SHORTEST) / _LOG_GROWTH)


def bucket_seconds(bucket: int) -> float:
    """The duration in seconds that stands for a bucket: its middle, within 2% of every duration in it."""
    if bucket <= 0:
        return SHORTEST
    return SHORTEST * math.exp((min(bucket, _LAST_BUCKET) - 0.5) * _LOG_GROWTH)


class Latency(Frozen):
    """A distribution of durations in seconds; `buckets` are pairs of `bucket_of` index and count, ascending."""

    p50: float = 0.0
    p95: float = 0.0
    p99: float = 0.0
    max: float = 0.0
    buckets: tuple[tuple[int, int], ...] = ()


def latency_of(counts: Mapping[int, int], longest: float) -> Latency:
    """The distribution of durations that were counted by bucket.

    The quantile of a share is the shortest duration that this share of all durations does not exceed (nearest rank:
    the 95th percentile of ten is the tenth), and never above `longest`.

    Args:
        counts: how many durations fell into each bucket.
        longest: the longest of them, in seconds.
    """
    buckets = tuple(sorted(counts.items()))
    total = sum(counts.values())
    if total <= 0:
        return Latency()
    found: list[float] = []
    at, seen = -1, 0
    for share in (0.50, 0.95, 0.99):
        while seen < share * total:
            at += 1
            seen += buckets[at][1]
        found.append(min(bucket_seconds(buckets[at][0]), longest))
    p50, p95, p99 = found
    return Latency(p50, p95, p99, longest, buckets)


class ReplicaStats(Frozen):
    """The figures of `OperatorStats` for one replica."""

    replica: int
    state: str = "running"
    records_in: int = 0
    records_out: int = 0
    errors: int = 0
    queue: int = 0
    queue_capacity: int = 0
    busy: float = 0.0
    waiting: float = 0.0
    idle: float = 0.0
    blocked: float = 0.0
    paused: float = 0.0
    cpu: float = 0.0
    latency: Latency = Latency()


_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
"""A clock that nobody can set and that goes on while the machine sleeps."""


def steady_clock() -> Callable[[], float]:
    """A clock for `Event.t`, in Unix seconds: it agrees with the system's now, but does not jump when that is set."""
    read, which = time.clock_gettime, _CLOCK
    ahead = time.time() - read(which)
    return lambda: read(which) + ahead


# --- events ----------------------------------------------------------------------------------------------------------


class Event(Frozen, kw_only=True):
    """The header of every event; the bus or the session stamps it (`stamped`) when the event is published."""

    type: ClassVar[str] = ""
    run: int = 0
    t: float = 0.0
    worker: int = 0
    seq: int = 0

    def __init_subclass__(cls, *, channel: bool = False, **options: Any) -> None:
        super().__init_subclass__(**options)
        if cls.type != "?":
            EVENT_TYPES[cls.type] = cls
        if channel:
            CHANNELS.append(cls.type)


class UnknownEvent(Event, kw_only=True):
    """An event of a later version: the name of its type, and its fields as they came."""

    type: ClassVar[str] = "?"
    name: str
    fields: Mapping[str, Any]


class RunStarted(Event, kw_only=True):
    """The session has started a worker. `reason`: start, reload or restart; `changed`: the files that caused it."""

    type: ClassVar[str] = "run_started"
    protocol: int = PROTOCOL
    script: str = ""
    argv: tuple[str, ...] = ()
    python: str = ""
    engine: str = ""
    reason: str = "start"
    changed: tuple[str, ...] = ()


class RunStateChanged(Event, kw_only=True):
    """`state`: starting, running, paused or stopping."""

    type: ClassVar[str] = "run_state"
    state: str


class PipelineSubmitted(Event, kw_only=True):
    """A pipeline's graph as it was built; published before the first record."""

    type: ClassVar[str] = "pipeline_submitted"
    pipeline: str
    name: str = ""
    era: int = 1
    operators: tuple[OperatorInfo, ...] = ()
    edges: tuple[EdgeInfo, ...] = ()
    services: tuple[ServiceInfo, ...] = ()


class OperatorStats(Event, kw_only=True):
    """Totals of one operator and how it spent the last interval.

    `busy`, `waiting` (inside service calls), `idle` and `blocked` (full output) add up to 1 over the time that was
    not paused; `paused` is the share of the interval spent paused. `cpu` is CPU time by wall time. `state`: starting,
    running, paused, finished or failed. `interval`: its length in seconds, 0 if unknown; unchanged stats are not
    published. `incomplete` marks the last stats of a worker that died.
    """

    type: ClassVar[str] = "operator_stats"
    pipeline: str
    operator: str
    state: str = "running"
    records_in: int = 0
    records_out: int = 0
    errors: int = 0
    queue: int = 0
    queue_capacity: int = 0
    busy: float = 0.0
    waiting: float = 0.0
    idle: float = 0.0
    blocked: float = 0.0
    paused: float = 0.0
    cpu: float = 0.0
    latency: Latency = Latency()
    replicas: tuple[ReplicaStats, ...] = ()
    interval: float = 0.0
    incomplete: bool = False


class ServiceStats(Event, kw_only=True):
    """Totals of one method of one service; `callers` counts its calls by operator (or service) id.

    `interval` as in `OperatorStats`.
    """

    type: ClassVar[str] = "service_stats"
    pipeline: str
    service: str
    method: str
    calls: int = 0
    errors: int = 0
    in_flight: int = 0
    waiting: int = 0
    latency: Latency = Latency()
    callers: Mapping[str, int] = NOTHING
    interval: float = 0.0
    incomplete: bool = False


class ServiceCall(Event, kw_only=True, channel=True):
    """One finished call. `parent` is the id of the call it was made in; `arguments`, `result`, `error` are previews.

    `waited` is the time in the service's queue, `duration` the time inside the method.
    """

    type: ClassVar[str] = "service_call"
    id: int
    parent: int | None = None
    pipeline: str
    service: str
    method: str
    caller: str | None = None
    replica: int | None = None
    arguments: str = ""
    result: str | None = None
    error: str | None = None
    waited: float = 0.0
    duration: float = 0.0


class Output(Event, kw_only=True, channel=True):
    """Printed text: `text` and then `end`, character for character (undecodable bytes as lone surrogates)."""

    type: ClassVar[str] = "output"
    pipeline: str | None = None
    stream: str = "stdout"
    source: str | None = None
    text: str = ""
    end: str = "\n"


class Log(Event, kw_only=True, channel=True):
    """One record of Python's logging or of SAGE's loggers."""

    type: ClassVar[str] = "log"
    pipeline: str | None = None
    level: str = "INFO"
    logger: str = ""
    source: str | None = None
    message: str = ""


class Record(Event, kw_only=True, channel=True):
    """A preview of a record at an inspected operator; `port` is in or out, `sequence` counts the records there."""

    type: ClassVar[str] = "record"
    pipeline: str
    operator: str
    port: str
    preview: str
    sequence: int = 0


class Trace(Event, kw_only=True, channel=True):
    """One step of a traced record; `calls` are the ids of the service calls made in it, `error` what it raised."""

    type: ClassVar[str] = "trace"
    trace: int
    pipeline: str
    operator: str
    before: str | None = None
    after: tuple[str, ...] = ()
    waited: float = 0.0
    duration: float = 0.0
    calls: tuple[int, ...] = ()
    error: str | None = None


class Failure(Event, kw_only=True, channel=True):
    """An exception. `kind`: operator, service, script or worker; `group` names its source, type and place."""

    type: ClassVar[str] = "failure"
    pipeline: str | None = None
    source: str | None = None
    kind: str = "operator"
    group: str = ""
    exception: str = ""
    message: str = ""
    traceback: str = ""
    record: str | None = None
    file: str | None = None
    line: int | None = None


class LeftOut(Event, kw_only=True):
    """How many events of a sampled kind were left out since the last such event. `group` is that of failures."""

    type: ClassVar[str] = "left_out"
    what: str
    pipeline: str | None = None
    source: str | None = None
    group: str | None = None
    count: int = 0


class InputRequested(Event, kw_only=True):
    """The script waits in `input()` for an `Input` command."""

    type: ClassVar[str] = "input_requested"
    prompt: str = ""


class Notice(Event, kw_only=True, channel=True):
    """A message to the user. `level`: info, warning or error."""

    type: ClassVar[str] = "notice"
    level: str = "info"
    message: str = ""
    pipeline: str | None = None


class ReloadFailed(Event, kw_only=True):
    """A changed file does not compile; the old run continues."""

    type: ClassVar[str] = "reload_failed"
    file: str
    line: int | None = None
    message: str = ""


class PipelineFinished(Event, kw_only=True):
    """`status`: finished, failed or stopped."""

    type: ClassVar[str] = "pipeline_finished"
    pipeline: str
    status: str
    duration: float = 0.0


class RunFinished(Event, kw_only=True):
    """The worker is reaped and its output read. `signal` is a name such as SIGKILL; `errors` counts failures."""

    type: ClassVar[str] = "run_finished"
    status: str
    exit_code: int | None = None
    signal: str | None = None
    duration: float = 0.0
    errors: int = 0
