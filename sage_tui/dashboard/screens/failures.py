"""Failures by group: the pane that counts them, and the box that shows one group."""

from __future__ import annotations

from pathlib import PurePath
from typing import ClassVar, NamedTuple

from textual.binding import Binding, BindingType

from sage_runtime.events import Failure
from sage_tui.dashboard.base.pane import TablePane
from sage_tui.dashboard.base.strips import Span
from sage_tui.dashboard.base.table import Column
from sage_tui.dashboard.context import Context
from sage_tui.dashboard.messages import FailureOpened
from sage_tui.dashboard.screens.detail_screen import Detail, DetailScreen, Section
from sage_tui.journal.lines import LineSource
from sage_tui.state import format as fmt
from sage_tui.state.views import FailureGroup, SessionView


def _what(group: FailureGroup, width: int) -> list[Span]:
    exception = fmt.cut(fmt.clean(group.exception), width)
    message = fmt.clean(group.message[:400].partition("\n")[0])
    if not message:
        return [Span(fmt.pad(exception, width), "bad")]
    if not exception:
        return [Span(fmt.pad(message, width))]
    room = width - fmt.cell_len(exception)
    return [Span(exception, "bad"), Span(fmt.pad(": " + message, room))]


def _place(group: FailureGroup, width: int) -> Span:
    if group.file is None:
        return Span("")
    line = f":{group.line}" if group.line else ""
    return Span(fmt.cut_start(fmt.clean(PurePath(group.file).name) + line, width), "muted")


class FailuresPane(TablePane[FailureGroup]):
    """Failures by group, the most recent groups last; Enter shows record and traceback."""

    pane = "failures"
    label = "Failures"
    short = "Fail"

    def __init__(self, context: Context, empty: str = "No failures") -> None:
        colours = context.colours
        columns: tuple[Column[FailureGroup], ...] = (
            Column("count", 7, lambda g, w: Span(fmt.exact(g.count), "bad")),
            Column(
                "source",
                16,
                lambda g, w: Span(fmt.clean(g.source or g.kind), colours.look(g.source)),
                align="left",
                rank=2,
            ),
            Column("what", 24, _what, align="left", grow=True),
            Column("where", 16, _place, align="left", rank=3, grow=True, most=28),
            Column("last", 8, lambda g, w: Span(fmt.clock(g.last_t), "muted"), rank=4),
        )
        super().__init__(columns, empty)

    def show_view(self, view: SessionView) -> None:
        self.table.show_rows([(failed.key, failed.group) for failed in failures_of(view)])

    def row_text(self, group: FailureGroup) -> str:
        what = f"{group.exception}: {group.message}"
        return f"{group.count} × {group.source or group.kind}: {what} ({group.file}:{group.line})"

    def row_opened(self, key: str) -> None:
        self.post_message(FailureOpened(key))


class RunFailure(NamedTuple):
    """A group of failures and its run."""

    run: int
    group: FailureGroup

    @property
    def key(self) -> str:
        return f"{self.run}/{self.group.group}"


def failures_of(view: SessionView) -> list[RunFailure]:
    """The groups to show: those of the current run, then those of an older run that is still on the screen."""
    runs = [view.current] if view.current.run == view.shown.run else [view.current, view.shown]
    return [RunFailure(run.run, group) for run in runs for group in run.failures]


class FailureScreen(DetailScreen):
    """All that is known of a group. Left and right go through its samples, the failures that were recorded in full."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left,p", "other(-1)", "Previous", id="failure.previous"),
        Binding("right,n", "other(1)", "Next", id="failure.next"),
    ]

    def __init__(self, group: FailureGroup, source: LineSource | None) -> None:
        self._group = group
        self._source = source
        self._index = len(group.positions) - 1
        super().__init__(self._make())

    def _make(self) -> Detail:
        group, failure = self._group, self._failure()
        name = group.exception or "Failures"
        place = f"{group.file}:{group.line}" if group.file else ""
        facts = [
            ("source", group.source or group.kind),
            ("count", f"{fmt.exact(group.count)}{self._which()}"),
            ("where", place),
            ("first", fmt.clock(group.first_t)),
            ("last", fmt.clock(group.last_t)),
            ("pipeline", group.pipeline or ""),
        ]
        if failure is None:
            return Detail(name, facts, [Section("message", group.message, "$look-bad")])
        sections = [Section("message", failure.message or "(none)", "$look-bad")]
        if failure.record is not None:
            sections.append(Section("record", failure.record))
        sections.append(Section("traceback", failure.traceback.rstrip() or "(none)"))
        return Detail(name, facts, sections)

    def _which(self) -> str:
        kept = len(self._group.positions)
        return f"   sample {self._index + 1} of {kept} (← →)" if kept > 1 else ""

    def _failure(self) -> Failure | None:
        if not self._group.positions or self._source is None:
            return None
        position = self._group.positions[self._index]
        lines = self._source.read(position, position + 1)
        event = lines[0].event if lines else None
        return event if isinstance(event, Failure) else None

    def action_other(self, by: int) -> None:
        index = max(0, min(len(self._group.positions) - 1, self._index + by))
        if index != self._index:
            self._index = index
            self.show_detail(self._make())
