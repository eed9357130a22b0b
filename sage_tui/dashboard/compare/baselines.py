"""How each operator, service and method compares with the previous run at the same age."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Generic

from sage_runtime.frozen import Frozen
from sage_tui.dashboard.base.strips import Span
from sage_tui.dashboard.base.table import Column, Row, Table
from sage_tui.session.protocol import SessionWithHistory
from sage_tui.state import format as fmt
from sage_tui.state.comparison import NO_CHANGE, Change, change_at
from sage_tui.state.views import Charts, RunView, ServiceView, SessionView, method_key

TRIED = 6
"""How many earlier runs are considered for the comparison."""

TELLING = 8.0
"""Seconds that the run should have lasted; if all were shorter, the longest one is taken."""

MOST_KEYS = 300
"""The most operators and services that are compared."""


class Changes(Frozen):
    """What differs from run `run`, by key of operator or service. `run` is None if there is nothing to compare with."""

    run: int | None
    by_key: Mapping[str, Change]


NOTHING = Changes(None, {})


class Baselines:
    """Compares the shown run with the previous one. For the dashboard's thread.

    Args:
        in_thread: runs a function on another thread.
    """

    def __init__(self, session: SessionWithHistory, in_thread: Callable[[Callable[[], None]], object]) -> None:
        self._session = session
        self._in_thread = in_thread
        self._asked = 0
        self._before: tuple[int, int, Mapping[str, Charts]] | None = None
        self._at: tuple[int, int, int] | None = None
        self._changes = NOTHING

    def changes(self, view: SessionView) -> Changes:
        """What differs now; the same object while nothing has changed."""
        run = view.shown
        if self._asked != run.run:
            self._asked, self._before, self._changes = run.run, None, NOTHING
            earlier = [one.run for one in view.runs if one.run < run.run][-TRIED:]
            if earlier:
                self._in_thread(lambda: self._read(run.run, earlier))
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
        """On another thread: read the latest earlier run that had a pipeline and lasted for a while."""
        best: RunView | None = None
        for number in reversed(earlier):
            view = self._session.run_view(number)
            if view is not None and view.pipelines and (best is None or view.elapsed > best.elapsed):
                best = view
                if view.elapsed >= TELLING:
                    break
        if best is not None:
            pasts = {key: self._session.run_charts(best.run, key, "whole") for key in keys_of(best)}
            self._before = run, best.run, {key: past for key, past in pasts.items() if past is not None}

    def _compare(self, run: RunView, before: Mapping[str, Charts]) -> Mapping[str, Change]:
        found = {}
        for key in keys_of(run):
            old, now = before.get(key), self._session.charts(key, "whole")
            if old is None or now is None:
                continue
            differs = change_at(now, old, now.rate.end)
            if differs is not NO_CHANGE:
                found[key] = differs
        return found


class ChangesColumn(Generic[Row]):
    """A column of changes against the previous run, which a table has while there is one."""

    def __init__(self, table: Table[Row], at: int, column: Callable[[str], Column[Row]]) -> None:
        self._table, self._columns = table, table.columns
        self._at, self._column = at, column
        self.changes = NOTHING

    def show(self, changes: Changes) -> None:
        """Show these changes; `column` makes the column for its title."""
        if changes is self.changes:
            return
        if changes.run != self.changes.run:
            extra = () if changes.run is None else (self._column(f"vs #{changes.run}"),)
            self._table.set_columns((*self._columns[: self._at], *extra, *self._columns[self._at :]))
        self.changes = changes
        self._table.refresh()


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
    """How a method differs; a service's only method stands for the service."""
    key = service.key if len(service.methods) <= 1 else method_key(service.key, method)
    return changes.by_key.get(key, NO_CHANGE)


def share_span(share: float | None, *, more_is_good: bool = True) -> Span:
    """`▲ 12%` or `▼ 8%`; empty if nothing changed."""
    if share is None:
        return Span("")
    percent = min(9999, round(abs(share) * 100))
    return Span(f"{'▲' if share > 0 else '▼'} {percent}%", "good" if (share > 0) is more_is_good else "warn")


def change_span(found: Change) -> Span:
    """The most important change, in nine cells: new failures, the rate, else the 95th percentile."""
    if found.errors > 0:
        return Span(f"✗ +{fmt.count(found.errors)}", "bad")
    if found.rate is not None:
        return share_span(found.rate)
    if found.p95 is not None:
        text, look = share_span(found.p95, more_is_good=False)
        return Span(f"p95 {text.replace(' ', '')}", look)
    return Span(f"✗ -{fmt.count(-found.errors)}", "good") if found.errors else Span("")


def change_spans(found: Change, width: int) -> list[Span]:
    """All changes for which there is room: failures, rate, 95th percentile; filled to `width` cells."""
    parts = [change_span(Change(errors=found.errors)), change_span(Change(rate=found.rate))]
    parts.append(change_span(Change(p95=found.p95)))
    spans: list[Span] = []
    room = width
    for part in parts:
        needed = fmt.cell_len(part.text) + (2 if spans else 0)
        if part.text and needed <= room:
            spans += [Span("  "), part] if spans else [part]
            room -= needed
    return [*spans, Span(" " * room)]
