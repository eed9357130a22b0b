"""The immutable views of a run that the dashboard and the summary draw; `RunState.view` makes them.

Rates are records (or calls) a second over the last second or two; shares lie between 0 and 1; durations are seconds.
An unchanged part keeps its identity from one view to the next, so a widget may skip its redraw by `is`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from sage_runtime.events import EdgeInfo, Latency, Notice, ReloadFailed, ReplicaStats, replace
from sage_runtime.frozen import Frozen

NO_LATENCY = Latency()
"""The distribution of nothing."""


class OperatorView(Frozen):
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
    pressed: bool = False
    """Busy or waiting most of the time while its input piles up, for two samples at least: see `bottleneck`."""


class MethodView(Frozen):
    """One method of a service. `callers` counts calls by operator or service id."""

    method: str
    calls: int
    errors: int
    rate: float
    in_flight: int
    waiting: int
    latency: Latency
    callers: Mapping[str, int]


class ServiceView(Frozen):
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
    services: tuple[str, ...] = ()
    """The names of the services that it has called itself."""


class PipelineView(Frozen):
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


class FailureGroup(Frozen):
    """All failures of one source, type and place: `count` is exact, the rest is of the latest one that was sent.

    `positions` are entries of the journal's failure channel (the first three and the last seven); `sent` counts those
    that came with record and traceback. At most 500 groups are kept; a last one with `kind` "other" holds the rest.
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


class Bottleneck(Frozen):
    """The operator (or the service that it waits for) that limits a pipeline, and why, in a few words."""

    pipeline: str
    operator: str
    service: str | None
    share: float
    reason: str


class RunView(Frozen):
    """One run at one moment.

    `phase`: starting, running, paused, stopping, finished, failed or stopped. `elapsed` runs while the run does.
    `rate` is records a second out of all sources. `in_flight` counts records that have left a source and not yet
    been dealt with, by queue depths. `lines` counts the entries of each journal channel: output, log, service_call,
    failure, notice, record, trace. `left_out` counts events by kind that were only counted. `prompt` is the latest
    that `input()` asked with, `prompts` how often it has asked: whoever has answered the nth shows it no longer.

    `errors` counts failed records (exact) and failures of the script or the worker; errors of service calls, which a
    script may well have caught, are `service_errors`; `failures_total` counts failures of every kind. `pipelines` are
    those that run and the latest that have ended; `pipelines_before` counts older ones, whose records failed are in
    `errors` still.
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
    prompts: int = 0
    records_failed: int = 0
    service_errors: int = 0
    failures_total: int = 0
    history: tuple[float, ...] = ()
    """`rate` in each of the last 60 seconds, oldest first."""
    pipelines_before: int = 0
    unknown_events: int = 0


class RunSummary(Frozen):
    """A past or present run of the session, in one line.

    `version` counts the states of the script's files, from 1; 0 where they aren't known. `records` is the sum of what
    the sources put out.
    """

    run: int
    reason: str
    changed: tuple[str, ...]
    phase: str
    started: float
    duration: float
    errors: int
    version: int = 0
    records: int = 0
    exit_code: int | None = None
    signal: str | None = None


class Chart(Frozen):
    """One quantity over time, oldest first: `step` seconds between `points`, the last of them at `end`.

    Times are seconds since the run's first event. `under_way` is the point of the step that begins at `end`, as far as
    it has come; None while that is little, or as good as nothing is missing without it.
    """

    step: float
    end: float
    points: tuple[float, ...]
    under_way: float | None = None


NO_CHART = Chart(1.0, 0.0, ())
"""The past of what nobody has noted."""


class Charts(Frozen):
    """The past of an operator, a service or the whole run, over the last minute, five minutes or the run.

    `rate` is records or calls a second, `queue` the deepest queue (of callers that wait, for a service) and `p95` the
    95th percentile in seconds of what was timed in each step, `errors` failures a second. Of the whole run these are
    the records out of all sources, those in all queues, and the 95th percentile of whichever operator but the sources
    was slowest in each step; `slowest` is the id of the one that was so in the last. `busy`, `waiting` and `blocked`
    are an operator's shares of time, known for the last minute only.
    """

    rate: Chart
    queue: Chart
    p95: Chart
    errors: Chart = NO_CHART
    busy: Chart = NO_CHART
    waiting: Chart = NO_CHART
    blocked: Chart = NO_CHART
    slowest: str | None = None


class ReplayView(Frozen):
    """A recording that can be moved through. Times are Unix seconds.

    `begin` and `end` are those of the run, `moment` is what is shown: the run as it was then. `runs` are the numbers of
    the runs that can be chosen. `epoch` grows with every step back or to another run: what was read before is no
    longer past. `marks` are the times of failures, `damage` says in sentences what could not be read.
    """

    begin: float
    end: float
    moment: float
    playing: bool = False
    speed: float = 1.0
    runs: tuple[int, ...] = ()
    epoch: int = 0
    marks: tuple[float, ...] = ()
    damage: tuple[str, ...] = ()
    skips: int = 0
    skipped: float = 0.0
    """How often time in which nothing happened was left out in playing, and how many seconds the last time."""


class SessionView(Frozen):
    """What the dashboard shows of a session: the current run and what surrounds it.

    `shown` is the run on the screen: the current one, or the last that submitted a pipeline while the current one has
    failed before it did. `watching` counts watched files, 0 when nothing is watched. `reload_error` is the syntax
    error that keeps the old run going. `live` is false for a replay, and `replay` says where one is that can be moved
    through. `held` is true while the display alone stands still.
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
    replay: ReplayView | None = None
    held: bool = False


def method_key(service: str, method: str) -> str:
    """The key of a method's past, as `SessionWithHistory.charts` takes it; `service` is the key of its service."""
    return f"{service}\0{method}"


# --- figures that stand still long enough to be read ----------------------------------------------------------------


def steady(new: SessionView, shown: SessionView) -> SessionView:
    """The new view with the figures of the one on the screen, unless more than figures of a running pipeline changed.

    Lines, failures, notices, states and the clock's seconds are always the new ones. Where all of that is as it was,
    it is the very view that is on the screen.
    """
    run, old = new.current, shown.current
    if new.shown is not run or shown.shown is not old or run.run != old.run or len(new.runs) != len(shown.runs):
        return new
    if new.replay is not None or run.phase != "running" or old.phase != "running" or not _alike(run, old):
        return new
    held = replace(
        run,
        seq=old.seq,
        elapsed=old.elapsed if int(run.elapsed) == int(old.elapsed) else run.elapsed,
        in_flight=old.in_flight,
        pipelines=old.pipelines,
        rate=old.rate,
        history=old.history,
        bottleneck=old.bottleneck,
    )
    if held == old:
        held = old
    view = replace(new, current=held, shown=held, runs=shown.runs)
    return shown if view == shown else view


def _alike(run: RunView, old: RunView) -> bool:
    """Whether the same parts are in the same states."""
    return len(run.pipelines) == len(old.pipelines) and all(
        pipeline is before or _same_parts(pipeline, before)
        for pipeline, before in zip(run.pipelines, old.pipelines, strict=True)
    )


def _same_parts(pipeline: PipelineView, before: PipelineView) -> bool:
    if pipeline.status != before.status or pipeline.edges is not before.edges:
        return False
    return list(_parts(pipeline)) == list(_parts(before))


def _parts(pipeline: PipelineView) -> Iterator[tuple[str, str | int, tuple[str, ...]]]:
    for operator in pipeline.operators:
        yield operator.id, operator.state, operator.services
    for service in pipeline.services:
        yield service.name, len(service.methods), service.services
