"""A pane whose heart is a list of lines: follow, search, filter and copy work the same in all of them."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.widget import Widget

from sage_tui.dashboard.base.pane import Pane
from sage_tui.dashboard.log.as_json import event_json
from sage_tui.dashboard.log.export import Export, RunPart, json_lines, text_lines
from sage_tui.dashboard.log.finder import Finder
from sage_tui.dashboard.log.formatters import LineFormatter
from sage_tui.dashboard.log.line_list import LineList
from sage_tui.dashboard.log.query import Query
from sage_tui.dashboard.log.run_lines import RunLinesFinder
from sage_tui.state import format as fmt
from sage_tui.state.views import RunView, SessionView


class LinePane(Pane):
    """Lines of one channel with a finder below."""

    channel: ClassVar[str]
    empty: ClassVar[str]

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("slash", "search", "Search", tooltip="Search all lines of the run", id="pane.search"),
        Binding("f", "filter", "Filter", tooltip="Show only the lines that match", id="pane.filter"),
        Binding("escape", "clear", "Clear search and filter", show=False, id="pane.clear"),
    ]

    def __init__(self, presenter: LineFormatter, finder: RunLinesFinder) -> None:
        super().__init__()
        self._runs = finder
        self._epoch = 0
        self.list = LineList(presenter, self.empty)
        self.finder = Finder()

    def compose(self) -> ComposeResult:
        yield self.list
        yield self.finder

    def on_mount(self) -> None:
        self.watch(self.list, "follow", self._note_at_once, init=False)

    def _note_at_once(self) -> None:
        """Whoever leaves the end is told so with the key, not with the next frame."""
        self.set_note(self.status())

    @property
    def main(self) -> Widget:
        return self.list

    def note_run(self, view: SessionView) -> None:
        run = view.current
        if not run.script:
            return  # nothing has been started yet
        if view.replay is not None and view.replay.epoch != self._epoch:
            self._epoch = view.replay.epoch
            self.list.restart()
        if (self.list.last_run or 0) < run.run:
            source = self._runs.lines(view, run.run, self.channel)
            if source is not None:
                self.list.show_run(run.run, source)
        self.list.set_rule(run.run, rule_text(run))

    def show_view(self, view: SessionView) -> None:
        if not view.held:
            self.list.poll()
        self.set_note(self.status())

    def status(self) -> str:
        """What the bottom edge says: filter, matches, new lines."""
        lines, parts = self.list, []
        if lines.filter_scan is not None:
            scan = lines.filter_scan
            parts.append(f"filter {_quoted(scan.queries[0])}: {_found(scan.total(), scan.complete)}")
        if lines.search is not None and lines.search_scan is not None:
            scan = lines.search_scan
            position = lines.match_position()
            at = "" if position is None else f"{fmt.exact(position)} of "
            parts.append(f"/{_quoted(lines.search)}: {at}{_found(scan.total(), scan.complete)}")
        if not lines.follow:
            new = lines.unseen
            parts.append(f"{fmt.exact(new)} new ↓ G" if new else "not following · G")
        return " · ".join(parts)

    def copied(self) -> str | None:
        line = self.list.current()
        return None if line is None else self.list.presenter.copy(line)

    def copied_json(self) -> str | None:
        line = self.list.current()
        return None if line is None else event_json(line.event)

    def exported(self) -> Export:
        """All lines of the runs that can be scrolled back over, through the filter; found again on another thread."""
        lines, above, parts = self.list, False, []
        for run in lines.transcript.runs:
            count = run.source.count()
            parts.append(RunPart(lines.rules.get(run.run, f"run {run.run}") if above else "", run.source, count))
            above = above or count > 0
        queries = () if lines.filter_scan is None else lines.filter_scan.queries
        write = lines.presenter.whole
        return Export(self.pane, lambda: text_lines(parts, queries, write), lambda: json_lines(parts, queries))

    def action_search(self) -> None:
        """Ask what to search for."""
        self.finder.open("search", self.list.search)

    def action_filter(self) -> None:
        """Ask what to show."""
        scan = self.list.filter_scan
        self.finder.open("filter", None if scan is None else scan.queries[0])

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        return self.can_clear if action == "clear" else True

    @property
    def can_clear(self) -> bool:
        """Whether there is a search or a filter to forget."""
        return self.list.search is not None or self.list.filter_scan is not None

    def action_clear(self) -> None:
        """Forget search and filter."""
        self.list.set_search(None)
        self.list.set_filter(None)
        self.set_note(self.status())

    def on_finder_entered(self, event: Finder.Entered) -> None:
        event.stop()
        self.focus_main()
        if event.purpose == "filter":
            self.list.set_filter(event.query)
        else:
            self.list.set_search(event.query)
        self.set_note(self.status())

    def on_finder_cancelled(self, event: Finder.Cancelled) -> None:
        event.stop()
        self.focus_main()


def rule_text(run: RunView) -> str:
    """`run 2 · after 0.3 s · hello.py changed · 12:00:31`: the time from its start to its first pipeline."""
    parts = [f"run {run.run}"]
    if run.pipelines:
        parts.append(f"after {fmt.duration(max(0.0, run.pipelines[0].started - run.started))}")
    if run.changed:
        names = [fmt.clean(path.rsplit("/", 1)[-1]) for path in run.changed]
        more = f" and {len(names) - 2} more" if len(names) > 3 else ""
        parts.append(", ".join(names[: 2 if more else 3]) + more + " changed")
    elif run.reason == "restart":
        parts.append("started again")
    parts.append(fmt.clock(run.started))
    return " · ".join(parts)


def _quoted(query: Query) -> str:
    return fmt.cut(fmt.clean(query.text), 24)


def _found(count: int, complete: bool) -> str:
    return f"{fmt.exact(count)}{'' if complete else '…'}"
