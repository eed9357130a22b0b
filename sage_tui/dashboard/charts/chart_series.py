"""The history of an operator, a service or the run as charts that reach back over earlier runs."""

from __future__ import annotations

from collections.abc import Callable

from sage_runtime.events import replace
from sage_tui.dashboard.charts.plot import ChartPiece, Mark, Plot, PlotStack
from sage_tui.session.protocol import SessionWithHistory
from sage_tui.state import format as fmt
from sage_tui.state.series import Span as TimeSpan
from sage_tui.state.views import Chart, Charts, RunSummary, SessionView

SPANS: tuple[tuple[TimeSpan, str, float], ...] = (
    ("minute", "1 minute", 60.0),
    ("five_minutes", "5 minutes", 300.0),
    ("whole", "the run", 0.0),
)
"""How far back charts go: name, words, seconds (0: to the run's beginning)."""

LONGEST_NAME = 16
"""The most characters of an operator's name in a title."""

EARLIER = 4
"""The most earlier runs that a chart reaches back over."""


class ChartSeries:
    """Makes charts of the shown run and, for the last minutes, of the runs before it. For the dashboard's thread.

    Args:
        in_thread: runs a function on another thread.
    """

    def __init__(self, session: SessionWithHistory, in_thread: Callable[[Callable[[], None]], object]) -> None:
        self._session = session
        self._in_thread = in_thread
        self._earlier: dict[tuple[int, str | None, TimeSpan], Charts | None] = {}
        self._last: tuple[object, PlotStack] | None = None

    def stack(self, view: SessionView, key: str | None, span: TimeSpan) -> PlotStack | None:
        """Rate, 95th percentile and queue; the same object while nothing has changed. None: nothing is known yet."""
        run = view.shown
        charts = self._session.charts(key, span)
        if charts is None:
            return None
        earlier = [] if span == "whole" else self._before(view, key, span, run.started + charts.rate.end)
        known = (run.run, key, span, charts, tuple(earlier), run.failures, len(view.runs))
        if self._last is None or self._last[0] != known:
            self._last = (known, _stack(view, key, span, charts, earlier))
        return self._last[1]

    def _before(
        self, view: SessionView, key: str | None, span: TimeSpan, end: float
    ) -> list[tuple[RunSummary, Charts]]:
        """The charts of earlier runs that reach into the time window; unknown ones are requested."""
        seconds = next(seconds for name, _, seconds in SPANS if name == span)
        runs = [run for run in view.runs if run.run < view.shown.run and run.started + run.duration > end - seconds]
        found = []
        for run in runs[-EARLIER:]:
            at = (run.run, key, span)
            if at not in self._earlier:
                self._earlier[at] = None
                self._in_thread(lambda at=at: self._earlier.__setitem__(at, self._session.run_charts(*at)))  # type: ignore[misc]
            charts = self._earlier[at]
            if charts is not None:
                found.append((run, charts))
        return found


def _piece(started: float, chart: Chart) -> ChartPiece:
    points = chart.points if chart.under_way is None else (*chart.points, chart.under_way)
    return ChartPiece(started + chart.end - len(chart.points) * chart.step, chart.step, points)


def _stack(
    view: SessionView, key: str | None, span: TimeSpan, charts: Charts, earlier: list[tuple[RunSummary, Charts]]
) -> PlotStack:
    run = view.shown
    seconds = next(seconds for name, _, seconds in SPANS if name == span)
    end = run.started + (charts.rate.end if charts.rate.under_way is None else max(charts.rate.end, run.elapsed))
    begin = end - seconds if seconds else run.started
    all_charts = [*((summary.started, past) for summary, past in earlier), (run.started, charts)]
    service = any(one.key == key for pipeline in run.pipelines for one in pipeline.services)
    titles = _titles(key, service, charts.slowest)
    plots: tuple[Plot, ...] = (
        Plot(titles[0], tuple(_piece(started, past.rate) for started, past in all_charts), fmt.rate, "good", mean=True),
        Plot(titles[1], tuple(_piece(started, past.p95) for started, past in all_charts), _duration, "accent"),
        Plot(titles[2], tuple(_piece(started, past.queue) for started, past in all_charts), fmt.count, "source-1"),
    )
    if key is None:
        plots = tuple(plot for plot in plots if plot.title != titles[1] or any(plot.values()))
    if charts.busy.points and not service:
        plots = (*plots, *_shares(charts, run.started))
    words = (f"{fmt.elapsed(end - begin)} ago" if seconds else fmt.clock(begin), "now" if _goes_on(view) else "end")
    marks = [
        *_begun(view),
        *_failed(view, key),
        *(mark for started, past in all_charts for mark in _seen(started, past)),
    ]
    end = max(end, begin + 1)
    return PlotStack(plots, tuple(mark for mark in marks if begin <= mark.t <= end), begin, end, words)


def _titles(key: str | None, service: bool, slowest: str | None) -> tuple[str, str, str]:
    if service:
        return "calls/s", "latency p95", "waiting calls"
    if key is not None:
        return "records/s", "latency p95", "queue"
    name = "operator" if slowest is None else fmt.cut(fmt.clean(slowest), LONGEST_NAME)
    return "records/s of all sources", f"p95 of the slowest: {name}", "queued in all operators"


def _shares(charts: Charts, started: float) -> list[Plot]:
    """How an operator spends its time: working or waiting for services, and blocked; in this run only."""
    load = [min(1.0, busy + waiting) for busy, waiting in zip(charts.busy.points, charts.waiting.points, strict=True)]
    shares = (("load", replace(charts.busy, points=tuple(load)), "good"), ("blocked", charts.blocked, "warn"))
    return [Plot(name, (_piece(started, chart),), fmt.percent, look) for name, chart, look in shares]


def _goes_on(view: SessionView) -> bool:
    return view.shown.phase in ("starting", "running", "paused", "stopping")


def _duration(seconds: float) -> str:
    return fmt.duration(seconds) if seconds > 0 else "0"


def _begun(view: SessionView) -> list[Mark]:
    """Where runs began."""
    return [Mark(run.started, "▲", "accent", line=True, words=f"▲ run {run.run}") for run in view.runs if run.run > 1]


def _failed(view: SessionView, key: str | None) -> list[Mark]:
    """The first and the last time of each group of failures, of the run or of one subject. They are exact."""
    groups = [group for group in view.shown.failures if key in (None, f"{group.pipeline}/{group.source}")]
    return [_failure(t) for group in groups for t in (group.first_t, group.last_t)]


def _seen(started: float, charts: Charts) -> list[Mark]:
    """The bins with failures between those times."""
    piece = _piece(started, charts.errors)
    return [_failure(piece.begin + (i + 0.5) * piece.step) for i, count in enumerate(piece.points) if count > 0]


def _failure(t: float) -> Mark:
    return Mark(t, "✗", "bad", words="✗ failures")
