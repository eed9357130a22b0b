"""Where the replay of a recording is: part of `views.SessionView`."""

from __future__ import annotations

from sage_runtime.frozen import Frozen


class ReplayView(Frozen):
    """A recording that can be moved through. Times are Unix seconds.

    `begin` and `end` are those of the run, `moment` is what is shown: the run as it was then. `runs` are the numbers of
    the runs that can be chosen. `epoch` grows with every step back or to another run: what was read before is no
    longer past. `marks` are the times of failures, `damage` says in sentences what could not be read.
    """

    begin: float
    end: float
    moment: float
    playing: bool = False
    speed: float = 1.0
    runs: tuple[int, ...] = ()
    epoch: int = 0
    marks: tuple[float, ...] = ()
    damage: tuple[str, ...] = ()
    skips: int = 0
    skipped: float = 0.0
    """How often time in which nothing happened was left out in playing, and how many seconds the last time."""
