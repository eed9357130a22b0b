"""What is known of a run: a pure fold of its events."""

from __future__ import annotations

import math
from collections import Counter, deque
from collections.abc import Callable, Mapping
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
from sage_tui.state.operator_state import ENDED
from sage_tui.state.pipeline_state import PipelineState
from sage_tui.state.run_clock import RunClock
from sage_tui.state.sanitize import event_from_json, event_to_json, finite, seconds, text, total, whole
from sage_tui.state.series import Past, Span
from sage_tui.state.slowest import Slowest
from sage_tui.state.views import Bottleneck, Charts, PipelineView, RunView

VERSION = 1
"""The version of `RunState.to_json`, which journals carry."""

MOST_NOTICES = 100
MOST_ENDED = 64
"""Pipelines that have ended are kept up to this number, the latest."""
MOST_PIPELINES = 2_000
MOST_PROMPT = 1_000
PHASES = frozenset({"starting", "running", "paused", "stopping"})


class StateError(ValueError):
    """A snapshot that is none, or of another version."""


class RunState:
    """A run, folded from its events: counts and journal positions, in bounded memory, however long it runs.

    The same events give an equal state, live or replayed: nothing but the events goes in. Events may come in any
    order, of unknown things, after the end. One thread folds and takes views, or several under one lock.
    """

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
        self.evicted: deque[str] = deque(maxlen=256)
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
            self.first_t = self.last_t = event.t if math.isfinite(event.t) else 0.0
        if not math.isfinite(event.t):
            event = replace(event, t=self.last_t)
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
        count = total(event.count)
        self.left_out[event.what] += count
        if event.what == "failure":
            group = self.failures.leave_out(event)
            if group is not None:
                self._blame(group.kind, group.pipeline, group.source, count, time)

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
        self.finished = replace(event, duration=seconds(event.duration))
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
                ages = None if service is None else service.ages.get(method)
                return None if ages is None else ages.charts(until)
            part = pipeline.operators.get(name) or service
            if part is not None:
                return part.past.charts(span, until)
        return None

    # --- snapshots ---------------------------------------------------------------------------------------------------

    def __eq__(self, other: object) -> bool:
        return self.to_json() == other.to_json() if isinstance(other, RunState) else NotImplemented

    __hash__ = None  # type: ignore[assignment]

    def to_json(self) -> dict[str, Any]:
        """The whole state as plain data: what a journal's segment begins with."""
        return {
            "version": VERSION,
            "run": self.run,
            "seq": self.seq,
            "clock": self.clock.to_json(),
            "phase": self.phase,
            "started": None if self.started is None else event_to_json(self.started),
            "first_t": self.first_t,
            "last_t": self.last_t,
            "begin": self.begin,
            "finished": None if self.finished is None else event_to_json(self.finished),
            "pipelines": [pipeline.to_json() for pipeline in self.pipelines.values()],
            "evicted": list(self.evicted),
            "before": dict(self.before),
            "failures": self.failures.to_json(),
            "faults": self.faults,
            "notices": [event_to_json(notice) for notice in self.notices],
            "lines": dict(self.lines),
            "left_out": dict(self.left_out),
            "unknown_events": self.unknown_events,
            "prompt": self.prompt,
            "prompts": self.prompts,
            "past": self.past.to_json(),
            "second": self._second,
            "slowest": self.slowest.to_json(),
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> RunState:
        """The state that `to_json` described.

        Raises:
            StateError: the data are no such description.
        """
        try:
            return cls._restored(data)
        except (LookupError, TypeError, ValueError, AttributeError, OverflowError) as error:
            raise StateError(f"not a snapshot of a run: {type(error).__name__}: {error}") from error

    @classmethod
    def _restored(cls, data: Mapping[str, Any]) -> RunState:
        if data["version"] != VERSION:
            raise StateError(f"a snapshot of version {data['version']}, this is version {VERSION}")
        state = cls(whole(data["run"]))
        state.seq, state.phase, state.begin = whole(data["seq"]), text(data["phase"]), finite(data["begin"])
        state.first_t, state.last_t = finite(data["first_t"]), finite(data["last_t"])
        state.clock = RunClock.from_json(data["clock"])
        if data["started"] is not None:
            state.started = event_from_json(data["started"], RunStarted)
        if data["finished"] is not None:
            state.finished = event_from_json(data["finished"], RunFinished)
        for part in data["pipelines"]:
            pipeline = PipelineState.from_json(part)
            state.pipelines[pipeline.id] = pipeline
        state.evicted.extend(map(text, data["evicted"]))
        state.before = {name: whole(data["before"][name]) for name in state.before}
        state.failures = FailureLog.from_json(data["failures"])
        state.faults = whole(data["faults"])
        state.notices.extend(event_from_json(notice, Notice) for notice in data["notices"])
        state._noticed = tuple(state.notices)
        state.lines |= {text(channel): whole(count) for channel, count in data["lines"].items()}
        state.left_out.update({text(what): whole(count) for what, count in data["left_out"].items()})
        state.unknown_events, state.prompts = whole(data["unknown_events"]), whole(data["prompts"])
        state.prompt = None if data["prompt"] is None else text(data["prompt"])
        state.past, state._second = Past.from_json(data["past"]), whole(data["second"])
        if "slowest" in data:  # recordings made before it was noted
            state.slowest = Slowest.from_json(data["slowest"])
        return state


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
