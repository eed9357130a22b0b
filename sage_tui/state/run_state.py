"""What is known of a run: a pure fold of its events."""

from __future__ import annotations

import math
from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping
from operator import is_
from typing import Any

from sage_runtime.events import (
    CHANNELS,
    Event,
    Failure,
    InputRequested,
    LeftOut,
    Log,
    Notice,
    OperatorStats,
    Output,
    PipelineFinished,
    PipelineSubmitted,
    Record,
    RunFinished,
    RunStarted,
    RunStateChanged,
    ServiceCall,
    ServiceStats,
    Trace,
    UnknownEvent,
    replace,
)
from sage_runtime.events.kinds import SOURCE_KINDS
from sage_tui.state.bottleneck import bottleneck
from sage_tui.state.failure_log import FailureLog
from sage_tui.state.pipeline_state import ENDED, PipelineState
from sage_tui.state.rates import RunClock
from sage_tui.state.series import Past, Slowest, Span
from sage_tui.state.snapshot import (
    Kept,
    counts,
    event,
    finite,
    many,
    optional,
    part,
    plain_values,
    recent,
    text,
    value,
    whole,
)
from sage_tui.state.views import Bottleneck, Charts, PipelineView, RunView

VERSION = 1
"""The version of `RunState.to_json`, which journals carry."""

MOST_NOTICES = 100
MOST_ENDED = 64
"""Pipelines that have ended are kept up to this number, the latest."""
MOST_EVICTED = 256
"""Names of ended pipelines that are forgotten but for their totals."""
MOST_PIPELINES = 2_000
MOST_PROMPT = 1_000
PHASES = frozenset({"starting", "running", "paused", "stopping"})


class StateError(ValueError):
    """A snapshot that is none, or of another version."""


def _read_pipeline(data: Any) -> PipelineState:
    return PipelineState("", 0.0, 0.0).restore(data)


def _by_id(pipelines: Iterable[PipelineState]) -> dict[str, PipelineState]:
    return {pipeline.id: pipeline for pipeline in pipelines}


