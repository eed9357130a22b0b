"""Panes of lines: following, search, filter, copy and export work the same in all of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, Literal

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.message import Message
from textual.widgets import Input, Label

from sage_tui.dashboard.base.pane import Pane
from sage_tui.dashboard.context import Context
from sage_tui.dashboard.log.export import Export, RunPart, event_json, json_lines, text_lines
from sage_tui.dashboard.log.formatters import LineFormatter, LogFormatter, OutputFormatter
from sage_tui.dashboard.log.line_list import LineList
from sage_tui.dashboard.log.query import Query, QueryError, parse
from sage_tui.journal.lines import Line
from sage_tui.session.protocol import SessionWithHistory
from sage_tui.state import format as fmt
from sage_tui.state.views import RunView, SessionView

Purpose = Literal["search", "filter"]


class Finder(Horizontal):
    """The line at the bottom of a pane where a search or a filter is typed; hidden until it is opened."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "cancel", "Cancel", id="finder.cancel")]

    @dataclass
    class Entered(Message):
        """A query was entered; None clears it."""

        purpose: Purpose
        query: Query | None

    @dataclass
    class Cancelled(Message):
        """Nothing changed."""

    def __init__(self) -> None:
        super().__init__(classes="finder")
        self.purpose: Purpose = "search"
        self.display = False

    def compose(self) -> ComposeResult:
        yield Label("", markup=False)
        yield Input(compact=True, select_on_focus=True)

    def open(self, purpose: Purpose, query: Query | None) -> None:
        """Ask for a query, beginning with the present one."""
        self.purpose = purpose
        self.query_one(Label).update("/" if purpose == "search" else "filter ")
        field = self.query_one(Input)
        field.value = "" if query is None else query.text
        field.placeholder = (
            "text, or re:…" if purpose == "search" else "text  re:…  source:NAME  level:warning  is:stderr"
        )
        self.display = True
        self.screen.set_focus(field, scroll_visible=False)  # at once: the next key is already meant for it

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        try:
            query = parse(event.value)
        except QueryError as error:
            self.app.notify(str(error), severity="error", markup=False)
            return
        self.display = False
        self.post_message(self.Entered(self.purpose, query))

    def action_cancel(self) -> None:
        self.display = False
        self.post_message(self.Cancelled())


class LinePane(Pane):
    """The lines of one channel, with a finder below."""

    channel: ClassVar[str]
    empty: ClassVar[str]

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("slash", "search", "Search", tooltip="Search all lines of the run", id="pane.search"),
        Binding("f", "filter", "Filter", tooltip="Show only the lines that match", id="pane.filter"),
        Binding("escape", "clear", "Clear search and filter", show=False, id="pane.clear"),
    ]

    def __init__(self, formatter: LineFormatter, session: SessionWithHistory) -> None:
        self._session = session
        self._epoch = 0
        self.list = LineList(formatter, self.empty)
        self.finder = Finder()
        super().__init__(self.list)

    def compose(self) -> ComposeResult:
        yield self.list
        yield self.finder

    def on_mount(self) -> None:
        self.watch(self.list, "follow", self.show_status, init=False)  # with the key, not with the next frame

    def note_run(self, view: SessionView) -> None:
        run = view.current
        if not run.script:
            return  # nothing has been started yet
        if view.replay is not None and view.replay.epoch != self._epoch:
            self._epoch = view.replay.epoch
            self.list.restart()
        if (self.list.last_run or 0) < run.run:
            source = self._session.run_lines(run.run, self.channel)
            if source is not None:
                self.list.show_run(run.run, source)
        self.list.set_separator(run.run, separator_text(run))

    def show_view(self, view: SessionView) -> None:
        if not view.held:
            self.list.poll()
        self.show_status()

    def show_status(self) -> None:
        """Put filter, matches and new lines into the bottom edge."""
        self.set_note(self.status())

    def status(self) -> str:
        """What the bottom edge says."""
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
        return None if line is None else self.list.formatter.copy_text(line)

    def copied_json(self) -> str | None:
        line = self.list.current()
        return None if line is None else event_json(line.event)

    def exported(self) -> Export:
        """The lines of all runs in the list, through its filter. They are read on another thread."""
        lines, above, parts = self.list, False, []
        for run in lines.transcript.runs:
            count = run.source.count()
            parts.append(RunPart(lines.separators.get(run.run, f"run {run.run}") if above else "", run.source, count))
            above = above or count > 0
        queries = () if lines.filter_scan is None else lines.filter_scan.queries
        write = lines.formatter.full_text
        return Export(self.pane, lambda: text_lines(parts, queries, write), lambda: json_lines(parts, queries))

    def action_search(self) -> None:
        self.finder.open("search", self.list.search)

    def action_filter(self) -> None:
        scan = self.list.filter_scan
        self.finder.open("filter", None if scan is None else scan.queries[0])

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        return self.can_clear if action == "clear" else True

    @property
    def can_clear(self) -> bool:
        return self.list.search is not None or self.list.filter_scan is not None

    def action_clear(self) -> None:
        self.list.set_search(None)
        self.set_filter(None)

    def set_filter(self, query: Query | None) -> None:
        """Show only the lines that match; None shows all."""
        self.list.set_filter(query)
        self.show_status()

    def on_finder_entered(self, event: Finder.Entered) -> None:
        event.stop()
        self.focus_main()
        if event.purpose == "filter":
            self.set_filter(event.query)
        else:
            self.list.set_search(event.query)
            self.show_status()

    def on_finder_cancelled(self, event: Finder.Cancelled) -> None:
        event.stop()
        self.focus_main()


