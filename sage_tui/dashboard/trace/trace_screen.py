"""Traced records: which there are, and the path of each through the operators."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from textual.app import App
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.screen import Screen

from sage_runtime.events import EdgeInfo, Follow, ServiceCall, Step, Trace
from sage_runtime.events.kinds import SOURCE_KINDS
from sage_tui.dashboard.base.grid import Box, Groups, PaneGrid
from sage_tui.dashboard.base.indicators import ENDED, duration_span
from sage_tui.dashboard.base.pane import TablePane
from sage_tui.dashboard.base.strips import Span, span
from sage_tui.dashboard.base.table import Column
from sage_tui.dashboard.context import Context
from sage_tui.dashboard.log.export import event_json
from sage_tui.dashboard.log.formatters import SourceColours, one_line
from sage_tui.dashboard.messages import StepOpened
from sage_tui.dashboard.screens.detail_screen import Detail, Section
from sage_tui.dashboard.screens.pane_screen import SubjectScreen
from sage_tui.journal.lines import LineSource
from sage_tui.state import format as fmt
from sage_tui.state.trace_tree import TraceRow, way
from sage_tui.state.views import OperatorView, PipelineView, SessionView

KEPT = 200
"""How many traced records are kept: the latest."""

STEPS_KEPT = 2_000
"""How many steps of one of them are kept; further ones are only counted."""

CALLS_LOOKED_AT = 20_000
"""How many calls before the end of a step are searched for its own."""

SLACK = 0.5
"""Seconds by which a step and its calls may be out of order."""


@dataclass(slots=True, eq=False)
class TracedRecord:
    """A traced record with its steps so far."""

    pipeline: str
    number: int
    t: float
    steps: list[Trace] = field(default_factory=list)
    count: int = 0
    _rows: list[TraceRow] = field(default_factory=list)
    _seen: tuple[int, object] = (-1, None)

    @property
    def key(self) -> str:
        """Unique in the run."""
        return f"{self.pipeline}/{self.number}"

    @property
    def first(self) -> Trace:
        """Its step at the source if that is known, else the first one that is."""
        return next((step for step in self.steps if step.before is None), self.steps[0])

    def add(self, step: Trace) -> None:
        self.count += 1
        if len(self.steps) < STEPS_KEPT:
            self.steps.append(step)

    def reached(self, operator: str) -> bool:
        """Whether an operator has received it, or something made from it."""
        return any(step.operator == operator for step in self.steps)

    def lasted(self) -> float:
        """Seconds from the source to the last known step."""
        begin = min(step.t for step in self.steps)
        return max(0.0, max(step.t for step in self.steps) - begin)

    def rows(self, edges: Sequence[EdgeInfo]) -> list[TraceRow]:
        """Its path; the same list while nothing was added."""
        if self._seen != (self.count, edges):
            self._seen = (self.count, edges)
            self._rows = way(self.steps, edges)
        return self._rows


class TracedRecords:
    """Reads the `trace` channel of one run. Only the dashboard's thread uses it."""

    def __init__(self, source: LineSource) -> None:
        self._source = source
        self._read = max(0, source.count() - KEPT * 50)
        self._records: OrderedDict[str, TracedRecord] = OrderedDict()

    def poll(self) -> None:
        count = self._source.count()
        if count <= self._read:
            return
        for line in self._source.read(max(self._read, self._source.first()), count):
            if isinstance(line.event, Trace):
                self._take(line.event)
        self._read = count

    def _take(self, step: Trace) -> None:
        key = f"{step.pipeline}/{step.trace}"
        record = self._records.get(key)
        if record is None:
            record = self._records[key] = TracedRecord(step.pipeline, step.trace, step.t)
            while len(self._records) > KEPT:
                self._records.popitem(last=False)
        record.add(step)

    def latest_first(self) -> list[TracedRecord]:
        return list(reversed(self._records.values()))


def calls_of(step: Trace, source: LineSource) -> list[ServiceCall]:
    """The service calls made in a step, as far as they are in the journal."""
    wanted, found = set(step.calls), []
    stop = _until(source, step.t + SLACK) if wanted else 0
    least, earliest = max(source.first(), stop - CALLS_LOOKED_AT), step.t - step.duration - SLACK
    while wanted and stop > least:
        start = max(least, stop - 500)
        lines = source.read(start, stop)
        for line in reversed(lines):
            call = line.event
            if isinstance(call, ServiceCall) and call.pipeline == step.pipeline and call.id in wanted:
                wanted.discard(call.id)
                found.append(call)
        if not lines or lines[0].t < earliest:
            break
        stop = start
    return sorted(found, key=lambda call: call.id)


