"""How each operator, service and method does against the run before at the same age."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

from sage_runtime.frozen import Frozen
from sage_tui.dashboard.base.strips import Span as Text
from sage_tui.state import format as fmt
from sage_tui.state.comparison import NO_CHANGE, Change, change_at
from sage_tui.state.series import Span
from sage_tui.state.views import Charts, RunView, ServiceView, SessionView, method_key

TRIED = 6
"""Earlier runs that are looked at for one to compare with."""

TELLING = 8.0
"""Seconds that such a run has gone on; of those that were all shorter it is the longest."""

MOST_KEYS = 300
"""Operators and services that are compared."""


class RunSource(Protocol):
    """What comparisons need of a session. All but `charts` takes a moment."""

    def charts(self, key: str | None, span: Span) -> Charts | None:
        """The past in the shown run."""
        ...

    def run_charts(self, run: int, key: str | None, span: Span) -> Charts | None:
        """The past in any run."""
        ...

    def run_view(self, run: int) -> RunView | None:
        """A run as it is, or was in the end."""
        ...


class Changes(Frozen):
    """What differs from run `run` (None: there is nothing to compare with), by key of operator or service."""

    run: int | None
    by_key: Mapping[str, Change]


NOTHING = Changes(None, {})


class Baselines:
    """Compares the shown run with the one before. The dashboard's thread uses it.

    Args:
        source: the session.
        aside: has a function called on another thread.
    """

    def __init__(self, source: RunSource, aside: Callable[[Callable[[], None]], object]) -> None:
        self._source = source
        self._aside = aside
        self._asked = 0
        self._before: tuple[int, int, Mapping[str, Charts]] | None = None
        self._at: tuple[int, int, int] | None = None
        self._changes = NOTHING

    def changes(self, view: SessionView) -> Changes:
        """What differs now; the identical object while nothing changed."""
        run = view.shown
        if self._asked != run.run:
            self._asked, self._before, self._changes = run.run, None, NOTHING
            earlier = [one.run for one in view.runs if one.run < run.run][-TRIED:]
            if earlier:
                self._aside(lambda: self._read(run.run, earlier))
        before = self._before
        if before is None or before[0] != run.run:
            return self._changes
        at = (run.run, int(run.elapsed), len(run.pipelines))
        if at != self._at:
            self._at = at
            found = Changes(before[1], self._compare(run, before[2]))
            if found != self._changes:
                self._changes = found
        return self._changes

    def _read(self, run: int, earlier: list[int]) -> None:
        """On another thread: the past of the latest earlier run with a pipeline that has gone on for a while."""
        best: RunView | None = None
        for number in reversed(earlier):
            view = self._source.run_view(number)
            if view is not None and view.pipelines and (best is None or view.elapsed > best.elapsed):
                best = view
                if view.elapsed >= TELLING:
                    break
        if best is not None:
            pasts = {key: self._source.run_charts(best.run, key, "whole") for key in keys_of(best)}
            self._before = run, best.run, {key: past for key, past in pasts.items() if past is not None}

    def _compare(self, run: RunView, before: Mapping[str, Charts]) -> Mapping[str, Change]:
        found = {}
        for key in keys_of(run):
            old, now = before.get(key), self._source.charts(key, "whole")
            if old is None or now is None:
                continue
            differs = change_at(now, old, now.rate.end)
            if differs is not NO_CHANGE:
                found[key] = differs
        return found


def keys_of(run: RunView) -> list[str]:
    """The operators and services of a run, and the methods of services that have several."""
    keys = []
    for pipeline in run.pipelines:
        keys += [operator.key for operator in pipeline.operators]
        for service in pipeline.services:
            methods = service.methods if len(service.methods) > 1 else ()
            keys += [service.key, *(method_key(service.key, method.method) for method in methods)]
    return keys[:MOST_KEYS]


def change_of(changes: Changes, service: ServiceView, method: str) -> Change:
    """How a method differs; the only one of a service is the service."""
    key = service.key if len(service.methods) <= 1 else method_key(service.key, method)
    return changes.by_key.get(key, NO_CHANGE)


def share_span(share: float | None, *, more_is_good: bool = True) -> Text:
    """`▲ 12%` or `▼ 8%`; nothing where nothing changed."""
    if share is None:
        return Text("")
    percent = min(9999, round(abs(share) * 100))
    return Text(f"{'▲' if share > 0 else '▼'} {percent}%", "good" if (share > 0) is more_is_good else "warn")


def change_span(found: Change) -> Text:
    """The change that matters most, in nine cells: new failures, the rate, else the 95th percentile."""
    if found.errors > 0:
        return Text(f"✗ +{fmt.count(found.errors)}", "bad")
    if found.rate is not None:
        return share_span(found.rate)
    if found.p95 is not None:
        text, look = share_span(found.p95, more_is_good=False)
        return Text(f"p95 {text.replace(' ', '')}", look)
    return Text(f"✗ -{fmt.count(-found.errors)}", "good") if found.errors else Text("")


def change_spans(found: Change, width: int) -> list[Text]:
    """All that changed, as far as there is room: failures, rate, 95th percentile; filled to `width` cells."""
    parts = [change_span(Change(errors=found.errors)), change_span(Change(rate=found.rate))]
    parts.append(change_span(Change(p95=found.p95)))
    spans: list[Text] = []
    room = width
    for part in parts:
        needed = fmt.cell_len(part.text) + (2 if spans else 0)
        if part.text and needed <= room:
            spans += [Text("  "), part] if spans else [part]
            room -= needed
    return [*spans, Text(" " * room)]
