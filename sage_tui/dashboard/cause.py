"""Why a run failed, in words for a line or two."""

from __future__ import annotations

from pathlib import PurePath
from typing import NamedTuple

from sage_tui.state import format as fmt
from sage_tui.state.views import RunView


class Cause(NamedTuple):
    """The exception with its message, and `file:line` where that is known; safe to draw."""

    words: str
    place: str


def cause_of(run: RunView) -> Cause | None:
    """The failure that a failed run is known by: the last of the script or the worker, else the last of all."""
    named = [group for group in run.failures if group.kind != "other"]
    groups = [group for group in named if group.kind in ("script", "worker")] or named
    if not groups:
        return None
    last = groups[-1]
    words = f"{last.exception}: {last.message}" if last.message else last.exception
    place = PurePath(last.file).name if last.file else ""
    return Cause(fmt.clean(words), fmt.clean(place if last.line is None else f"{place}:{last.line}") if place else "")