def _until(source: LineSource, t: float) -> int:
    """The position after the last line up to a time; lines are roughly in order."""
    low, high = source.first(), source.count()
    while low < high:
        middle = (low + high) // 2
        lines = source.read(middle, middle + 1)
        if lines and lines[0].t > t:
            high = middle
        else:
            low = middle + 1
    return low


LEAST_ALIKE = 12
"""The fewest characters of a common beginning that is left out of the second value."""

SHOWN = 300
"""The most characters of a value that are formatted."""


class TracedRecordsPane(TablePane[TracedRecord]):
    """A row for each traced record, the latest first."""

    pane = "records"
    label = "Traced records"
    short = "Records"

    class Chosen(Message):
        """The cursor is on another record."""

    def __init__(self) -> None:
        super().__init__(RECORD_COLUMNS)
        self._shown: dict[str, tuple[int, TracedRecord]] = {}

    def show_records(self, records: Sequence[TracedRecord]) -> None:
        """Show these records; the cursor follows the latest one if it was on it."""
        counts = {record.key: (record.count, record) for record in records}
        if counts == self._shown:
            return
        newest = next(iter(self._shown), None)
        on_newest = self.table.cursor in (None, newest)
        self._shown = counts
        self.table.show_rows([(record.key, record) for record in records])
        if on_newest and records:
            self.table.select(records[0].key)
        self.table.refresh()

    def row_text(self, record: TracedRecord) -> str:
        return "\n".join(f"{step.operator}: {step.before}" for step in record.steps)

    def copied_json(self) -> str | None:
        record = self.table.current()
        return None if record is None else "\n".join(map(event_json, record.steps))

    def row_moved(self, key: str) -> None:
        self.post_message(self.Chosen())


def _value(record: TracedRecord) -> str:
    first = record.first
    return one_line(first.after[0] if first.after else first.before or "", SHOWN)[0]


RECORD_COLUMNS: tuple[Column[TracedRecord], ...] = (
    Column("", 4, lambda r, w: Span(f"#{r.number}", "muted")),
    Column("left", 8, lambda r, w: Span(fmt.clock(r.t), "muted"), rank=3),
    Column("source", 12, lambda r, w: Span(fmt.clean(r.first.operator)), align="left", rank=2),
    Column("record", 12, lambda r, w: Span(_value(r), "strong"), align="left", grow=True),
    Column("steps", 6, lambda r, w: Span(fmt.count(r.count))),
    Column("lasted", 7, lambda r, w: Span(fmt.duration(r.lasted())), rank=1),
)


class PathPane(TablePane[TraceRow]):
    """The steps of a traced record, one a row; Enter shows all of a step."""

    pane = "path"
    label = "Path"
    short = "Path"

    def __init__(self, colours: SourceColours) -> None:
        self._colours = colours
        super().__init__(self._columns(), "No steps recorded")
        self._shown: tuple[object, int] = (None, 0)
        self._failed: dict[int, int] = {}

    def _columns(self) -> tuple[Column[TraceRow], ...]:
        return (
            Column("operator", 16, self._operator, align="left", grow=True, most=30),
            Column("value", 20, _change, align="left", grow=True),
            Column("waited", 7, lambda r, w: duration_span(r.step.waited), rank=2),
            Column("took", 7, lambda r, w: duration_span(r.step.duration, "strong"), rank=1),
            Column("calls", 8, self._calls, align="left", rank=3),
        )

    def _calls(self, row: TraceRow, width: int) -> list[Span]:
        if not row.step.calls:
            return [Span(fmt.pad("–", width), "muted")]
        failed = self._failed.get(id(row), 0)
        made, raised = f"◇ {len(row.step.calls)}", f" ✗ {failed}" if failed else ""
        return [Span(made, "accent"), Span(fmt.pad(raised, width - fmt.cell_len(made)), "bad")]

    def _operator(self, row: TraceRow, width: int) -> list[Span]:
        lines = fmt.cut(row.lines, max(1, width - 6))
        name = span(fmt.clean(row.step.operator), width - fmt.cell_len(lines), self._colours.look(row.step.operator))
        return [Span(lines, "faint"), name]

    def show_record(
        self, record: TracedRecord | None, edges: Sequence[EdgeInfo], failed: Callable[[Trace], int] = lambda step: 0
    ) -> None:
        """Show the path of this record; `failed` returns how many of a step's service calls raised."""
        shown = (record, 0 if record is None else record.count)
        if shown != self._shown:
            self._shown = shown
            rows = [] if record is None else record.rows(edges)
            self._failed = {id(row): failed(row.step) for row in rows if row.step.calls}
            self.table.show_rows([(str(i), row) for i, row in enumerate(rows)])
            left = 0 if record is None else record.count - len(rows)
            self.set_note(f"{fmt.exact(left)} more steps" if left else "")

    def row_text(self, row: TraceRow) -> str:
        step = row.step
        times = f"waited {fmt.duration(step.waited)}, took {fmt.duration(step.duration)}"
        came = f"raised {step.error}" if step.error is not None else ", ".join(step.after) or "nothing"
        return f"{step.operator}: {step.before} → {came} ({times})"

    def copied_json(self) -> str | None:
        row = self.table.current()
        return None if row is None else event_json(row.step)

    def row_opened(self, key: str) -> None:
        row = self.table.current()
        if row is not None:
            self.post_message(StepOpened(row.step))


