"""Figures stay for a moment, what has happened is shown at once."""

from __future__ import annotations

from typing import Any

from support.showing import hello_pipeline, operator, run_view, session_view

from sage_runtime.events import replace
from sage_tui.state.views import RunView, SessionView, steady


def running(rate: float, **fields: Any) -> RunView:
    """A run whose source gives `rate` records a second."""
    pipeline = hello_pipeline()
    first, *rest = pipeline.operators
    pipeline = replace(pipeline, operators=(replace(first, rate=rate), *rest))
    return run_view(phase="running", pipelines=(pipeline,), rate=rate, seq=int(rate), **fields)


def with_edges(view: SessionView, of: SessionView) -> SessionView:
    """The view as a session gives it: the edges of a pipeline are the same object all along."""
    (pipeline,) = view.shown.pipelines
    run = replace(view.shown, pipelines=(replace(pipeline, edges=of.shown.pipelines[0].edges),))
    return replace(view, shown=run, current=run)


SHOWN = session_view(running(10))


def later(**fields: Any) -> SessionView:
    """The session a moment later: another rate, and what else is different."""
    return with_edges(session_view(running(20, **fields)), SHOWN)


def test_where_only_figures_changed_it_is_the_view_that_is_shown() -> None:
    assert steady(later(), SHOWN) is SHOWN


def test_new_lines_are_shown_with_the_old_figures() -> None:
    view = steady(later(lines={"output": 7}), SHOWN)
    assert view.shown.lines == {"output": 7}
    assert (view.shown.pipelines, view.shown.rate) == (SHOWN.shown.pipelines, 10)
    assert view.current is view.shown


def test_the_clock_goes_on_by_seconds() -> None:
    assert steady(later(elapsed=0.9), SHOWN) is SHOWN
    assert steady(later(elapsed=1.1), SHOWN).shown.elapsed == 1.1


def test_an_operator_in_another_state_is_shown_with_all_that_is_new() -> None:
    (pipeline,) = later().shown.pipelines
    ended = replace(pipeline, operators=(operator("HelloBatch", "batch", state="finished"), *pipeline.operators[1:]))
    view = session_view(replace(later().shown, pipelines=(ended,)))
    assert steady(view, SHOWN) is view


def test_another_phase_or_run_is_shown_with_all_that_is_new() -> None:
    for view in (session_view(replace(later().shown, phase="paused")), session_view(replace(later().shown, run=2))):
        assert steady(view, SHOWN) is view
