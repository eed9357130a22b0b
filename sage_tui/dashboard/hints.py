"""Hints: short notices about what has changed, each shown once. Pure: views in, words out."""

from __future__ import annotations

from collections.abc import Callable

from sage_tui.state import format as fmt
from sage_tui.state.views import Bottleneck, RunView, SessionView

YOUNG = 5.0
"""Seconds after its start for which the beginning of a run is news."""

SILENT = 10.0
"""Seconds without a record after which a source is called silent."""

SETTLED = 5.0
"""Seconds that a bottleneck stays the same before it is reported."""

BETWEEN = 30.0
"""Seconds between two reports of a bottleneck."""

BETWEEN_RELOADS = 2.5
"""Seconds between two reports of a reload: for a script that is saved twice a second, the header says enough."""


class Hints:
    """Looks at each view, in order. Times are seconds since the start of its run.

    Args:
        first_output: returns the Unix time of the run's first output; None if it isn't known.
    """

    def __init__(self, first_output: Callable[[], float | None] = lambda: None) -> None:
        self._first_output = first_output
        self._reported_reload = -BETWEEN_RELOADS
        self._reset(0, begun=False)

    def _reset(self, run: int, *, begun: bool) -> None:
        """Start with another run."""
        self._run, self._begun = run, begun
        self._sources: dict[str, tuple[int, float]] = {}
        self._silent: set[str] = set()
        self._bottleneck: tuple[str, float] = ("", 0.0)
        self._reported_bottleneck: tuple[str, float] = ("", -BETWEEN)

    def look(self, view: SessionView) -> list[str]:
        """The new hints; each is given once."""
        run = view.current
        if not view.live or view.held:
            return []
        if run.run != self._run:
            self._reset(run.run, begun=run.elapsed > YOUNG)
        words = [self._beginning(run), *self._silence(run), self._slowest(run)]
        return [one for one in words if one]

    def _beginning(self, run: RunView) -> str:
        """The end of a reload, or the first output of the first run."""
        if self._begun or not run.pipelines:
            return ""
        if run.reason != "start":
            self._begun = True
            if 0.0 <= run.started - self._reported_reload < BETWEEN_RELOADS:
                return ""
            self._reported_reload = run.started
            return f"Reloaded in {fmt.duration(max(0.0, run.pipelines[0].started - run.started))}"
        if not run.lines.get("output"):
            return ""
        self._begun = True
        t = self._first_output()
        after = run.elapsed if t is None else max(0.0, t - run.started)  # the view's clock may be a second behind
        return f"First output after {fmt.duration(after)}"

    def _silence(self, run: RunView) -> list[str]:
        """Sources without a record for a while."""
        words = []
        for pipeline in run.pipelines:
            for operator in pipeline.operators:
                if operator.kind != "source":
                    continue
                if operator.state != "running" or run.phase != "running":
                    self._sources.pop(operator.key, None)
                    continue
                records, since = self._sources.get(operator.key, (-1, 0.0))
                if records != operator.records_out or operator.blocked >= 0.5:
                    self._sources[operator.key] = (operator.records_out, run.elapsed)
                    self._silent.discard(operator.key)
                elif run.elapsed - since >= SILENT and operator.key not in self._silent:
                    self._silent.add(operator.key)
                    words.append(f"{fmt.clean(operator.id)} has been silent for {SILENT:.0f} s")
        return words

    def _slowest(self, run: RunView) -> str:
        """The operator or service that has become the bottleneck and stays so."""
        name = _name(run.bottleneck)
        if name != self._bottleneck[0]:
            self._bottleneck = (name, run.elapsed)
        told, at = self._reported_bottleneck
        settled = run.elapsed - self._bottleneck[1] >= SETTLED and run.elapsed - at >= BETWEEN
        if run.bottleneck is None or name == told or not settled:
            return ""
        self._reported_bottleneck = (name, run.elapsed)
        return f"{fmt.clean(name)} is the bottleneck now ({fmt.clean(run.bottleneck.reason)})"


def _name(bottleneck: Bottleneck | None) -> str:
    return "" if bottleneck is None else bottleneck.service or bottleneck.operator
