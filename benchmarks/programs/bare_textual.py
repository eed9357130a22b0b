"""A bare Textual application with as many widgets as the dashboard's main screen (32), to measure a first frame.

The footer says Quit when all of them are drawn.
"""

from typing import ClassVar

from textual.app import App
from textual.binding import Binding
from textual.containers import Vertical
from textual.widgets import Footer, Input, Label, RichLog, Static


class Bare(App):
    CSS = "Vertical { border: round gray; } Input { display: none; } RichLog { height: 3; }"
    BINDINGS: ClassVar = [Binding("q", "quit", "Quit")]

    def compose(self):
        yield Static("header")
        for number in range(6):
            with Vertical():
                yield Label(f"pane {number}")
                yield RichLog()
                if number < 4:
                    yield Input()
        for number in range(6):
            yield Static(f"line {number}")
        yield Footer()


Bare().run()
