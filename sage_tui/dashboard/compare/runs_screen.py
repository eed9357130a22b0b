"""All runs of the session: what was edited between two of them, and how they compare."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import PurePath
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.message import Message

from sage_runtime.frozen import Frozen
from sage_tui.dashboard.base.grid import NARROW, Box, Groups, PaneGrid
from sage_tui.dashboard.base.indicators import ENDED, PHASES, failed_span
from sage_tui.dashboard.base.pane import TablePane, TextPane
from sage_tui.dashboard.base.strips import Span
from sage_tui.dashboard.base.table import Column
from sage_tui.dashboard.compare.baselines import keys_of, share_span
from sage_tui.dashboard.messages import PaneChosen
from sage_tui.dashboard.screens.pane_screen import SubjectScreen
from sage_tui.session.protocol import SessionWithHistory
from sage_tui.session.reload.versions import FileChange
from sage_tui.state import format as fmt
from sage_tui.state.comparison import Level, Measure, change, measure
from sage_tui.state.views import RunSummary, SessionView


class RunRow(Frozen):
    """A run, and whether the others are compared with it."""

    run: RunSummary
    marked: bool = False


class RunMoved(Message):
    """The cursor has moved to another run."""


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
    Column("in", 9, lambda r, w: Span(fmt.count(r.run.records)), rank=2),
    Column("mean /s", 7, lambda r, w: Span(_mean(r.run), "strong")),
    Column("failed", 7, lambda r, w: failed_span(r.run.errors)),
    Column("why", 12, _why, align="left", rank=3, grow=True, most=60),
)


class RunsPane(TablePane[RunRow]):
    """A row for each run, the latest first. The others are compared with the one marked ◆."""

    pane = "runs"
    label = "Runs"
    short = "Runs"

    def __init__(self) -> None:
        super().__init__(RUN_COLUMNS, "No runs yet")
        self.marked: int | None = None
        self._rows: dict[int, RunRow] = {}

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
        row = self.table.current()
        return None if row is None else row.run.run

    def base(self) -> int | None:
        """The run to compare the selected one with: the marked one, else the previous one that had records."""
        selected = self.selected()
        if self.marked is not None and self.marked != selected:
            return self.marked
        earlier = [run for run in self._rows if selected is not None and run < selected]
        useful = [run for run in earlier if self._rows[run].run.records]
        return max(useful or earlier, default=None)

    def mark(self) -> None:
        """Compare with the run under the cursor from now on; again: with the previous run of each."""
        selected = self.selected()
        self.marked = None if self.marked == selected else selected

    def row_text(self, row: RunRow) -> str:
        run = row.run
        return f"run {run.run}: {run.phase}, {fmt.elapsed(run.duration)}, {run.records} in, {run.errors} failed"

    def row_moved(self, key: str) -> None:
        self.post_message(RunMoved())

    def row_opened(self, key: str) -> None:
        self.post_message(PaneChosen("comparison"))


class EditsPane(TextPane):
    """The files that differ between two runs, and how."""

    pane = "edits"
    label = "What was edited"
    short = "Edits"

    def show_edits(self, changes: Sequence[FileChange] | None, base: int | None, live: bool) -> None:
        """Show these changes; None: they aren't known."""
        if base is None:
            self.text.show_empty("No run to compare with")
        elif changes is None:
            words = "The files of this run are no longer kept" if live else "Recordings contain no code"
            self.text.show_empty(words)
        elif not changes:
            self.text.show_empty(f"Same files as in run {base}")
        else:
            self.text.show_lines(diff_lines(changes))


def diff_lines(changes: Sequence[FileChange]) -> list[list[Span]]:
    """The changes as lines: for each file its name, its counts and its diff."""
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
            head.append(Span("  contents not kept", "muted"))
        lines.append(head)
        for line in changed.lines:
            look = {"+": "good", "-": "bad", "@": "accent"}.get(line[:1], "muted")
            lines.append([Span(f"  {fmt.clean(line)}", look)])
    return lines


class ComparedRow(Frozen):
    """An operator, a service, or a method of a service with several, in two runs; None if it isn't in one."""

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


