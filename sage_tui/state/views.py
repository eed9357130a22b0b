"""The immutable views of a run that the dashboard and the summary draw; `RunState.view` makes them.

Rates are records (or calls) a second over the last second or two; shares lie between 0 and 1; durations are seconds.
An unchanged part keeps its identity from one view to the next, so a widget may skip its redraw by `is`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sage_runtime.events import EdgeInfo, Latency, Notice, ReloadFailed, ReplicaStats

NO_LATENCY = Latency()
"""The distribution of nothing."""


@dataclass(frozen=True, slots=True)
class OperatorView:
    """One operator: what it is, its totals, how it spends its time, and the recent past of its rate.

    `key` is `pipeline/id`. `rate` counts records out a second (in, for a sink); `history` holds one rate for each
    second or so, oldest first, 60 at most. `services` are the names of those it has called.
    """

    key: str
    pipeline: str
    id: str
    name: str
    kind: str
    class_: str
    parallelism: int
    file: str | None
    line: int | None
    state: str = "starting"
    records_in: int = 0
    records_out: int = 0
    errors: int = 0
    rate: float = 0.0
    rate_in: float = 0.0
    history: tuple[float, ...] = ()
    queue: int = 0
    queue_capacity: int = 0
    busy: float = 0.0
    waiting: float = 0.0
    idle: float = 0.0
    blocked: float = 0.0
    paused: float = 0.0
    cpu: float = 0.0
    latency: Latency = NO_LATENCY
    replicas: tuple[ReplicaStats, ...] = ()
    services: tuple[str, ...] = ()
    incomplete: bool = False


@dataclass(frozen=True, slots=True)
class MethodView:
    """One method of a service. `callers` counts calls by operator or service id."""

    method: str
    calls: int
    errors: int
    rate: float
    in_flight: int
    waiting: int
    latency: Latency
    callers: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class ServiceView:
    """One service: its methods and their sum. `latency` merges the methods' buckets."""

    key: str
    pipeline: str
    name: str
    class_: str
    file: str | None
    line: int | None
    calls: int = 0
    errors: int = 0
    rate: float = 0.0
    in_flight: int = 0
    waiting: int = 0
    latency: Latency = NO_LATENCY
    callers: Mapping[str, int] | None = None
    methods: tuple[MethodView, ...] = ()
    history: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class PipelineView:
    """One submitted pipeline. `status`: running, finished, failed or stopped."""

    id: str
    name: str
    era: int
    status: str
    started: float
    duration: float | None
    operators: tuple[OperatorView, ...]
    edges: tuple[EdgeInfo, ...]
    services: tuple[ServiceView, ...]


@dataclass(frozen=True, slots=True)
class FailureGroup:
    """All failures of one source, type and place: `count` is exact, the rest is of the latest one that was sent.

    `line_numbers` are positions in the journal's failure channel (the first and the last few).
    """

    group: str
    pipeline: str | None
    source: str | None
    kind: str
    exception: str
    message: str
    file: str | None
    line: int | None
    count: int
    first_t: float
    last_t: float
    sent: int
    positions: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Bottleneck:
    """The operator (or the service that it waits for) that limits a pipeline, and why, in a few words."""

    pipeline: str
    operator: str
    service: str | None
    share: float
    reason: str


@dataclass(frozen=True, slots=True)
class RunView:
    """One run at one moment.

    `phase`: starting, running, paused, stopping, finished, failed or stopped. `elapsed` runs while the run does.
    `rate` is records a second out of all sources. `in_flight` counts records that have left a source and not yet
    been dealt with, by queue depths. `lines` counts the entries of each journal channel: output, log, service_call,
    failure, notice. `left_out` counts events by kind that were only counted. `prompt` is set while `input()` waits.
    """

    run: int
    seq: int
    phase: str
    script: str
    python: str
    engine: str
    reason: str
    changed: tuple[str, ...]
    started: float
    elapsed: float
    exit_code: int | None
    signal: str | None
    errors: int
    rate: float
    in_flight: int
    pipelines: tuple[PipelineView, ...]
    failures: tuple[FailureGroup, ...]
    bottleneck: Bottleneck | None
    notices: tuple[Notice, ...]
    lines: Mapping[str, int]
    left_out: Mapping[str, int]
    prompt: str | None


@dataclass(frozen=True, slots=True)
class RunSummary:
    """A past or present run of the session, in one line."""

    run: int
    reason: str
    changed: tuple[str, ...]
    phase: str
    started: float
    duration: float
    errors: int


@dataclass(frozen=True, slots=True)
class SessionView:
    """What the dashboard shows of a session: the current run and what surrounds it.

    `shown` is the run on the screen: the current one, or the last that submitted a pipeline while the current one has
    failed before it did. `watching` counts watched files, 0 when nothing is watched. `reload_error` is the syntax
    error that keeps the old run going. `live` is false for a replay. `first_line_kept` tells from where the journal
    can still be scrolled, by channel.
    """

    script: str
    folder: str
    live: bool
    current: RunView
    shown: RunView
    runs: tuple[RunSummary, ...]
    watching: int
    watch_paused: str | None
    reload_error: ReloadFailed | None
    reloading: bool
