"""The events of a run and their parts."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, ClassVar

from sage_runtime.frozen import Frozen

PROTOCOL = 1
"""The version of this contract, sent in `run_started`."""

MAX_TEXT = 64 * 1024
"""Characters in one `output` event at most."""

NOTHING: Mapping[str, int] = MappingProxyType({})
"""No counts."""


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


class Latency(Frozen):
    """A distribution of durations in seconds; `buckets` are pairs of `bucket_of` index and count, ascending."""

    p50: float = 0.0
    p95: float = 0.0
    p99: float = 0.0
    max: float = 0.0
    buckets: tuple[tuple[int, int], ...] = ()


class ReplicaStats(Frozen):
    """What `OperatorStats` says of the whole operator, for one of its replicas."""

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


# --- events ----------------------------------------------------------------------------------------------------------


class Event(Frozen, kw_only=True):
    """The header of every event; the bus or the session stamps it (`stamped`) when the event is published."""

    type: ClassVar[str] = ""
    run: int = 0
    t: float = 0.0
    worker: int = 0
    seq: int = 0


class UnknownEvent(Event, kw_only=True):
    """An event of a later version: its type's name and its fields as they came."""

    type: ClassVar[str] = "?"
    name: str
    fields: Mapping[str, Any]


class RunStarted(Event, kw_only=True):
    """The session started a worker. `reason`: start, reload or restart; `changed`: the files that caused it."""

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
    """A pipeline's graph as it was built, before its first record."""

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
    running, paused, finished or failed. `interval`: its length in seconds, 0 where it is not known; stats that say the
    same as those before are not published. `incomplete` marks last stats of a worker that died.
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


class ServiceCall(Event, kw_only=True):
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


class Output(Event, kw_only=True):
    """What somebody printed: `text` then `end` are the very characters (undecodable bytes as lone surrogates)."""

    type: ClassVar[str] = "output"
    pipeline: str | None = None
    stream: str = "stdout"
    source: str | None = None
    text: str = ""
    end: str = "\n"


class Log(Event, kw_only=True):
    """One record of Python's logging or of SAGE's loggers."""

    type: ClassVar[str] = "log"
    pipeline: str | None = None
    level: str = "INFO"
    logger: str = ""
    source: str | None = None
    message: str = ""


class Record(Event, kw_only=True):
    """A preview of a record at an operator that somebody inspects; `port` is in or out, `sequence` counts there."""

    type: ClassVar[str] = "record"
    pipeline: str
    operator: str
    port: str
    preview: str
    sequence: int = 0


class Trace(Event, kw_only=True):
    """One step of a followed record; `calls` are the ids of the service calls made in it, `error` what it raised."""

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


class Failure(Event, kw_only=True):
    """Something raised. `kind`: operator, service, script or worker; `group` names source, type and place."""

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
    """How many events of a sampled kind were not sent since the last such line. `group` is a failure's."""

    type: ClassVar[str] = "left_out"
    what: str
    pipeline: str | None = None
    source: str | None = None
    group: str | None = None
    count: int = 0


class InputRequested(Event, kw_only=True):
    """The script waits in `input()`; an `Input` command answers it."""

    type: ClassVar[str] = "input_requested"
    prompt: str = ""


class Notice(Event, kw_only=True):
    """What people should know. `level`: info, warning or error."""

    type: ClassVar[str] = "notice"
    level: str = "info"
    message: str = ""
    pipeline: str | None = None


class ReloadFailed(Event, kw_only=True):
    """A changed file does not compile; the old run goes on."""

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
    """The worker is reaped and all it wrote is read. `signal` is a name such as SIGKILL; `errors` counts failures."""

    type: ClassVar[str] = "run_finished"
    status: str
    exit_code: int | None = None
    signal: str | None = None
    duration: float = 0.0
    errors: int = 0


EVENT_TYPES: Mapping[str, type[Event]] = {
    cls.type: cls
    for cls in (
        RunStarted,
        RunStateChanged,
        PipelineSubmitted,
        OperatorStats,
        ServiceStats,
        ServiceCall,
        Output,
        Log,
        Record,
        Trace,
        Failure,
        LeftOut,
        InputRequested,
        Notice,
        ReloadFailed,
        PipelineFinished,
        RunFinished,
    )
}