def _failed(found: Measure | None) -> Span:
    return Span("–", "muted") if found is None else failed_span(found.errors)


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
        Column(f"fail #{base}", 8, lambda r, w: _failed(r.before), rank=5),
        Column(f"fail #{run}", 8, lambda r, w: _failed(r.now), rank=4),
    )


class ComparisonPane(TablePane[ComparedRow]):
    """Operators and services of two runs side by side, at the same age."""

    pane = "comparison"
    label = "Comparison"
    short = "Compare"

    def __init__(self) -> None:
        super().__init__(compared_columns(1, 2))
        self._runs = (1, 2)

    def show_rows(self, base: int, run: int, age: float, rows: Sequence[ComparedRow]) -> None:
        if (base, run) != self._runs:
            self._runs = (base, run)
            self.table.set_columns(compared_columns(base, run))
        self.set_note(f"run {run} against run {base}, both after {fmt.elapsed(age)}")
        self.table.show_rows([(f"{row.service} {row.name} {row.method}", row) for row in rows])

    def show_empty(self, words: str) -> None:
        """Show no rows, and why."""
        self.table.empty = words
        self.set_note("")
        self.table.show_rows([])
        self.table.refresh()


def is_over(run: RunSummary) -> bool:
    """Whether a run has ended."""
    return run.phase in ENDED


OFTEN = 2.0
"""Seconds between two comparisons with a run that continues."""


class Comparison(Frozen):
    """Two runs side by side at the same age; `rows` is empty if one of them can't be read."""

    age: float
    rows: tuple[ComparedRow, ...]


class RunsScreen(SubjectScreen):
    """The runs above, edits and comparison below. `m` marks the run that others are compared with."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("m", "mark", "Mark", tooltip="Compare the other runs with this one", id="runs.mark"),
    ]

    def __init__(self, session: SessionWithHistory, in_thread: Callable[[Callable[[], None]], object]) -> None:
        self._session = session
        self._in_thread = in_thread
        self._rows = 1
        self._found: dict[tuple[int, int], tuple[float, Comparison | None]] = {}
        self.runs = RunsPane()
        self.edits = EditsPane()
        self.comparison = ComparisonPane()
        super().__init__(PaneGrid([self.runs, self.comparison, self.edits], self._divide, "runs"))

    def _divide(self, width: int, height: int) -> Groups:
        """The runs above comparison and edits, which are side by side if there is room."""
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
            self.grid.rearrange()

    def on_run_moved(self, event: RunMoved) -> None:
        event.stop()
        self._show_pair()

    def action_mark(self) -> None:
        self.runs.mark()
        self._show_pair()

    def _show_pair(self) -> None:
        """Show the selected run and the one it is compared with."""
        if self.view is None:
            return
        self.runs.show_view(self.view)
        run, base = self.runs.selected(), self.runs.base()
        if run is None or base is None:
            self.edits.show_edits(None, None, self.view.live)
            self.comparison.show_empty("No run to compare with")
            return
        self.edits.show_edits(self._session.changes(run, base), base, self.view.live)
        found = self._compared(base, run)
        if found is None:
            self.comparison.show_empty("…")
        elif not found.rows:
            self.comparison.show_empty("No measurements to compare")
        else:
            self.comparison.show_rows(base, run, found.age, found.rows)

    def _compared(self, base: int, run: int) -> Comparison | None:
        """The last comparison; a new one is requested if a run has continued since."""
        assert self.view is not None
        going = [one for one in self.view.runs if one.run in (base, run) and not is_over(one)]
        moment = max((one.duration for one in going), default=float("inf"))
        asked, found = self._found.get((base, run), (None, None))
        if asked is None or (asked != moment and (moment == float("inf") or moment - asked >= OFTEN)):
            self._found[base, run] = (moment, found)
            self._in_thread(lambda: self._compare(base, run, moment))
        return found

    def _compare(self, base: int, run: int, moment: float) -> None:
        self._found[base, run] = (moment, compared(self._session, base, run))


def compared(session: SessionWithHistory, base: int, run: int) -> Comparison:
    """Two runs side by side, up to the age that both have reached. Reads journals: not for the dashboard's thread."""
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
    return Comparison(age, tuple(rows))