def difference(before: str, after: str) -> str:
    """What is new in `after`, if the two begin alike: `…, 'found': 3}`."""
    alike = next((i for i, (a, b) in enumerate(zip(before, after, strict=False)) if a != b), len(before))
    start = after.rfind(", ", 0, alike + 2)
    return f"…{after[start:]}" if start >= LEAST_ALIKE else after


def _change(row: TraceRow, width: int) -> list[Span]:
    """`before → after`; a value that didn't change is shown once."""
    step = row.step
    before = one_line(step.before or "", SHOWN)[0]
    after = [one_line(value, SHOWN)[0] for value in step.after]
    if step.before is None:
        spans = [Span(fmt.cut(after[0] if after else "", width), "strong")]
    elif step.error is not None:
        raised = one_line(step.error, SHOWN)[0]
        first = fmt.cut(before, max(width // 3, width - 10 - fmt.cell_len(raised)))
        spans = [Span(first, "muted"), Span(" ✗ raised ", "bad")]
        spans.append(Span(fmt.cut(raised, max(1, width - fmt.cell_len(first) - 10)), "bad"))
    elif not after:
        end = Span("  ✓", "good") if row.arrived else Span(" → nothing", "muted")
        spans = [Span(fmt.cut(before, max(1, width - len(end.text)))), end]
    elif after == [before]:
        spans = [Span(fmt.cut(before, max(1, width - 9))), Span("  passes", "good")]
    else:
        more = f" +{len(after) - 1}" if len(after) > 1 else ""
        room = max(4, width - 3 - len(more))
        changed = difference(before, after[0])
        half = min(fmt.cell_len(before), max(room // 2, room - fmt.cell_len(changed)))
        first = fmt.cut(before, half)
        second = fmt.cut(changed, max(1, room - fmt.cell_len(first)))
        spans = [Span(first, "muted"), Span(" → ", "muted"), Span(second, "strong"), Span(more, "accent")]
    used = sum(fmt.cell_len(one.text) for one in spans)
    return [*spans, Span(" " * max(0, width - used))]


RECORDS_SHOWN = 6


class TraceScreen(SubjectScreen):
    """The traced records above, the path of the chosen one below. `operator` (an id) leaves only those it received."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("t", "app.follow", "Trace another", id="trace.another"),
        Binding("left", "other(1)", "Earlier record", show=False, id="trace.earlier"),
        Binding("right", "other(-1)", "Later record", show=False, id="trace.later"),
    ]

    def __init__(self, operator: str | None, context: Context) -> None:
        self._operator = operator
        self._session = context.session
        self._traced: TracedRecords | None = None
        self._shown: tuple[int, int] = (0, 0)
        self.records = TracedRecordsPane()
        self.path = PathPane(context.colours)
        super().__init__(PaneGrid([self.records, self.path], _divide, "path"))
        if operator is not None:
            self.grid.labels["records"] = f"Traced through {fmt.clean(operator)}"

    def note_view(self, view: SessionView) -> None:
        run = (view.shown.run, view.replay.epoch if view.replay is not None else 0)
        if self._traced is None or run != self._shown:
            source = self._session.run_lines(view.shown.run, "trace")
            if source is None:
                return
            self._shown, self._traced = run, TracedRecords(source)
        self.records.table.set_empty(self._empty_text(view))
        if not view.held:
            self._traced.poll()
        records = self._traced.latest_first()
        if self._operator is not None:
            records = [record for record in records if record.reached(self._operator)]
        self.records.show_records(records)
        self._show_path()

    def _empty_text(self, view: SessionView) -> str:
        """What is shown while there are no records, with the key that helps."""
        can = view.live and view.current.phase not in ENDED
        if self._operator is None:
            return "No traced records yet" + (": t traces the next one" if can else "")
        words = f"No traced record has reached {fmt.clean(self._operator)} yet"
        return words + (": t traces another" if can else "")

    def _show_path(self) -> None:
        record = self.records.table.current()
        self.path.show_record(record, () if record is None else self._edges(record), self._failed_calls)
        if record is not None:
            self.grid.set_label("path", f"Path of #{record.number} from {fmt.clean(record.first.operator)}")

    def _failed_calls(self, step: Trace) -> int:
        calls = None if self.view is None else self._session.run_lines(self.view.shown.run, "service_call")
        return 0 if calls is None else sum(call.error is not None for call in calls_of(step, calls))

    def _edges(self, record: TracedRecord) -> tuple[EdgeInfo, ...]:
        pipelines = self.view.shown.pipelines if self.view is not None else ()
        return next((pipeline.edges for pipeline in pipelines if pipeline.id == record.pipeline), ())

    def action_other(self, by: int) -> None:
        self.records.table.action_move(by)

    def on_traced_records_pane_chosen(self, event: TracedRecordsPane.Chosen) -> None:
        event.stop()
        self._show_path()


def _divide(width: int, height: int) -> Groups:
    top = max(4, min(height // 3, RECORDS_SHOWN + 3))
    return [(("records",), Box(0, 0, width, top)), (("path",), Box(0, top, width, height - top))]


def step_detail(step: Trace, calls: LineSource | None) -> Detail:
    """All of a step: its values, its times, its service calls with arguments and results."""
    made = [] if calls is None else calls_of(step, calls)
    facts = [
        ("record", f"#{step.trace}"),
        ("waited", fmt.duration(step.waited)),
        ("took", fmt.duration(step.duration)),
        ("calls", f"{len(step.calls)}" if step.calls else ""),
        ("pipeline", step.pipeline),
    ]
    sections = [] if step.before is None else [Section("before", step.before)]
    for number, value in enumerate(step.after, start=1):
        sections.append(Section("after" if len(step.after) == 1 else f"after, {number} of {len(step.after)}", value))
    if step.error is not None:
        sections.append(Section("raised", step.error, "$look-bad"))
    elif not step.after:
        sections.append(Section("after", "no results", "$look-muted"))
    for call in made:
        answer = f"raised {call.error}" if call.error is not None else f"→ {call.result}"
        times = f"waited {fmt.duration(call.waited)}, took {fmt.duration(call.duration)}"
        look = "$look-bad" if call.error is not None else ""
        heading = f"called {call.service}.{call.method}, {times}"
        sections.append(Section(heading, f"({call.arguments})\n{answer}", look))
    missing = len(step.calls) - len(made)
    if missing > 0:
        words = "1 of its service calls is" if missing == 1 else f"{missing} of its service calls are"
        sections.append(Section("calls", f"{words} not in the journal"))
    return Detail(step.operator, facts, sections)


class TraceActions(App[None]):
    """A part of the app: tracing records, and stepping."""

    context: Context
    view: SessionView | None

    def selected_operator(self) -> OperatorView | None:
        """The operator under the cursor of the main screen."""
        raise NotImplementedError

    def open_screen(self, screen: Screen[None]) -> None:
        """Put a screen over the others, and fill it."""
        raise NotImplementedError

    def can_follow(self, *, live: bool) -> bool:
        """Whether a record can be traced, or traced records can be shown."""
        return live or not isinstance(self.screen, TraceScreen)

    def action_follow(self) -> None:
        """Trace the next record of the selected source, or of the sources that lead to the selected operator."""
        tracing = isinstance(self.screen, TraceScreen)
        operator = None if tracing else self.selected_operator()
        self._follow(operator)
        if not tracing:
            # every record comes from a source; of another operator, show the records that reached it
            narrowed = None if operator is None or operator.kind in SOURCE_KINDS else operator.id
            self.open_screen(TraceScreen(narrowed, self.context))

    def action_step(self) -> None:
        """Release one record of the selected source, or of any, and show its path."""
        operator = self.selected_operator()
        source = operator.key if operator is not None and operator.kind in SOURCE_KINDS else None
        self.context.session.send(Follow(source, 1))
        self.context.session.send(Step(source))
        if not isinstance(self.screen, TraceScreen):
            self.open_screen(TraceScreen(None, self.context))

    def _follow(self, operator: OperatorView | None) -> None:
        if self.view is None or not self.view.live:
            return
        if operator is None:
            self.context.session.send(Follow(None, 1))
            return
        pipeline = next(one for one in self.view.shown.pipelines if one.id == operator.pipeline)
        for source in sources_of(pipeline, operator.id):
            self.context.session.send(Follow(f"{pipeline.id}/{source}", 1))


def sources_of(pipeline: PipelineView, operator: str) -> list[str]:
    """The sources from which records reach an operator, itself if it is one, in the order of the graph."""
    kinds = {one.id: one.kind for one in pipeline.operators}
    seen: set[str] = set()
    waiting = [operator]
    while waiting:
        one = waiting.pop()
        if one not in seen:
            seen.add(one)
            waiting += (edge.source for edge in pipeline.edges if edge.target == one)
    return [name for name, kind in kinds.items() if name in seen and kind in SOURCE_KINDS]
