"""All runs of the session: what was edited between any two, and whether it helped."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from textual.binding import Binding, BindingType

from sage_runtime.frozen import Frozen
from sage_tui.dashboard.base.deck import Deck
from sage_tui.dashboard.base.main_layout import NARROW, Box, Groups
from sage_tui.dashboard.base.table import Table
from sage_tui.dashboard.compare.baselines import keys_of
from sage_tui.dashboard.compare.run_panes import ComparedRow, ComparisonPane, EditsPane, RunMoved, RunsPane, is_over
from sage_tui.dashboard.screens.deck_screen import DeckScreen
from sage_tui.session.protocol import SessionWithHistory
from sage_tui.state.comparison import measure
from sage_tui.state.views import SessionView

OFTEN = 2.0
"""Seconds of a run that goes on between two comparisons."""


class Compared(Frozen):
    """Two runs side by side at the same age; `rows` is empty where one of them can't be read."""

    age: float
    rows: tuple[ComparedRow, ...]


class RunsScreen(DeckScreen):
    """The runs above, edits and comparison below. `m` marks the run that others are compared with."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("m", "mark", "Mark", tooltip="Compare the other runs with this one", id="runs.mark"),
    ]

    def __init__(self, session: SessionWithHistory, aside: Callable[[Callable[[], None]], object]) -> None:
        self._session = session
        self._aside = aside
        self._rows = 1
        self._found: dict[tuple[int, int], tuple[float, Compared | None]] = {}
        self.runs = RunsPane()
        self.edits = EditsPane()
        self.comparison = ComparisonPane()
        super().__init__(Deck([self.runs, self.comparison, self.edits], self._divide, "runs"))

    def _divide(self, width: int, height: int) -> Groups:
        """The runs over comparison and edits; those side by side where there is room."""
        if height < 16:
            return [(("runs", "comparison", "edits"), Box(0, 0, width, height))]
        top = max(6, min(height // 3, self._rows + 3))
        if width < 2 * NARROW:
            below = Box(0, top, width, height - top)
            return [(("runs",), Box(0, 0, width, top)), (("comparison", "edits"), below)]
        left = round(width * 0.55)
        return [
            (("runs",), Box(0, 0, width, top)),
            (("comparison",), Box(0, top, left, height - top)),
            (("edits",), Box(left, top, width - left, height - top)),
        ]

    def note_view(self, view: SessionView) -> None:
        self._show_pair()
        if len(view.runs) != self._rows:
            self._rows = len(view.runs)
            self.deck.lay_out()

    def on_run_moved(self, event: RunMoved) -> None:
        event.stop()
        self._show_pair()

    def action_mark(self) -> None:
        """Mark the run under the cursor, or take the mark away."""
        self.runs.mark()
        self._show_pair()

    def on_table_opened(self, event: Table.Opened) -> None:
        """Enter on a run: go to its comparison."""
        event.stop()
        self._choose("comparison")

    def _show_pair(self) -> None:
        """Show the selected run beside the one it is compared with."""
        if self.view is None:
            return
        self.runs.show_view(self.view)
        run, base = self.runs.selected(), self.runs.base()
        if run is None or base is None:
            self.edits.show_edits(None, None, self.view.live)
            self.comparison.say("There is no run to compare with")
            return
        self.edits.show_edits(self._session.changes(run, base), base, self.view.live)
        found = self._compared(base, run)
        if found is None:
            self.comparison.say("…")
        elif not found.rows:
            self.comparison.say("Neither has measured anything that could be compared")
        else:
            self.comparison.show_rows(base, run, found.age, found.rows)

    def _compared(self, base: int, run: int) -> Compared | None:
        """What is known by now; asks for more where a run has gone on."""
        assert self.view is not None
        going = [one for one in self.view.runs if one.run in (base, run) and not is_over(one)]
        moment = max((one.duration for one in going), default=float("inf"))
        asked, found = self._found.get((base, run), (None, None))
        if asked is None or (asked != moment and (moment == float("inf") or moment - asked >= OFTEN)):
            self._found[base, run] = (moment, found)
            self._aside(lambda: self._compare(base, run, moment))
        return found

    def _compare(self, base: int, run: int, moment: float) -> None:
        self._found[base, run] = (moment, compared(self._session, base, run))


def compared(session: SessionWithHistory, base: int, run: int) -> Compared:
    """Two runs side by side, as far as both have come. Reads journals: not for the dashboard's thread."""
    ends = [session.run_charts(number, None, "whole") for number in (base, run)]
    age = min((charts.rate.end for charts in ends if charts is not None), default=0.0)
    keys: dict[str, bool] = {}
    for number in (run, base):
        view = session.run_view(number)
        if view is not None:
            services = {service.key for pipeline in view.pipelines for service in pipeline.services}
            keys |= {key: key.partition("\0")[0] in services for key in keys_of(view) if key not in keys}
    rows = []
    for key, service in keys.items():
        pasts = [session.run_charts(number, key, "whole") for number in (base, run)]
        before, now = (None if past is None else measure(past, age, None) for past in pasts)
        if before is not None or now is not None:
            name, _, method = key.partition("/")[2].partition("\0")
            rows.append(ComparedRow(name, service, before, now, method))
    return Compared(age, tuple(rows))
