"""The runs of the session: a row for each, what was edited between two, and how they compare."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePath

from textual.app import ComposeResult
from textual.message import Message
from textual.widget import Widget

from sage_runtime.frozen import Frozen
from sage_tui.dashboard.base.pane import Pane
from sage_tui.dashboard.base.strips import Span
from sage_tui.dashboard.base.table import Column, Table
from sage_tui.dashboard.base.text import Text
from sage_tui.dashboard.compare.baselines import share_span
from sage_tui.dashboard.widgets.header import ENDED, PHASES
from sage_tui.session.reload.versions import FileChange
from sage_tui.state import format as fmt
from sage_tui.state.comparison import Level, Measure, change
from sage_tui.state.views import RunSummary, SessionView


class RunRow(Frozen):
    """A run, and whether others are compared with it."""

    run: RunSummary
    marked: bool = False


class RunMoved(Message):
    """The cursor is on another run, or another one is marked."""


def _outcome(row: RunRow, width: int) -> list[Span]:
    run = row.run
    glyph, look = PHASES.get(run.phase, ("○", "muted"))
    word = run.signal or (f"{run.phase} ({run.exit_code})" if run.exit_code else run.phase)
    return [Span(f"{glyph} ", look), Span(fmt.pad(fmt.clean(word), width - 2), look if look == "bad" else "")]


def _why(row: RunRow, width: int) -> Span:
    run = row.run
    if run.changed:
        return Span(fmt.clean(", ".join(PurePath(file).name for file in run.changed)) + " changed", "muted")
    return Span({"start": "", "restart": "started again"}.get(run.reason, fmt.clean(run.reason)), "muted")


def _number(row: RunRow, width: int) -> list[Span]:
    mark = Span("◆ ", "accent") if row.marked else Span("  ")
    return [mark, Span(fmt.pad(str(row.run.run), width - 2))]


def _mean(run: RunSummary) -> str:
    return fmt.rate(run.records / run.duration) if run.duration > 0 else "–"


RUN_COLUMNS: tuple[Column[RunRow], ...] = (
    Column("  run", 6, _number, align="left"),
    Column("version", 7, lambda r, w: Span(f"v{r.run.version}" if r.run.version else "–", "muted"), rank=4),
    Column("outcome", 12, _outcome, align="left", grow=True, most=18),
    Column("started", 8, lambda r, w: Span(fmt.clock(r.run.started), "muted"), rank=5),
    Column("took", 7, lambda r, w: Span(fmt.elapsed(r.run.duration)), rank=1),
    Column("records", 9, lambda r, w: Span(fmt.count(r.run.records)), rank=2),
    Column("mean /s", 7, lambda r, w: Span(_mean(r.run), "strong")),
    Column(
        "failed", 7, lambda r, w: Span(f"✗ {fmt.count(r.run.errors)}", "bad") if r.run.errors else Span("0", "muted")
    ),
    Column("why", 12, _why, align="left", rank=3, grow=True, most=60),
)


class RunsPane(Pane):
    """A row for each run, the latest first. The one marked with ◆ is what the others are compared with."""

    pane = "runs"
    label = "Runs"
    short = "Runs"

    def __init__(self) -> None:
        super().__init__()
        self.table: Table[RunRow] = Table(RUN_COLUMNS, "No runs yet")
        self.marked: int | None = None
        self._rows: dict[int, RunRow] = {}

    def compose(self) -> ComposeResult:
        yield self.table

    @property
    def main(self) -> Widget:
        return self.table

    def show_view(self, view: SessionView) -> None:
        rows: dict[int, RunRow] = {}
        shown = self.base() if self.marked is None else self.marked
        for run in reversed(view.runs):
            row, old = RunRow(run, run.run == shown), self._rows.get(run.run)
            rows[run.run] = old if old == row and old is not None else row
        self._rows = rows
        self.table.show_rows([(str(number), row) for number, row in rows.items()])
        self.set_note("m marks what to compare with")

    def selected(self) -> int | None:
        """The run under the cursor."""
        row = self.table.current()
        return None if row is None else row.run.run

    def base(self) -> int | None:
        """The run to compare the selected one with: the marked one, else the last one before it that had records."""
        selected = self.selected()
        if self.marked is not None and self.marked != selected:
            return self.marked
        earlier = [run for run in self._rows if selected is not None and run < selected]
        useful = [run for run in earlier if self._rows[run].run.records]
        return max(useful or earlier, default=None)

    def mark(self) -> None:
        """Compare with the run under the cursor from now on; again: with the one before each."""
        selected = self.selected()
        self.marked = None if self.marked == selected else selected

    def copied(self) -> str | None:
        row = self.table.current()
        if row is None:
            return None
        run = row.run
        return f"run {run.run}: {run.phase}, {fmt.elapsed(run.duration)}, {run.records} records, {run.errors} failed"

    def on_table_moved(self, event: Table.Moved) -> None:
        event.stop()
        self.post_message(RunMoved())


class EditsPane(Pane):
    """The files that differ between two runs, and how."""

    pane = "edits"
    label = "What was edited"
    short = "Edits"

    def __init__(self) -> None:
        super().__init__()
        self.text = Text()

    def compose(self) -> ComposeResult:
        yield self.text

    @property
    def main(self) -> Widget:
        return self.text

    def show_edits(self, changes: Sequence[FileChange] | None, base: int | None, live: bool) -> None:
        """Show these; None: they aren't known."""
        if base is None:
            self.text.say("There is no run to compare with")
        elif changes is None:
            words = "The files of this run are no longer remembered" if live else "A recording holds no code"
            self.text.say(words)
        elif not changes:
            self.text.say(f"Same files as in run {base}")
        else:
            self.text.show_lines(diff_lines(changes))

    def copied(self) -> str | None:
        return self.text.plain() or None


