"""The closing summary: what a run did, in a few lines on stderr.

`summary` says it as lines of styled pieces; `print_summary` writes them, in colour on a terminal (Rich), else in plain
text of which our own part is ASCII.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from sage_tui.state.bottleneck import slowest_operator
from sage_tui.state.format import clean, cut, duration, exact, rate
from sage_tui.state.views import FailureGroup, PipelineView, RunView, ServiceView

Piece = tuple[str, str]
"""Text and its Rich style (empty: none)."""

_MOST = 6
"""Pipelines, services or failures that are named before the rest is only counted."""

_STATUS_STYLE = {"finished": "green", "failed": "bold red", "stopped": "yellow"}
_ASCII = str.maketrans({"µ": "u", "…": "...", "∞": "inf", "–": "-"})


def summary(run: RunView, folder: Path) -> list[list[Piece]]:
    """The lines of a finished run's summary: two to four for a good run, more where something failed."""
    lines = [_headline(run)]
    lines += _some([_pipeline_line(pipeline) for pipeline in run.pipelines], "pipelines")
    lines += _some([_service_line(service) for service in _called(run.pipelines)], "services")
    lines += _failure_lines(run.failures)
    lines += [
        [(f"  {notice.level}: ", "yellow"), (cut(clean(notice.message), 400), "")]
        for notice in run.notices[-_MOST:]
        if notice.level != "info"
    ]
    if run.phase != "finished" or run.errors or run.failures:
        lines.append([("  logs: ", "dim"), (clean(str(folder)), "")])
    return lines


def print_summary(run: RunView, folder: Path) -> None:
    """Write the summary to stderr."""
    lines = summary(run, folder)
    if sys.stderr.isatty():
        from rich.console import Console
        from rich.text import Text

        # No line is broken here, whatever the width: so that Rich asks nobody for it, COLUMNS might say anything.
        console = Console(stderr=True, highlight=False, width=80, height=24)
        for line in lines:
            console.print(Text.assemble(*line), soft_wrap=True)
    else:
        for line in lines:
            print("".join(text for text, _ in line).translate(_ASCII), file=sys.stderr)


def _headline(run: RunView) -> list[Piece]:
    how = run.phase
    if run.signal:
        how += f", ended by {run.signal}"
    elif run.exit_code and run.phase == "failed":
        how += f" with exit status {run.exit_code}"
    pieces = [
        ("sage-tui: ", "dim"),
        (clean(Path(run.script).name), "bold"),
        (" ", ""),
        (how, _STATUS_STYLE.get(run.phase, "")),
        (f" after {duration(run.elapsed)}" if run.phase != "finished" else f" in {duration(run.elapsed)}", ""),
    ]
    if not run.pipelines:
        pieces.append((", no pipeline was submitted", ""))
    if run.errors:
        pieces.append((f", {exact(run.errors)} failed", "red"))
    return pieces


def _pipeline_line(pipeline: PipelineView) -> list[Piece]:
    records = sum(operator.records_out for operator in pipeline.operators if operator.kind in ("source", "batch"))
    line = [("  ", ""), (_named(pipeline.id), "bold cyan"), (": ", ""), (_counted(records, "record"), "")]
    if pipeline.duration:
        line.append((f" in {duration(pipeline.duration)} ({rate(records / pipeline.duration)}/s)", ""))
    if pipeline.status != "finished":
        line += [(", ", ""), (pipeline.status, _STATUS_STYLE.get(pipeline.status, ""))]
    slowest = slowest_operator(pipeline)
    if slowest is not None:
        line.append((f", slowest {_named(slowest.id)} (p95 {duration(slowest.latency.p95)})", ""))
    return line


def _called(pipelines: Iterable[PipelineView]) -> list[ServiceView]:
    services = [service for pipeline in pipelines for service in pipeline.services if service.calls]
    return sorted(services, key=lambda service: -service.calls)


def _service_line(service: ServiceView) -> list[Piece]:
    line = [
        ("  service ", ""),
        (_named(service.name), "bold magenta"),
        (f": {_counted(service.calls, 'call')}, p95 {duration(service.latency.p95)}", ""),
    ]
    if service.errors:
        line += [(", ", ""), (f"{exact(service.errors)} failed", "red")]
    return line


def _failure_lines(groups: Sequence[FailureGroup]) -> list[list[Piece]]:
    return _some([_failure_line(group) for group in sorted(groups, key=lambda g: -g.count)], "kinds of failures")


def _failure_line(group: FailureGroup) -> list[Piece]:
    if group.kind == "other":
        return [(f"  {exact(group.count)} x ", "red"), (clean(group.message), "")]
    where = "the script" if group.source is None else _named(group.source)
    if group.kind == "service":
        where = f"service {where}"
    elif group.kind == "worker":
        where = "the worker"
    line = [(f"  {exact(group.count)} x ", "red"), (_named(group.exception), "bold"), (f" in {where}", "")]
    if group.file:
        place = Path(group.file).name if group.line is None else f"{Path(group.file).name}:{group.line}"
        line.append((f" ({clean(place)})", "dim"))
    if group.message:
        line.append((f": {cut(clean(group.message), 100)}", ""))
    return line


def _named(name: str) -> str:
    """A name that a script has given, as it can be shown."""
    return cut(clean(name), 60)


def _some(lines: list[list[Piece]], things: str) -> list[list[Piece]]:
    """The first lines, and how many more there are."""
    if len(lines) <= _MOST:
        return lines
    return [*lines[: _MOST - 1], [(f"  and {len(lines) - _MOST + 1} more {things}", "dim")]]


def _counted(number: int, thing: str) -> str:
    return f"{exact(number)} {thing}" if number == 1 else f"{exact(number)} {thing}s"
