"""A pane of the lines of one operator or service: search and filter as everywhere, always within these."""

from __future__ import annotations

from collections.abc import Callable

from sage_tui.dashboard.log.finder import Finder
from sage_tui.dashboard.log.formatters import LineFormatter
from sage_tui.dashboard.log.line_pane import LinePane
from sage_tui.dashboard.log.query import Query
from sage_tui.dashboard.log.run_lines import RunLinesFinder
from sage_tui.journal.lines import Line
from sage_tui.state import format as fmt
from sage_tui.state.views import SessionView


def lines_of_source(pipeline: str, source: str) -> Callable[[Line], bool]:
    """Whether a line comes from an operator or a service of a pipeline."""
    return lambda line: line.source == source and line.pipeline in (pipeline, None)


class ScopedLines(LinePane):
    """Shows the lines that `scope` lets through, and of these the ones that somebody filters for."""

    def __init__(self, presenter: LineFormatter, finder: RunLinesFinder, scope: Callable[[Line], bool]) -> None:
        super().__init__(presenter, finder)
        self._scope = scope
        self.chosen: Query | None = None
        """What somebody has filtered for."""

    def query_in_scope(self) -> Query:
        """Scope and filter together."""
        if self.chosen is None:
            return Query("", (self._scope,), None)
        return Query(self.chosen.text, (self._scope, *self.chosen.conditions), self.chosen.pattern)

    def show_view(self, view: SessionView) -> None:
        if self.list.filter_scan is None:
            self.list.set_filter(self.query_in_scope())
        super().show_view(view)

    def choose(self, query: Query | None) -> None:
        """Filter for this; None shows everything in scope."""
        self.chosen = query
        self.list.set_filter(self.query_in_scope())
        self.set_note(self.status())

    def status(self) -> str:
        words = super().status()
        scan = self.list.filter_scan
        if self.chosen is not None or scan is None:
            return words
        _, _, rest = words.partition(" · ")  # the scope is no filter of anybody's
        total = fmt.exact(scan.total()) + ("" if scan.complete else "…")
        return f"{total} {self.things}" + (f" · {rest}" if rest else "")

    things = "lines"

    def action_filter(self) -> None:
        self.finder.open("filter", self.chosen)

    @property
    def can_clear(self) -> bool:
        return self.list.search is not None or self.chosen is not None

    def action_clear(self) -> None:
        self.list.set_search(None)
        self.choose(None)

    def on_finder_entered(self, event: Finder.Entered) -> None:
        if event.purpose != "filter":
            super().on_finder_entered(event)
            return
        event.stop()
        self.focus_main()
        self.choose(event.query)