class OutputPane(LinePane):
    """What operators, services and the script print."""

    pane = "output"
    label = "Output"
    short = "Out"
    group = "output"
    channel = "output"
    empty = "Nothing has been printed yet"

    def __init__(self, context: Context) -> None:
        super().__init__(OutputFormatter(context.colours), context.session)


class LogPane(LinePane):
    """What is logged through Python's logging and SAGE's loggers."""

    pane = "log"
    label = "Log"
    short = "Log"
    channel = "log"
    empty = "Nothing has been logged yet"

    def __init__(self, context: Context) -> None:
        super().__init__(LogFormatter(context.colours), context.session)


def lines_of_source(pipeline: str, source: str) -> Callable[[Line], bool]:
    """A condition: whether a line comes from an operator or a service of a pipeline."""
    return lambda line: line.source == source and line.pipeline in (pipeline, None)


class ScopedLinePane(LinePane):
    """A pane of the lines that `scope` lets through; search and filter work within these."""

    noun = "lines"

    def __init__(self, formatter: LineFormatter, session: SessionWithHistory, scope: Callable[[Line], bool]) -> None:
        super().__init__(formatter, session)
        self._scope = scope
        self.chosen: Query | None = None
        """The filter within the scope."""

    def query_in_scope(self) -> Query:
        """Scope and filter together."""
        if self.chosen is None:
            return Query("", (self._scope,), None)
        return Query(self.chosen.text, (self._scope, *self.chosen.conditions), self.chosen.pattern)

    def show_view(self, view: SessionView) -> None:
        if self.list.filter_scan is None:
            self.list.set_filter(self.query_in_scope())
        super().show_view(view)

    def set_filter(self, query: Query | None) -> None:
        """Show only the lines in scope that match; None shows all of them."""
        self.chosen = query
        super().set_filter(self.query_in_scope())

    def status(self) -> str:
        words = super().status()
        scan = self.list.filter_scan
        if self.chosen is not None or scan is None:
            return words
        _, _, rest = words.partition(" · ")  # nobody has asked for the scope: don't call it a filter
        total = fmt.exact(scan.total()) + ("" if scan.complete else "…")
        noun = self.noun[:-1] if total == "1" else self.noun
        return f"{total} {noun}" + (f" · {rest}" if rest else "")

    def action_filter(self) -> None:
        self.finder.open("filter", self.chosen)

    @property
    def can_clear(self) -> bool:
        return self.list.search is not None or self.chosen is not None


def separator_text(run: RunView) -> str:
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
