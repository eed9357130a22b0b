"""What Enter on a line shows: the text whole, or everything about a service call."""

from __future__ import annotations

from sage_runtime.events import ServiceCall
from sage_tui.dashboard.screens.call_screen import call_detail
from sage_tui.dashboard.screens.detail_screen import Detail, Section
from sage_tui.journal.lines import Line
from sage_tui.state import format as fmt


def line_detail(line: Line) -> Detail:
    """The detail of a line of any channel."""
    if isinstance(line.event, ServiceCall):
        return call_detail(line.event)
    facts = [
        ("time", fmt.clock(line.t, milliseconds=True)),
        ("source", line.source or "script"),
        ("pipeline", line.pipeline or ""),
        ("kind", line.kind),
        ("line", fmt.exact(line.number + 1)),
        ("logger", getattr(line.event, "logger", "")),
    ]
    return Detail("Line", facts, [Section("text", line.text)])
