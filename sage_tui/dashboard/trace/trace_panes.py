"""The panes of followed records: which there are, and the way of one of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from textual.app import ComposeResult
from textual.message import Message
from textual.widget import Widget

from sage_runtime.events import EdgeInfo, Trace
from sage_tui.dashboard.base.pane import Pane
from sage_tui.dashboard.base.strips import Span, span
from sage_tui.dashboard.base.table import Column, Table
from sage_tui.dashboard.log.as_json import event_json
from sage_tui.dashboard.log.formatters import one_line
from sage_tui.dashboard.log.source_colours import SourceColours
from sage_tui.dashboard.trace.traced_records import Followed
from sage_tui.state import format as fmt
from sage_tui.state.trace_tree import TraceRow

LEAST_ALIKE = 12
"""Characters that two values begin with alike before the second is shown without them."""

SHOWN = 300
"""Characters of a value that are made ready for the screen."""


class TracedRecordsPane(Pane):
    """A row for each followed record, the latest first."""

    pane = "followed"
    label = "Followed records"
    short = "Records"

    class Chosen(Message):
        """The cursor is on another record."""

    def __init__(self, empty: str) -> None:
        super().__init__()
        self.table: Table[Followed] = Table(FOLLOWED_COLUMNS, empty)
        self._shown: dict[str, tuple[int, Followed]] = {}

    def compose(self) -> ComposeResult:
        yield self.table

    @property
    def main(self) -> Widget:
        return self.table

    def show_records(self, records: Sequence[Followed]) -> None:
        """Show these records; the cursor goes to a new one if it was on the latest."""
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

    def current(self) -> Followed | None:
        """The record that is chosen."""
        return self.table.current()

    def copied(self) -> str | None:
        record = self.table.current()
        return None if record is None else "\n".join(f"{step.operator}: {step.before}" for step in record.steps)

    def copied_json(self) -> str | None:
        record = self.table.current()
        return None if record is None else "\n".join(map(event_json, record.steps))

    def on_table_moved(self, event: Table.Moved) -> None:
        event.stop()
        self.post_message(self.Chosen())

    def on_table_opened(self, event: Table.Opened) -> None:
        event.stop()


def _value(record: Followed) -> str:
    first = record.first
    return one_line(first.after[0] if first.after else first.before or "", SHOWN)[0]


FOLLOWED_COLUMNS: tuple[Column[Followed], ...] = (
    Column("", 4, lambda r, w: Span(f"#{r.number}", "muted")),
    Column("left", 8, lambda r, w: Span(fmt.clock(r.t), "muted"), rank=3),
    Column("source", 12, lambda r, w: Span(fmt.clean(r.first.operator)), align="left", rank=2),
    Column("record", 12, lambda r, w: Span(_value(r), "strong"), align="left", grow=True),
    Column("steps", 6, lambda r, w: Span(fmt.count(r.count))),
    Column("lasted", 7, lambda r, w: Span(fmt.duration(r.lasted())), rank=1),
)


class TracePathPane(Pane):
    """The steps of a followed record, one a row; Enter shows one whole."""

    pane = "way"
    label = "Its way"
    short = "Way"

    class Opened(Message):
        """Enter on a step."""

        def __init__(self, step: Trace) -> None:
            super().__init__()
            self.step = step

    def __init__(self, colours: SourceColours) -> None:
        super().__init__()
        self._colours = colours
        self.table: Table[TraceRow] = Table(self._columns(), "No step of it is known")
        self._shown: tuple[object, int] = (None, 0)
        self._failed: dict[int, int] = {}

    def _columns(self) -> tuple[Column[TraceRow], ...]:
        return (
            Column("operator", 16, self._operator, align="left", grow=True, most=30),
            Column("value", 20, _change, align="left", grow=True),
            Column("waited", 7, lambda r, w: _seconds(r.step.waited), rank=2),
            Column("worked", 7, lambda r, w: _seconds(r.step.duration, "strong"), rank=1),
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

    def compose(self) -> ComposeResult:
        yield self.table

    @property
    def main(self) -> Widget:
        return self.table

    def show_record(
        self, record: Followed | None, edges: Sequence[EdgeInfo], failed: Callable[[Trace], int] = lambda step: 0
    ) -> None:
        """Show the way of this record; `failed` tells how many of a step's service calls raised."""
        shown = (record, 0 if record is None else record.count)
        if shown != self._shown:
            self._shown = shown
            rows = [] if record is None else record.rows(edges)
            self._failed = {id(row): failed(row.step) for row in rows if row.step.calls}
            self.table.show_rows([(str(i), row) for i, row in enumerate(rows)])
            left = 0 if record is None else record.count - len(rows)
            self.set_note(f"{fmt.exact(left)} more steps" if left else "")

    def copied(self) -> str | None:
        row = self.table.current()
        if row is None:
            return None
        step = row.step
        times = f"waited {fmt.duration(step.waited)}, worked {fmt.duration(step.duration)}"
        came = f"raised {step.error}" if step.error is not None else ", ".join(step.after) or "nothing"
        return f"{step.operator}: {step.before} → {came} ({times})"

    def copied_json(self) -> str | None:
        row = self.table.current()
        return None if row is None else event_json(row.step)

    def on_table_moved(self, event: Table.Moved) -> None:
        event.stop()

    def on_table_opened(self, event: Table.Opened) -> None:
        event.stop()
        row = self.table.current()
        if row is not None:
            self.post_message(self.Opened(row.step))


def _seconds(seconds: float, look: str = "") -> Span:
    return Span(fmt.duration(seconds), look) if seconds > 0 else Span("–", "muted")


def difference(before: str, after: str) -> str:
    """What is new in `after`, if the two begin alike: `…, 'found': 3}`."""
    alike = next((i for i, (a, b) in enumerate(zip(before, after, strict=False)) if a != b), len(before))
    start = after.rfind(", ", 0, alike + 2)
    return f"…{after[start:]}" if start >= LEAST_ALIKE else after


def _change(row: TraceRow, width: int) -> list[Span]:
    """`before → after`: what changed is what matters, so a value that only passes is shown once."""
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
