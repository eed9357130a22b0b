"""The pane of failures: a row for each source, type and place, with its exact count."""

from __future__ import annotations

from pathlib import PurePath
from typing import NamedTuple

from textual.app import ComposeResult
from textual.widget import Widget

from sage_tui.dashboard.base.pane import Pane
from sage_tui.dashboard.base.strips import Span
from sage_tui.dashboard.base.table import Column, Table
from sage_tui.dashboard.log.source_colours import SourceColours
from sage_tui.dashboard.messages import FailureOpened
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


class FailuresPane(Pane):
    """Failures by group, the most recent groups last; Enter shows record and traceback."""

    pane = "failures"
    label = "Failures"
    short = "Fail"

    def __init__(self, colours: SourceColours) -> None:
        super().__init__()
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
        self.table: Table[FailureGroup] = Table(columns, "No failures")

    def compose(self) -> ComposeResult:
        yield self.table

    @property
    def main(self) -> Widget:
        return self.table

    def show_view(self, view: SessionView) -> None:
        self.table.show_rows([(failed.key, failed.group) for failed in failures_of(view)])

    def copied(self) -> str | None:
        group = self.table.current()
        if group is None:
            return None
        what = f"{group.exception}: {group.message}"
        return f"{group.count} × {group.source or group.kind}: {what} ({group.file}:{group.line})"

    def on_table_moved(self, event: Table.Moved) -> None:
        event.stop()

    def on_table_opened(self, event: Table.Opened) -> None:
        event.stop()
        self.post_message(FailureOpened(event.key))


class Failed(NamedTuple):
    """A group of failures and the run that it belongs to."""

    run: int
    group: FailureGroup

    @property
    def key(self) -> str:
        """Unique over the runs."""
        return f"{self.run}/{self.group.group}"


def failures_of(view: SessionView) -> list[Failed]:
    """The groups to show: those of the current run before those of an older one that is still on the screen."""
    runs = [view.current] if view.current.run == view.shown.run else [view.current, view.shown]
    return [Failed(run.run, group) for run in runs for group in run.failures]