class RunState(Kept):
    """A run, folded from its events: counts and journal positions, in bounded memory, however long it runs.

    The same events give an equal state, live or replayed: nothing but the events goes in. Events may come in any
    order, of unknown things, after the end. One thread folds and takes views, or several under one lock.
    """

    KEPT = (
        value("run", whole),
        value("seq", whole),
        part("clock"),
        value("phase", text),
        value("started", optional(event(RunStarted))),
        value("first_t", finite),
        value("last_t", finite),
        value("begin", finite),
        value("finished", optional(event(RunFinished))),
        value("pipelines", many(_read_pipeline, _by_id), write=plain_values),
        value("evicted", many(text, recent(MOST_EVICTED))),
        value("before", counts),
        part("failures"),
        value("faults", whole),
        value("notices", many(event(Notice), recent(MOST_NOTICES))),
        value("lines", counts),
        value("left_out", lambda data: Counter(counts(data))),
        value("unknown_events", whole),
        value("prompt", optional(text)),
        value("prompts", whole),
        part("past"),
        value("_second", whole, key="second"),
        part("slowest", later=True),
    )

    def __init__(self, run: int) -> None:
        self.run = run
        self.seq = -1
        self.clock = RunClock()
        self.phase = "starting"
        self.started: RunStarted | None = None
        self.first_t = 0.0
        self.last_t = 0.0
        self.begin = 0.0
        self.finished: RunFinished | None = None
        self.pipelines: dict[str, PipelineState] = {}
        self.evicted: deque[str] = deque(maxlen=MOST_EVICTED)
        self.before = {"pipelines": 0, "records_failed": 0, "service_errors": 0}
        self.failures = FailureLog()
        self.faults = 0
        self.notices: deque[Notice] = deque(maxlen=MOST_NOTICES)
        self._noticed: tuple[Notice, ...] = ()
        self.lines: dict[str, int] = dict.fromkeys(CHANNELS, 0)
        self.left_out: Counter[str] = Counter()
        self.unknown_events = 0
        self.prompt: str | None = None
        self.prompts = 0
        self.past = Past()
        self.slowest = Slowest()
        self._second = 0
        self._view: RunView | None = None
        self._changed = True

    # --- events in ---------------------------------------------------------------------------------------------------

    def apply(self, event: Event) -> None:
        """Take one event in; never raises on an event that `decode` let through."""
        if self.seq < 0 and self.clock.origin is None:
            self.first_t = event.t
        self.last_t = event.t
        self.seq = event.seq
        self._changed = True
        fold = _FOLDS.get(type(event))
        time = self.clock.tick(event.t)
        if fold is not None:
            fold(self, event, time)

    def _run_started(self, event: RunStarted, time: float) -> None:
        self.started = event
        self.begin = time
        self.first_t = event.t

    def _run_state(self, event: RunStateChanged, time: float) -> None:
        if self.finished is None and event.state in PHASES:
            self.phase = event.state

    def _submitted(self, event: PipelineSubmitted, time: float) -> None:
        pipeline = self.pipelines.get(event.pipeline)
        if pipeline is None:
            if len(self.pipelines) >= MOST_PIPELINES:
                return
            pipeline = self.pipelines[event.pipeline] = PipelineState(event.pipeline, event.t, time)
            self._evict()
        pipeline.submit(event, time)
        self.past.rate.add(time, time, 0)

    def _evict(self) -> None:
        """Forget the oldest ended pipelines beyond `MOST_ENDED`, but for their totals."""
        ended = [pipeline for pipeline in self.pipelines.values() if pipeline.ended]
        for pipeline in ended[: max(0, len(ended) - MOST_ENDED)]:
            del self.pipelines[pipeline.id]
            self.evicted.append(pipeline.id)
            self.before["pipelines"] += 1
            self.before["records_failed"] += sum(operator.errors for operator in pipeline.operators.values())
            self.before["service_errors"] += sum(service.errors for service in pipeline.services.values())

    def _pipeline(self, id_: str, event: Event, time: float) -> PipelineState | None:
        pipeline = self.pipelines.get(id_)
        if pipeline is None and id_ not in self.evicted and len(self.pipelines) < MOST_PIPELINES:
            pipeline = self.pipelines[id_] = PipelineState(id_, event.t, time)
        return pipeline

    def _operator_stats(self, event: OperatorStats, time: float) -> None:
        pipeline = self._pipeline(event.pipeline, event, time)
        if pipeline is None:
            return
        gained = pipeline.apply_operator(event, time)
        operator = pipeline.operators.get(event.operator)
        if gained is not None and operator is not None and operator.stats is not None:
            self.past.rate.add(gained[0], time, gained[1])
            self.past.spacing.note(operator.stats.interval)
        if operator is not None and operator.recent > 0 and operator.info.kind not in SOURCE_KINDS:
            self.past.p95.note(time, operator.recent)  # sources set their own pace
            self.slowest.note(time, event.operator, operator.recent)
        if int(time) > self._second:
            self._second = int(time)
            self.past.queue.note(time, self.in_flight)

    def _service_stats(self, event: ServiceStats, time: float) -> None:
        pipeline = self._pipeline(event.pipeline, event, time)
        if pipeline is not None:
            pipeline.apply_service(event, time)

    def _service_call(self, event: ServiceCall, time: float) -> None:
        self.lines["service_call"] += 1
        pipeline = self.pipelines.get(event.pipeline)
        if pipeline is not None:
            pipeline.called(event.caller, event.service)

    def _output(self, event: Output, time: float) -> None:
        self.lines["output"] += event.text.count("\n") + 1

    def _entry(self, event: Log | Record | Trace, time: float) -> None:
        self.lines[event.type] += 1

    def _failure(self, event: Failure, time: float) -> None:
        position = self.lines["failure"]
        self.lines["failure"] += 1
        self.failures.add(event, position)
        self._blame(event.kind, event.pipeline, event.source, 1, time)

    def _left_out(self, event: LeftOut, time: float) -> None:
        self.left_out[event.what] += event.count
        if event.what == "failure":
            group = self.failures.leave_out(event)
            if group is not None:
                self._blame(group.kind, group.pipeline, group.source, event.count, time)

    def _blame(self, kind: str, pipeline_id: str | None, source: str | None, count: int, time: float) -> None:
        self.past.failed.add(time, time, count)
        if kind in ("script", "worker"):
            self.faults += count
        elif kind == "operator" and pipeline_id in self.pipelines:
            operator = self.pipelines[pipeline_id].operators.get(source or "")
            if operator is not None:
                operator.fail(count)

    def _input_requested(self, event: InputRequested, time: float) -> None:
        self.prompt = event.prompt[:MOST_PROMPT]
        self.prompts += 1

    def _notice(self, event: Notice, time: float) -> None:
        self.lines["notice"] += 1
        self.notices.append(event)
        self._noticed = tuple(self.notices)

    def _pipeline_finished(self, event: PipelineFinished, time: float) -> None:
        pipeline = self._pipeline(event.pipeline, event, time)
        if pipeline is not None:
            pipeline.finish(event)

    def _run_finished(self, event: RunFinished, time: float) -> None:
        self.finished = event
        self.phase = event.status if event.status in ENDED else "failed"
        self.prompt = None
        for pipeline in self.pipelines.values():
            pipeline.give_up(self.phase, time)

    def _unknown(self, event: UnknownEvent, time: float) -> None:
        self.unknown_events += 1

    # --- views out ---------------------------------------------------------------------------------------------------

    @property
    def in_flight(self) -> int:
        """Records in the queues of pipelines that run."""
        return sum(
            operator.stats.queue
            for pipeline in self.pipelines.values()
            if not pipeline.ended
            for operator in pipeline.operators.values()
            if operator.stats is not None
        )

    def view(self, now: float) -> RunView:
        """The run at Unix time `now`; a part that is the same keeps its identity, and so does the whole."""
        time = self.clock.time if self.finished is not None else self.clock.at(now)
        pipelines = tuple([pipeline.view(time) for pipeline in self.pipelines.values()])
        old = self._view
        elapsed = self._elapsed(time)
        if old is not None and _same(pipelines, old.pipelines):
            pipelines = old.pipelines
            if not self._changed and elapsed == old.elapsed:
                return old
        self._view, self._changed = self._new_view(time, elapsed, pipelines), False
        return self._view

    def _elapsed(self, time: float) -> float:
        if self.finished is not None and self.finished.duration > 0:
            return self.finished.duration
        return math.floor((time - self.begin) * 10) / 10

    def _new_view(self, time: float, elapsed: float, pipelines: tuple[PipelineView, ...]) -> RunView:
        started, finished = self.started or RunStarted(), self.finished
        records_failed = self.before["records_failed"] + sum(o.errors for p in pipelines for o in p.operators)
        return RunView(
            run=self.run,
            seq=self.seq,
            phase=self.phase,
            script=started.script,
            python=started.python,
            engine=started.engine,
            reason=started.reason,
            changed=started.changed,
            started=self.first_t,
            elapsed=elapsed,
            exit_code=None if finished is None else finished.exit_code,
            signal=None if finished is None else finished.signal,
            errors=records_failed + self.faults,
            rate=sum(o.rate for p in pipelines for o in p.operators if o.kind in SOURCE_KINDS),
            in_flight=self.in_flight,
            pipelines=pipelines,
            failures=self.failures.view(),
            bottleneck=self._bottleneck(pipelines),
            notices=self._noticed,
            lines=dict(self.lines),
            left_out=dict(self.left_out),
            prompt=self.prompt,
            prompts=self.prompts,
            records_failed=records_failed,
            service_errors=self.before["service_errors"] + sum(s.errors for p in pipelines for s in p.services),
            failures_total=self.failures.total,
            history=self.past.history(math.inf if finished is not None else time),
            pipelines_before=self.before["pipelines"],
            unknown_events=self.unknown_events,
        )

    def _bottleneck(self, pipelines: tuple[PipelineView, ...]) -> Bottleneck | None:
        if self.phase != "running":
            return None
        found = [one for one in map(bottleneck, pipelines) if one is not None]
        return max(found, key=lambda one: one.share) if found else None

    def charts(self, key: str | None, span: Span, now: float) -> Charts | None:
        """The past of an operator or a service (`pipeline/name`), or of the run (None), up to Unix time `now`.

        Of a service's method (`method_key`) only the whole past is known. None where there is no such thing.
        """
        time = math.inf if self.finished is not None else self.clock.at(now)
        if key is None:
            return replace(self.past.charts(span, time), slowest=self.slowest.name(time))
        key, _, method = key.partition("\0")
        for pipeline in self.pipelines.values():
            name = key.removeprefix(f"{pipeline.id}/")
            if name == key:
                continue
            until = math.inf if pipeline.ended else time
            service = pipeline.services.get(name)
            if method:
                called = None if service is None else service.methods.get(method)
                return None if called is None else called.ages.charts(until)
            part = pipeline.operators.get(name) or service
            if part is not None:
                return part.past.charts(span, until)
        return None

    # --- snapshots ---------------------------------------------------------------------------------------------------

    def __eq__(self, other: object) -> bool:
        return self.to_json() == other.to_json() if isinstance(other, RunState) else NotImplemented

    __hash__ = None  # type: ignore[assignment]

    def to_json(self) -> dict[str, Any]:
        """The whole state as JSON values: what a journal's segment begins with."""
        return {"version": VERSION, **super().to_json()}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> RunState:
        """The state that `to_json` described.

        Raises:
            StateError: the data are no such description.
        """
        try:
            version = data["version"]
            if version == VERSION:
                return cls(0).restore(data)
        except (LookupError, TypeError, ValueError, AttributeError, OverflowError) as error:
            raise StateError(f"not a snapshot of a run: {type(error).__name__}: {error}") from error
        raise StateError(f"a snapshot of version {version}, this is version {VERSION}")

    def restore(self, data: Any) -> RunState:
        """Become the state that `to_json` described, but for its version."""
        before, lines = self.before, self.lines
        super().restore(data)
        self.before = {name: self.before[name] for name in before}
        self.lines = lines | self.lines
        self._noticed = tuple(self.notices)
        return self


def _same(new: tuple[PipelineView, ...], old: tuple[PipelineView, ...]) -> bool:
    return len(new) == len(old) and all(map(is_, new, old))


_FOLDS: Mapping[type[Event], Callable[[RunState, Any, float], None]] = {
    RunStarted: RunState._run_started,
    RunStateChanged: RunState._run_state,
    PipelineSubmitted: RunState._submitted,
    OperatorStats: RunState._operator_stats,
    ServiceStats: RunState._service_stats,
    ServiceCall: RunState._service_call,
    Output: RunState._output,
    Log: RunState._entry,
    Record: RunState._entry,
    Trace: RunState._entry,
    Failure: RunState._failure,
    LeftOut: RunState._left_out,
    InputRequested: RunState._input_requested,
    Notice: RunState._notice,
    PipelineFinished: RunState._pipeline_finished,
    RunFinished: RunState._run_finished,
    UnknownEvent: RunState._unknown,
}
