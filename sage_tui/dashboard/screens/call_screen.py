"""A service call whole: its arguments, and its result or what it raised, with the traceback where that is known."""

from __future__ import annotations

from sage_runtime.events import Failure, ServiceCall
from sage_tui.dashboard.screens.detail_screen import Detail, Section
from sage_tui.journal.lines import LineSource
from sage_tui.state import format as fmt
from sage_tui.state.views import RunView

SOON = 1.0
"""Seconds that lie between a failed call and its own failure at most."""


def call_detail(call: ServiceCall, failure: Failure | None = None) -> Detail:
    """What the box shows of a call."""
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
    sections = [Section("arguments", call.arguments or "(none)")]
    if call.error is None:
        sections.append(Section("result", call.result if call.result is not None else "None"))
    else:
        sections.append(Section("raised", call.error, "$look-bad"))
        if failure is not None and failure.traceback:
            own = abs(failure.t - call.t) <= SOON
            heading = (
                "traceback" if own else f"traceback of the same error at {fmt.clock(failure.t, milliseconds=True)}"
            )
            sections.append(Section(heading, failure.traceback.rstrip()))
    return Detail(f"{call.service}.{call.method}", facts, sections)


def failure_of(call: ServiceCall, run: RunView, failures: LineSource) -> Failure | None:
    """The failure of a failed call: of the kept ones of its service with the same type, the nearest in time."""
    if call.error is None:
        return None
    exception = call.error.partition(":")[0].rpartition(".")[2]
    nearest: Failure | None = None
    for group in run.failures:
        fits = group.source == call.service and group.pipeline in (call.pipeline, None)
        if not fits or group.exception.rpartition(".")[2] != exception:
            continue
        for position in group.positions:
            for line in failures.read(position, position + 1):
                failure = line.event
                if isinstance(failure, Failure) and (
                    nearest is None or abs(failure.t - call.t) < abs(nearest.t - call.t)
                ):
                    nearest = failure
    return nearest