def diff_lines(changes: Sequence[FileChange]) -> list[list[Span]]:
    """The changes as lines: each file's name and counts over its diff."""
    lines: list[list[Span]] = []
    for changed in changes:
        if lines:
            lines.append([Span("")])
        head = [Span(f" {fmt.clean(changed.path)}", "strong")]
        if changed.kind != "changed":
            head.append(Span(f"  {changed.kind}", "accent"))
        if changed.lines:
            head += (Span(f"  +{changed.added}", "good"), Span(f" -{changed.removed}", "bad"))
        else:
            head.append(Span("  no text that is kept", "muted"))
        lines.append(head)
        for line in changed.lines:
            look = {"+": "good", "-": "bad", "@": "accent"}.get(line[:1], "muted")
            lines.append([Span(f"  {fmt.clean(line)}", look)])
    return lines


class ComparedRow(Frozen):
    """An operator, a service or a method of one (if it has several) in two runs; None where it isn't in one."""

    name: str
    service: bool
    before: Measure | None
    now: Measure | None
    method: str = ""


def _level(found: Measure | None, which: str) -> Span:
    if found is None:
        return Span("–", "muted")
    level: Level = getattr(found, which)
    if not level.bins:
        return Span("–", "muted")
    return Span(fmt.rate(level.mean) if which == "rate" else fmt.duration(level.mean))


def _share(row: ComparedRow, which: str) -> Span:
    if row.now is None or row.before is None:
        return Span("")
    found = change(row.now, row.before)
    span = share_span(found.rate) if which == "rate" else share_span(found.p95, more_is_good=False)
    return span if span.text else Span("=", "muted")


def _errors(found: Measure | None) -> Span:
    if found is None:
        return Span("–", "muted")
    return Span(f"✗ {fmt.count(found.errors)}", "bad") if found.errors else Span("0", "muted")


def compared_columns(base: int, run: int) -> tuple[Column[ComparedRow], ...]:
    """The columns of a comparison of two runs."""

    def name(row: ComparedRow, width: int) -> Span:
        text = f"    .{row.method}" if row.method else ("◇ " if row.service else "  ") + row.name
        return Span(fmt.clean(text), "" if row.now else "muted")

    return (
        Column("", 14, name, align="left", grow=True, most=30),
        Column(f"/s #{base}", 7, lambda r, w: _level(r.before, "rate")),
        Column(f"/s #{run}", 7, lambda r, w: _level(r.now, "rate")),
        Column("", 7, lambda r, w: _share(r, "rate"), align="left"),
        Column(f"p95 #{base}", 8, lambda r, w: _level(r.before, "p95"), rank=3),
        Column(f"p95 #{run}", 8, lambda r, w: _level(r.now, "p95"), rank=3),
        Column("", 7, lambda r, w: _share(r, "p95"), align="left", rank=2),
        Column(f"fail #{base}", 8, lambda r, w: _errors(r.before), rank=5),
        Column(f"fail #{run}", 8, lambda r, w: _errors(r.now), rank=4),
    )


class ComparisonPane(Pane):
    """Operators and services of two runs side by side, at the same age."""

    pane = "comparison"
    label = "Comparison"
    short = "Compare"

    def __init__(self) -> None:
        super().__init__()
        self.table: Table[ComparedRow] = Table(compared_columns(1, 2))
        self._runs = (1, 2)

    def compose(self) -> ComposeResult:
        yield self.table

    @property
    def main(self) -> Widget:
        return self.table

    def show_rows(self, base: int, run: int, age: float, rows: Sequence[ComparedRow]) -> None:
        """Show these rows for two runs."""
        if (base, run) != self._runs:
            self._runs = (base, run)
            self.table.set_columns(compared_columns(base, run))
        self.set_note(f"run {run} against run {base}, both after {fmt.elapsed(age)}")
        self.table.show_rows([(f"{row.service} {row.name} {row.method}", row) for row in rows])

    def say(self, words: str) -> None:
        """Show no rows, and why."""
        self.table.empty = words
        self.set_note("")
        self.table.show_rows([])
        self.table.refresh()

    def on_table_moved(self, event: Table.Moved) -> None:
        event.stop()

    def on_table_opened(self, event: Table.Opened) -> None:
        event.stop()


def is_over(run: RunSummary) -> bool:
    """Whether nothing of a run changes any more."""
    return run.phase in ENDED
