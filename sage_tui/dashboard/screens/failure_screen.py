"""One group of failures: how often, which records, and the traceback of each that was kept."""

from __future__ import annotations

from typing import ClassVar

from textual.binding import Binding, BindingType

from sage_runtime.events import Failure
from sage_tui.dashboard.screens.detail_screen import Detail, DetailScreen, Section
from sage_tui.journal.lines import LineSource
from sage_tui.state import format as fmt
from sage_tui.state.views import FailureGroup


class FailureScreen(DetailScreen):
    """Left and right go through the failures of the group that were sent whole."""

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
        return f"   showing {self._index + 1} of {kept} kept (← →)" if kept > 1 else ""

    def _failure(self) -> Failure | None:
        if not self._group.positions or self._source is None:
            return None
        position = self._group.positions[self._index]
        lines = self._source.read(position, position + 1)
        event = lines[0].event if lines else None
        return event if isinstance(event, Failure) else None

    def action_other(self, by: int) -> None:
        """Show another failure of the group."""
        index = max(0, min(len(self._group.positions) - 1, self._index + by))
        if index != self._index:
            self._index = index
            self.show_detail(self._make())
