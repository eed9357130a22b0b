"""The help screen: what is where and which key does what, readable in a minute."""

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

_LIVE: Sequence[_Section] = (
    (
        "The run",
        (
            ("r", "reload: stop and run the script again (saving a file does it too)"),
            ("p", "pause the sources; again goes on"),
            ("s", "while paused: one step, a record of the selected source, and its way"),
            ("t", "trace: follow the next record of the selected operator's sources"),
            ("space", "hold the display; the run goes on. Again follows it"),
            ("q", "stop and quit"),
        ),
    ),
)

_FOLLOWING: Sequence[_Section] = (
    (
        "A run of another process",
        (
            ("t", "trace: the way of each record that was followed"),
            ("space", "hold the display; the run goes on. Again follows it"),
            ("q", "quit; the run goes on"),
        ),
    ),
)

_EVERYWHERE: Sequence[_Section] = (
    (
        "Moving around",
        (
            ("1 … 6", "go to a pane; tab and shift+tab go to the next and the one before"),
            ("z", "zoom the pane; again restores"),
            ("enter", "open what is under the cursor: operator, service, call, failure, line"),
            ("v", "versions: all runs, what was edited between two, and whether it helped"),
            ("c", "charts of the run, of each operator and service; w widens the window"),
            ("ctrl+p", "all commands, themes too"),
        ),
    ),
    (
        "In Output, Service calls and Log",
        (
            ("↑ ↓ pgup pgdn", "scroll; this stops following the end"),
            ("G or end", "to the end, and follow it; g goes to the first line"),
            ("← →", "scroll long lines sideways"),
            ("/   n   N", "search the whole run; older and newer match"),
            ("f", "filter: text, re:…, source:NAME, level:warning, is:stderr; - inverts"),
            ("esc", "forget search and filter"),
            ("y   Y", "copy what the mouse selected, or the line; the record, call or line as JSON"),
            ("x", "write all that the pane shows to a file, through its filter"),
            ("t   o", "in Service calls: between services and calls; the slowest calls first"),
        ),
    ),
)

_REPLAY: Sequence[_Section] = (
    (
        "In a replay",
        (
            ("space", "play and hold; < and > change the speed"),
            ("[   ]", "back and forward; a click on the time line goes there"),
            ("0   $", "to the start and the end of the run"),
            (",   .", "to the failure before and the next one"),
            ("{   }", "to the run before and the next one"),
            ("t", "trace: the way of each record that was followed"),
            ("q", "quit"),
        ),
    ),
)

_LEGEND: Sequence[tuple[str, str]] = (
    ("▇ 93%", "load of an operator: the share of time it works or waits for services"),
    ("queue", "records waiting before it; near its capacity the operator is too slow"),
    ("─▶  ─◀", "streams; a feedback loop returns below the operators"),
    ("◇", "a service, below the operators that call it"),
    ("▲ before a call", "one of the slowest of its method"),
    ("bottleneck", "the operator or service that limits the pipeline"),
)


class HelpScreen(ModalScreen[None]):
    """Any of its keys closes it. Says what can be done in a live session, in a replay, or while another runs."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,question_mark,enter", "dismiss", "Close", id="help.close"),
    ]

    def __init__(self, *, live: bool = True, replay: bool = False) -> None:
        super().__init__()
        self._sections = [*(_LIVE if live else _REPLAY if replay else _FOLLOWING), *_EVERYWHERE]

    def compose(self) -> ComposeResult:
        with Vertical(classes="box") as box:
            box.border_title = Content("Help")
            box.border_subtitle = Content("esc closes")
            with VerticalScroll():
                yield Static(help_text(self._sections), markup=False)

    async def action_dismiss(self, result: None = None) -> None:
        """Close the help."""
        self.dismiss(result)


def help_text(sections: Sequence[_Section]) -> Content:
    """The help as styled text."""
    lines: list[Content] = []
    for title, keys in sections:
        lines.append(Content.assemble((title, "bold")))
        lines += [Content.assemble((f"  {key:<15}", "$look-key"), words) for key, words in keys]
        lines.append(Content(""))
    lines.append(Content.assemble(("What you see", "bold")))
    lines += [Content.assemble((f"  {sign:<15}", "$look-accent"), words) for sign, words in _LEGEND]
    return Content("\n").join(lines)
