"""What copying does in the dashboard: the text goes where it can, and a notice says where it is."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from textual.app import App
from textual.message import Message

from sage_tui.dashboard.terminal import clipboard
from sage_tui.dashboard.terminal.clipboard import CopyResult


class CopyActions(App[None]):
    """A part of the app. `copy_to_clipboard` is also what Textual calls for ctrl+c with something selected."""

    @dataclass
    class Told(Message):
        """What became of a text that was to be copied."""

        text: str
        outcome: CopyResult

    copied = ""
    """What was copied last."""

    def _aside(self, task: Callable[[], None]) -> Any:
        """Do something that takes a moment on another thread."""
        raise NotImplementedError

    @property
    def clipboard(self) -> str:
        """What was copied last, for pasting into fields of our own."""
        return self.copied

    def copy_to_clipboard(self, text: str) -> None:
        """Copy a text, and tell how."""
        text = text.encode("utf-8", "replace").decode()  # a script may print halves of characters
        self.copied = text
        if not clipboard.programs(os.environ, sys.platform):
            self._tell(text, clipboard.put(text, os.environ, sys.platform, clipboard.run))
            return

        def put() -> None:
            self.post_message(self.Told(text, clipboard.put(text, os.environ, sys.platform, clipboard.run)))

        self._aside(put)

    def on_copy_actions_told(self, event: Told) -> None:
        self._tell(event.text, event.outcome)

    def _tell(self, text: str, outcome: CopyResult) -> None:
        if outcome.sequence:
            super().copy_to_clipboard(text)
        self.notify(outcome.words, severity="error" if outcome.failed else "information", markup=False)
