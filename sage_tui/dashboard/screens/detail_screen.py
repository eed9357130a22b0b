"""A box that shows one thing in full: a line, a service call, a step of a traced record."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from sage_runtime.events import Failure, ServiceCall
from sage_tui.journal.lines import Line, LineSource
from sage_tui.state import format as fmt
from sage_tui.state.views import RunView

LONGEST = 100_000
"""The most characters of a text that are shown; a note says how many follow."""


@dataclass(frozen=True, slots=True)
class Section:
    """A heading and a text of several lines below it; `look` is a style such as `$look-bad`."""

    heading: str
    text: str
    look: str = ""


@dataclass(frozen=True, slots=True)
class Detail:
    """What the box shows: facts as pairs of name and value, then sections."""

    title: str
    facts: Sequence[tuple[str, str]]
    sections: Sequence[Section]

    def plain(self) -> str:
        """All of it as text, for copying."""
        facts = [f"{name}: {value}" for name, value in self.facts]
        sections = [f"\n{section.heading}\n{section.text}" for section in self.sections]
        return "\n".join([self.title, *facts, *sections])


def safe_text(text: str) -> str:
    """A text of several lines, each safe to show; cut after `LONGEST` characters."""
    shown = text[:LONGEST]
    lines = "\n".join(fmt.clean(line) for line in shown.split("\n"))
    if len(text) > LONGEST:
        lines += f"\n… {fmt.exact(len(text) - LONGEST)} more characters"
    return lines


class DetailScreen(ModalScreen[None]):
    """Escape, Enter or `q` closes it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,enter", "dismiss", "Close", id="detail.close"),
        Binding("y", "copy", "Copy all", id="detail.copy"),
        Binding("up,k", "scroll(-1)", "Up", show=False, id="detail.up"),
        Binding("down,j", "scroll(1)", "Down", show=False, id="detail.down"),
    ]

    def __init__(self, detail: Detail) -> None:
        super().__init__()
        self.detail = detail

    def compose(self) -> ComposeResult:
        # the facts scroll too: on a small screen they would leave little room for the rest
        with Vertical(classes="box"), VerticalScroll(can_focus=True):
            yield Static(id="facts", markup=False)
            yield Static(id="sections", markup=False)

    def on_mount(self) -> None:
        self.show_detail(self.detail)

    def show_detail(self, detail: Detail) -> None:
        self.detail = detail
        box = self.query_one(".box")
        box.border_title = Content(fmt.clean(detail.title))
        box.border_subtitle = Content("esc closes · y copies")
        self.query_one("#facts", Static).update(_facts(detail.facts))
        self.query_one("#sections", Static).update(_sections(detail.sections))

    def action_copy(self) -> None:
        self.app.copy_to_clipboard(self.get_selected_text() or self.detail.plain())

    def action_scroll(self, by: int) -> None:
        self.query_one(VerticalScroll).scroll_relative(y=by, animate=False)

    async def action_dismiss(self, result: None = None) -> None:
        self.dismiss(result)


def _facts(facts: Sequence[tuple[str, str]]) -> Content:
    width = max((len(name) for name, _ in facts), default=0)
    lines = [
        Content.assemble((f"{name:>{width}}  ", "$look-muted"), fmt.clean(value)) for name, value in facts if value
    ]
    return Content("\n").join(lines)


def _sections(sections: Sequence[Section]) -> Content:
    parts: list[Content] = []
    for section in sections:
        parts.append(Content.assemble((section.heading, "$look-muted underline")))
        parts.append(Content.assemble((safe_text(section.text), section.look)))
        parts.append(Content(""))
    return Content("\n").join(parts[:-1])


SOON = 1.0
"""The most seconds between a failed call and its own failure."""


def call_detail(call: ServiceCall, failure: Failure | None = None) -> Detail:
    """The detail of a service call."""
    caller = call.caller or "script"
    if call.replica is not None:
        caller += f" (replica {call.replica})"
    facts = [
        ("time", fmt.clock(call.t, milliseconds=True)),
        ("caller", caller),
        ("waited", fmt.duration(call.waited)),
        ("took", fmt.duration(call.duration)),
        ("call", f"{call.id}" + (f", made in call {call.parent}" if call.parent is not None else "")),
        ("pipeline", call.pipeline),
    ]
    sections = [Section("arguments", call.arguments or "(none)")]
    if call.error is None:
        sections.append(Section("result", call.result if call.result is not None else "None"))
    else:
        sections.append(Section("raised", call.error, "$look-bad"))
        if failure is not None and failure.traceback:
            own = abs(failure.t - call.t) <= SOON
            heading = (
                "traceback" if own else f"traceback of the same error at {fmt.clock(failure.t, milliseconds=True)}"
            )
            sections.append(Section(heading, failure.traceback.rstrip()))
    return Detail(f"{call.service}.{call.method}", facts, sections)


def failure_of(call: ServiceCall, run: RunView, failures: LineSource) -> Failure | None:
    """The failure of a failed call: the nearest in time of its service's samples with the same type."""
    if call.error is None:
        return None
    exception = call.error.partition(":")[0].rpartition(".")[2]
    nearest: Failure | None = None
    for group in run.failures:
        fits = group.source == call.service and group.pipeline in (call.pipeline, None)
        if not fits or group.exception.rpartition(".")[2] != exception:
            continue
        for position in group.positions:
            for line in failures.read(position, position + 1):
                failure = line.event
                if isinstance(failure, Failure) and (
                    nearest is None or abs(failure.t - call.t) < abs(nearest.t - call.t)
                ):
                    nearest = failure
    return nearest


def line_detail(line: Line) -> Detail:
    """The detail of a line of any channel."""
    if isinstance(line.event, ServiceCall):
        return call_detail(line.event)
    facts = [
        ("time", fmt.clock(line.t, milliseconds=True)),
        ("source", line.source or "script"),
        ("pipeline", line.pipeline or ""),
        ("kind", line.kind),
        ("line", fmt.exact(line.number + 1)),
        ("logger", getattr(line.event, "logger", "")),
    ]
    return Detail("Line", facts, [Section("text", line.text)])
