"""One operator of a run, folded from its stats."""

from __future__ import annotations

import math
from typing import Any

from sage_runtime.events import OperatorInfo, OperatorStats, from_fields, replace
from sage_tui.state.rates import RateMeter
from sage_tui.state.sanitize import event_from_json, event_to_json, fields_of, sound_operator, whole
from sage_tui.state.series import Past
from sage_tui.state.shares import ShareHistory
from sage_tui.state.views import OperatorView

LOADED = 0.7
"""The share of its time from which an operator may be a bottleneck."""

AT_REST = 0.05
"""The share of its time below which an operator has nothing to do."""

BLOCKED = 0.1
"""The share of its time from which an upstream operator counts as blocked."""

SHARES = ("paused", "busy", "waiting", "idle", "blocked", "cpu")
"""The fields of stats and views that say how an operator spends its time."""

ENDED = frozenset({"finished", "failed", "stopped"})
"""States and statuses that nothing follows."""


class OperatorState:
    """Totals, rates and the recent past of one operator. `pressure` counts samples under load, 3 at most."""

    __slots__ = (
        "_dirty",
        "_second",
        "_settled",
        "_view",
        "failures",
        "info",
        "meter_in",
        "meter_out",
        "past",
        "pipeline",
        "pressed",
        "pressure",
        "recent",
        "services",
        "shares",
        "stats",
    )

    def __init__(self, pipeline: str, info: OperatorInfo) -> None:
        self.pipeline = pipeline
        self.info = info
        self.stats: OperatorStats | None = None
        self.meter_in = RateMeter()
        self.meter_out = RateMeter()
        self.past = Past()
        self.shares = ShareHistory()
        self.services: dict[str, None] = {}
        self.failures = 0
        self.pressure = 0
        self.pressed = False
        self.recent = 0.0
        """The 95th percentile of the last second, with the stats that end it, else 0."""
        self._view: OperatorView | None = None
        self._dirty = True
        self._second = -1.0
        self._settled = False

    @property
    def errors(self) -> int:
        """Records that failed: by its stats, or by its failures where those came first."""
        return max(self.failures, self.stats.errors if self.stats is not None else 0)

    @property
    def blocked(self) -> bool:
        """Whether it spends time waiting for room in its output."""
        return self.stats is not None and self.stats.blocked >= BLOCKED

    def begin(self, time: float) -> None:
        """Its totals are 0 at `time`, when its pipeline was submitted."""
        self.meter_in.add(time, 0)
        self.meter_out.add(time, 0)
        self.past.rate.add(time, time, 0)

    def describe(self, info: OperatorInfo) -> None:
        """Take in what it is."""
        self.info = info
        self._dirty = True

    def apply(self, stats: OperatorStats, time: float, *, upstream_blocked: bool) -> tuple[float, int]:
        """Take its stats in, and whether an operator before it is blocked.

        Returns:
            Since when, in the run's time, it has put out how many more records.
        """
        self._dirty = True
        self.stats = stats = sound_operator(stats)
        self.past.spacing.note(stats.interval)
        begin_in, gained_in = self.meter_in.add(time, stats.records_in, stats.interval)
        begin_out, gained_out = self.meter_out.add(time, stats.records_out, stats.interval)
        if self.info.kind == "sink":
            self.past.rate.add(begin_in, time, gained_in)
        else:
            self.past.rate.add(begin_out, time, gained_out)
        self.recent = self.past.note(time, stats.queue, stats.latency)
        self.past.fail(time, self.errors)
        shares = (stats.busy, stats.waiting, stats.idle, stats.blocked, stats.cpu)
        pieces = self.shares.add(time, stats.paused, shares, stats.interval)
        for begin, end, paused, (busy, waiting, _, blocked, _) in pieces:
            active = 1.0 - paused
            self.past.spend(begin, end, busy * active, waiting * active, blocked * active)
        self._feel_pressure(stats, upstream_blocked)
        return begin_out, gained_out

    def _feel_pressure(self, stats: OperatorStats, upstream_blocked: bool) -> None:
        piling_up = upstream_blocked or 0 < stats.queue_capacity < 2 * stats.queue
        if stats.state in ENDED or stats.busy + stats.waiting < AT_REST:
            self.pressure = 0  # nothing more may be heard of one that rests: stats that say the same are not sent
        elif stats.busy + stats.waiting >= LOADED and piling_up:
            self.pressure = min(3, self.pressure + 1)
        else:
            self.pressure = max(0, self.pressure - 1)
        self.pressed = self.pressure >= 2 or (self.pressed and self.pressure > 0)

    def fail(self, count: int) -> None:
        """Count failures of its records."""
        self.failures += count
        self._dirty = True

    def calls(self, service: str) -> None:
        """Take in that it calls a service."""
        if service not in self.services:
            self.services[service] = None
            self._dirty = True

    def end(self) -> None:
        """Its pipeline has ended."""
        self._dirty = True

    def view(self, now: float, ended: bool) -> OperatorView:
        """What to show at the run's time `now` (infinity: when all is over); the same object while that is the same."""
        second, settled = self.past.second(now), self.shares.settled(now)
        view = self._view
        if view is not None and not self._dirty:
            if view.rate == view.rate_in == 0.0 and second == self._second and settled and self._settled:
                return view
            rate_in, rate_out = self.meter_in.rate(now), self.meter_out.rate(now)
            rate = rate_in if self.info.kind == "sink" else rate_out
            shares = self._shares(now)
            history = view.history if second == self._second else self.past.history(now)
            self._second = second
            self._settled = settled
            if rate == view.rate and rate_in == view.rate_in and history == view.history and shares == _shares_of(view):
                return view
            view = replace(view, rate=rate, rate_in=rate_in, history=history, **shares)
        else:
            view = self._new_view(now, ended)
        self._view, self._dirty, self._second, self._settled = view, False, second, settled
        return view

    def _new_view(self, now: float, ended: bool) -> OperatorView:
        info, stats = self.info, self.stats or OperatorStats(pipeline="", operator="", state="starting")
        rate_in = self.meter_in.rate(now)
        return OperatorView(
            key=f"{self.pipeline}/{info.id}",
            pipeline=self.pipeline,
            id=info.id,
            name=info.name or info.id,
            kind=info.kind,
            class_=info.class_,
            parallelism=info.parallelism,
            file=info.file,
            line=info.line,
            state="stopped" if ended and stats.state not in ENDED else stats.state,
            records_in=stats.records_in,
            records_out=stats.records_out,
            errors=self.errors,
            rate=rate_in if info.kind == "sink" else self.meter_out.rate(now),
            rate_in=rate_in,
            history=self.past.history(now),
            queue=stats.queue,
            queue_capacity=stats.queue_capacity,
            **self._shares(now),
            latency=stats.latency,
            replicas=stats.replicas,
            services=tuple(self.services),
            incomplete=stats.incomplete,
            pressed=self.pressed and not ended,
        )

    def _shares(self, now: float) -> dict[str, float]:
        """How it has spent the last seconds; its last words when all is over."""
        found = self.shares.mean(now) if now < math.inf else None
        if found is None:
            stats = self.stats or OperatorStats(pipeline="", operator="", state="starting")
            return {name: getattr(stats, name) for name in SHARES}
        paused, shares = found
        return dict(zip(SHARES, (paused, *shares), strict=True))

    def to_json(self) -> dict[str, Any]:
        """The operator as plain data."""
        return {
            "info": fields_of(self.info),
            "stats": None if self.stats is None else event_to_json(self.stats),
            "in": self.meter_in.to_json(),
            "out": self.meter_out.to_json(),
            "past": self.past.to_json(),
            "shares": self.shares.to_json(),
            "services": list(self.services),
            "failures": self.failures,
            "pressure": self.pressure,
            "pressed": self.pressed,
        }

    @classmethod
    def from_json(cls, pipeline: str, data: dict[str, Any]) -> OperatorState:
        """The operator that `to_json` described."""
        state = cls(pipeline, from_fields(OperatorInfo, data["info"]))
        if data["stats"] is not None:
            state.stats = event_from_json(data["stats"], OperatorStats)
        state.meter_in = RateMeter.from_json(data["in"])
        state.meter_out = RateMeter.from_json(data["out"])
        state.past = Past.from_json(data["past"])
        state.shares = ShareHistory.from_json(data.get("shares", []))  # not kept by earlier versions
        state.services = dict.fromkeys(data["services"])
        state.failures, state.pressure = whole(data["failures"]), whole(data["pressure"])
        state.pressed = data["pressed"] is True
        return state


def _shares_of(view: OperatorView) -> dict[str, float]:
    return {name: getattr(view, name) for name in SHARES}
