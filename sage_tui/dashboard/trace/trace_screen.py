"""Followed records: where they went, what they were before and after each operator, and how long that took."""

from __future__ import annotations

from typing import ClassVar

from textual.binding import Binding, BindingType

from sage_runtime.events import EdgeInfo, Trace
from sage_tui.dashboard.base.deck import Deck
from sage_tui.dashboard.base.main_layout import Box, Groups
from sage_tui.dashboard.log.run_lines import RunLinesFinder
from sage_tui.dashboard.log.source_colours import SourceColours
from sage_tui.dashboard.messages import StepOpened
from sage_tui.dashboard.screens.deck_screen import DeckScreen
from sage_tui.dashboard.screens.detail_screen import Detail, Section
from sage_tui.dashboard.trace.trace_panes import TracedRecordsPane, TracePathPane
from sage_tui.dashboard.trace.traced_records import Followed, TracedRecords, calls_of
from sage_tui.dashboard.widgets.header import ENDED
from sage_tui.journal.lines import LineSource
from sage_tui.state import format as fmt
from sage_tui.state.views import SessionView

RECORDS_SHOWN = 6


class TraceScreen(DeckScreen):
    """The followed records above, the way of the chosen one below. `operator` (an id) narrows down to those it had."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("t", "app.follow", "Follow another", id="trace.another"),
        Binding("left", "other(1)", "Earlier record", show=False, id="trace.earlier"),
        Binding("right", "other(-1)", "Later record", show=False, id="trace.later"),
    ]

    def __init__(self, operator: str | None, finder: RunLinesFinder, colours: SourceColours) -> None:
        self._operator = operator
        self._finder = finder
        self._records: TracedRecords | None = None
        self._shown: tuple[int, int] = (0, 0)
        self.followed = TracedRecordsPane("")
        self.way = TracePathPane(colours)
        super().__init__(Deck([self.followed, self.way], _divide, "way"))
        if operator is not None:
            self.deck.labels["followed"] = f"Followed through {fmt.clean(operator)}"

    def note_view(self, view: SessionView) -> None:
        run = (view.shown.run, view.replay.epoch if view.replay is not None else 0)
        if self._records is None or run != self._shown:
            source = self._finder.lines(view, view.shown.run, "trace")
            if source is None:
                return
            self._shown, self._records = run, TracedRecords(source)
        self.followed.table.say(self._none_yet(view))
        if not view.held:
            self._records.poll()
        records = self._records.latest_first()
        if self._operator is not None:
            records = [record for record in records if record.went(self._operator)]
        self.followed.show_records(records)
        self._show_way()

    def _none_yet(self, view: SessionView) -> str:
        """What is said while there are no records, and which key helps."""
        can = view.live and view.current.phase not in ENDED
        if self._operator is None:
            return "No record has been followed yet" + (": t follows the next one" if can else "")
        words = f"No followed record has come to {fmt.clean(self._operator)} yet"
        return words + (": t follows another" if can else "")

    def _show_way(self) -> None:
        record = self.followed.current()
        self.way.show_record(record, () if record is None else self._edges(record), self._failed_calls)
        if record is not None:
            self.deck.set_label("way", f"The way of #{record.number} from {fmt.clean(record.first.operator)}")

    def _failed_calls(self, step: Trace) -> int:
        calls = None if self.view is None else self._finder.lines(self.view, self.view.shown.run, "service_call")
        return 0 if calls is None else sum(call.error is not None for call in calls_of(step, calls))

    def _edges(self, record: Followed) -> tuple[EdgeInfo, ...]:
        pipelines = self.view.shown.pipelines if self.view is not None else ()
        return next((pipeline.edges for pipeline in pipelines if pipeline.id == record.pipeline), ())

    def action_other(self, by: int) -> None:
        """Choose another record, later or earlier."""
        self.followed.table.action_move(by)

    def on_traced_records_pane_chosen(self, event: TracedRecordsPane.Chosen) -> None:
        event.stop()
        self._show_way()

    def on_trace_path_pane_opened(self, event: TracePathPane.Opened) -> None:
        event.stop()
        self.post_message(StepOpened(event.step))


def _divide(width: int, height: int) -> Groups:
    top = max(4, min(height // 3, RECORDS_SHOWN + 3))
    return [(("followed",), Box(0, 0, width, top)), (("way",), Box(0, top, width, height - top))]


def step_detail(step: Trace, calls: LineSource | None) -> Detail:
    """Everything that is known of a step: values whole, times, service calls with arguments and answers."""
    made = [] if calls is None else calls_of(step, calls)
    facts = [
        ("record", f"#{step.trace}"),
        ("waited", fmt.duration(step.waited)),
        ("worked", fmt.duration(step.duration)),
        ("calls", f"{len(step.calls)}" if step.calls else ""),
        ("pipeline", step.pipeline),
    ]
    sections = [] if step.before is None else [Section("before", step.before)]
    for number, value in enumerate(step.after, start=1):
        sections.append(Section("after" if len(step.after) == 1 else f"after, {number} of {len(step.after)}", value))
    if step.error is not None:
        sections.append(Section("raised", step.error, "$look-bad"))
    elif not step.after:
        sections.append(Section("after", "nothing came out of it", "$look-muted"))
    for call in made:
        answer = f"raised {call.error}" if call.error is not None else f"→ {call.result}"
        times = f"waited {fmt.duration(call.waited)}, took {fmt.duration(call.duration)}"
        look = "$look-bad" if call.error is not None else ""
        heading = f"called {call.service}.{call.method}, {times}"
        sections.append(Section(heading, f"({call.arguments})\n{answer}", look))
    if len(made) < len(step.calls):
        sections.append(
            Section("calls", f"{len(step.calls) - len(made)} of its service calls were left out of the journal")
        )
    return Detail(step.operator, facts, sections)
