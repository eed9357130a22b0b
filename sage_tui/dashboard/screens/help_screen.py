"""The help screen: what is where, and which key does what."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

_Section = tuple[str, Sequence[tuple[str, str]]]

_LIVE: _Section = (
    "The run",
    (
        ("r", "reload: stop and run the script again (saving a file does it too)"),
        ("p", "pause the sources; again resumes them"),
        ("s", "while paused: one step; shows the path of one record of the selected source"),
        ("t", "trace the next record of the selected operator's sources"),
        ("space", "freeze the display while the run continues; again follows it"),
        ("q", "stop and quit"),
    ),
)

_FOLLOWING: _Section = (
    "A run of another process",
    (
        ("t", "traced records: the path of each"),
        ("space", "freeze the display while the run continues; again follows it"),
        ("q", "quit; the run continues"),
    ),
)

_EVERYWHERE: Sequence[_Section] = (
    (
        "Moving around",
        (
            ("1 … {panes}", "go to a pane; tab and shift+tab go to the next and the previous one"),
            ("z", "zoom the pane; again restores"),
            ("enter", "open what is under the cursor: operator, service, call, failure, line"),
            ("v", "runs: what was edited between two of them, and how they compare"),
            ("c", "charts of the run, of each operator and service; w widens the window"),
            ("ctrl+p", "all commands, themes too"),
        ),
    ),
    (
        "In Output, Service calls and Log",
        (
            ("↑ ↓ pgup pgdn", "scroll; this stops following the end"),
            ("G or end", "go to the end and follow it; g goes to the first line"),
            ("← →", "scroll long lines sideways"),
            ("/   n   N", "search the whole run; older and newer match"),
            ("f", "filter: text, re:…, source:NAME, level:warning, is:stderr; - inverts"),
            ("esc", "clear search and filter"),
            ("y   Y", "copy the selection or the current line; copy as JSON"),
            ("x", "write all lines to a file, through the filter"),
            ("t   o", "in Service calls: switch between services and calls; slowest calls"),
        ),
    ),
)

_REPLAY: _Section = (
    "In a replay",
    (
        ("space", "play and stop; < and > change the speed"),
        ("[   ]", "back and forward; a click on the time line goes there"),
        ("0   $", "go to the start or the end of the run"),
        (",   .", "go to the previous or the next failure"),
        ("{   }", "go to the previous or the next run"),
        ("t", "traced records: the path of each"),
        ("q", "quit"),
    ),
)

_LEGEND: Sequence[tuple[str, str]] = (
    ("▇ 93%", "load of an operator: the share of time it works or waits for services"),
    ("queue", "records that wait for it; near its capacity the operator is too slow"),
    ("─▶  ─◀", "streams; a feedback loop returns below the operators"),
    ("◇", "a service, below the operators that call it"),
    ("▲ before a call", "one of the slowest of its method"),
    ("bottleneck", "the operator or service that limits the pipeline"),
)


class HelpScreen(ModalScreen[None]):
    """Help for a live session, a replay, or a run of another process."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,question_mark,enter", "dismiss", "Close", id="help.close"),
    ]

    def __init__(self, panes: int, *, live: bool = True, replay: bool = False) -> None:
        super().__init__()
        self._panes = panes
        self._sections = [_LIVE if live else _REPLAY if replay else _FOLLOWING, *_EVERYWHERE]

    def compose(self) -> ComposeResult:
        with Vertical(classes="box") as box:
            box.border_title = Content("Help")
            box.border_subtitle = Content("esc closes")
            with VerticalScroll():
                yield Static(help_text(self._sections, self._panes), markup=False)

    async def action_dismiss(self, result: None = None) -> None:
        self.dismiss(result)


def help_text(sections: Sequence[_Section], panes: int) -> Content:
    """The help as styled text; `panes` are numbered from 1."""
    lines: list[Content] = []
    for title, keys in sections:
        lines.append(Content.assemble((title, "bold")))
        lines += [
            Content.assemble((f"  {key.replace('{panes}', str(panes)):<15}", "$look-key"), words) for key, words in keys
        ]
        lines.append(Content(""))
    lines.append(Content.assemble(("What you see", "bold")))
    lines += [Content.assemble((f"  {sign:<15}", "$look-accent"), words) for sign, words in _LEGEND]
    return Content("\n").join(lines)
