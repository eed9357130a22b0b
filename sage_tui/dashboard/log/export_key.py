"""The panes' key that writes a file, and the notice that names it."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from textual.app import App
from textual.message import Message
from textual.worker import get_current_worker

from sage_tui.dashboard.log.export import Export, suggested, write_lines
from sage_tui.dashboard.log.export_screen import ExportScreen
from sage_tui.dashboard.messages import ExportWanted
from sage_tui.state import format as fmt

if TYPE_CHECKING:
    from sage_tui.state.views import SessionView

NOTICE_SECONDS = 10.0


class ExportKey(App[None]):
    """A part of the app: asks for a name, writes on another thread, tells what is where."""

    @dataclass
    class Written(Message):
        """A file is written, or could not be."""

        words: str
        failed: bool = False

    view: SessionView | None

    def _aside(self, task: Callable[[], None]) -> Any:
        """Do something that takes a moment on another thread."""
        raise NotImplementedError

    def on_export_wanted(self, event: ExportWanted) -> None:
        """Ask into which file."""
        export, view = event.export, self.view
        script, run = ("pipeline", 0) if view is None else (view.script, view.shown.run)
        name = suggested(script, export.name, run, os.path.lexists)
        screen = ExportScreen(f"Export {event.title}", name, json=export.events is not None)
        self.push_screen(screen, lambda path: self._write(export, path))

    def _write(self, export: Export, path: Path | None) -> None:
        if path is None:
            return

        def write() -> None:
            worker = get_current_worker()
            shown = fmt.clean(str(path))
            try:
                count = write_lines(path, export.lines(path), lambda: worker.is_cancelled)
            except OSError as error:
                self.post_message(self.Written(f"{shown} was not written: {error.strerror or error}", failed=True))
                return
            if count is not None:
                lines = f"{fmt.exact(count)} line{'s' if count != 1 else ''}"
                self.post_message(self.Written(f"Wrote {lines} to {shown}"))

        self._aside(write)

    def on_export_key_written(self, event: Written) -> None:
        severity: Any = "error" if event.failed else "information"
        self.notify(event.words, severity=severity, timeout=NOTICE_SECONDS, markup=False)
