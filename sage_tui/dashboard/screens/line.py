"""What Enter on a line shows: the text whole, or everything about a service call."""

from __future__ import annotations

from sage_runtime.events import ServiceCall
from sage_tui.dashboard.screens.detail import Detail, Section
from sage_tui.journal.lines import Line
from sage_tui.state import format as fmt


def line_detail(line: Line) -> Detail:
    """The detail of a line of any channel."""
    if isinstance(line.event, ServiceCall):
        return _call_detail(line.event)
    facts = [
        ("time", fmt.clock(line.t, milliseconds=True)),
        ("source", line.source or "script"),
        ("pipeline", line.pipeline or ""),
        ("kind", line.kind),
        ("line", fmt.exact(line.number + 1)),
        ("logger", getattr(line.event, "logger", "")),
    ]
    return Detail("Line", facts, [Section("text", line.text)])


def _call_detail(call: ServiceCall) -> Detail:
    caller = call.caller or "script"
    if call.replica is not None:
        caller += f" (replica {call.replica})"
    facts = [
        ("time", fmt.clock(call.t, milliseconds=True)),
        ("caller", caller),
        ("waited", fmt.duration(call.waited)),
        ("took", fmt.duration(call.duration)),
        ("call", f"{call.id}" + (f", made in call {call.parent}" if call.parent is not None else "")),
        ("pipeline", call.pipeline),
    ]
    answer = (
        Section("result", call.result if call.result is not None else "None")
        if call.error is None
        else Section("raised", call.error, "$look-bad")
    )
    return Detail(f"{call.service}.{call.method}", facts, [Section("arguments", call.arguments or "(none)"), answer])
