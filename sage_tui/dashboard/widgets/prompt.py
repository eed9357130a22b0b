"""The line in which `input()` of the script is answered."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.message import Message
from textual.widgets import Input, Label

from sage_tui.state import format as fmt
from sage_tui.state.views import SessionView


class Prompt(Horizontal):
    """Shown while the script waits in `input()`."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+d", "end", "End of input", show=True, priority=True, id="prompt.end"),
    ]

    @dataclass
    class Answered(Message):
        """A line for the script, or None for the end of its input."""

        line: str | None

    @dataclass
    class Appeared(Message):
        """The script asks now."""

    def __init__(self) -> None:
        super().__init__(id="prompt")
        self.display = False
        self._asked = (0, 0)
        self._answered = (0, 0)

    def compose(self) -> ComposeResult:
        yield Label("", markup=False)
        yield Input(compact=True)

    def show_view(self, view: SessionView) -> None:
        """Ask if the script does and has not been answered yet."""
        run = view.current
        asked = (run.run, run.prompts)
        asking = view.live and run.prompt is not None and asked != self._answered
        if asking and asked != self._asked:
            self._asked = asked
            text = fmt.cut(fmt.clean(run.prompt or ""), max(10, self.screen.size.width // 2))
            self.query_one(Label).update(f" ? {text.rstrip() or 'input'} ")
            self.query_one(Input).value = ""
            self.display = True
            self.post_message(self.Appeared())
        elif not asking and self.display:
            self.display = False

    def take_keys(self) -> None:
        """Give the line the keys."""
        self.query_one(Input).focus()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self._answer(event.value)

    def action_end(self) -> None:
        """Tell the script that there is no more input."""
        self._answer(None)

    def _answer(self, line: str | None) -> None:
        self._answered = self._asked
        self.display = False
        self.post_message(self.Answered(line))
