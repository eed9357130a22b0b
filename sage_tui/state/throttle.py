"""Figures that can be read: numbers that change ten times a second are held for a moment, what has happened is not."""

from __future__ import annotations

from collections.abc import Iterator

from sage_runtime.events import replace
from sage_tui.state.views import PipelineView, RunView, SessionView


def steady(new: SessionView, shown: SessionView) -> SessionView:
    """The new view with the figures of the one on the screen, unless more than figures of a running pipeline changed.

    Lines, failures, notices, states and the clock's seconds are always the new ones. Where all of that is as it was,
    it is the very view that is on the screen.
    """
    run, old = new.current, shown.current
    if new.shown is not run or shown.shown is not old or run.run != old.run or len(new.runs) != len(shown.runs):
        return new
    if new.replay is not None or run.phase != "running" or old.phase != "running" or not _alike(run, old):
        return new
    held = replace(
        run,
        seq=old.seq,
        elapsed=old.elapsed if int(run.elapsed) == int(old.elapsed) else run.elapsed,
        in_flight=old.in_flight,
        pipelines=old.pipelines,
        rate=old.rate,
        history=old.history,
        bottleneck=old.bottleneck,
    )
    if held == old:
        held = old
    view = replace(new, current=held, shown=held, runs=shown.runs)
    return shown if view == shown else view


def _alike(run: RunView, old: RunView) -> bool:
    """Whether the same parts are in the same states."""
    return len(run.pipelines) == len(old.pipelines) and all(
        pipeline is before or _same_parts(pipeline, before)
        for pipeline, before in zip(run.pipelines, old.pipelines, strict=True)
    )


def _same_parts(pipeline: PipelineView, before: PipelineView) -> bool:
    if pipeline.status != before.status or pipeline.edges is not before.edges:
        return False
    return list(_parts(pipeline)) == list(_parts(before))


def _parts(pipeline: PipelineView) -> Iterator[tuple[str, str | int, tuple[str, ...]]]:
    for operator in pipeline.operators:
        yield operator.id, operator.state, operator.services
    for service in pipeline.services:
        yield service.name, len(service.methods), service.services
