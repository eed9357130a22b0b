"""Our terminal: Textual's driver, with signals in their order, output that nobody waits for, and the true size."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import termios
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from textual.app import App
from textual.drivers._writer_thread import WriterThread
from textual.drivers.linux_driver import LinuxDriver

from sage_tui.dashboard.terminal.signals import Signals
from sage_tui.dashboard.terminal.suspend import Suspending
from sage_tui.dashboard.terminal.terminal_output import TerminalOutput

_END_OF_STRING = "\x1b\\"
"""Ends what a half escape sequence began, and is nothing elsewhere."""

_END_OF_FRAME = "\x1b[?2026l"


class TerminalDriver(LinuxDriver):
    """Draws to our terminal and reads it."""

    def __init__(
        self, app: App[Any], *, debug: bool = False, mouse: bool = True, size: tuple[int, int] | None = None
    ) -> None:
        assert sys.__stderr__ is not None  # where Textual draws
        self._drawn_to = sys.__stderr__
        self.taken = False
        self.wanted = False
        self._may_go_on = False
        super().__init__(app, debug=debug, mouse=mouse, size=size)
        self.signals = Signals(asyncio.get_running_loop())
        self.suspending = Suspending(self, self.signals)

    def _sigcont_application(self, *_: object) -> None:
        """For the moment until `suspending` hears it: there is nothing to take again yet."""

    @property
    def lent(self) -> bool:
        """Whether another program has the terminal from us."""
        return not self._auto_restart

    # Textual makes its own thread in the middle of taking the terminal; ours stands in its place from then on.

    @property
    def _writer_thread(self) -> TerminalOutput | None:
        return self._output

    @_writer_thread.setter
    def _writer_thread(self, thread: WriterThread | None) -> None:
        self._output = None if thread is None else TerminalOutput(self._drawn_to)

    def write(self, data: str) -> None:
        """Have something written; without a word nothing is while the terminal is not ours."""
        if self._output is not None:
            self._output.write(data)

    def _get_terminal_size(self) -> tuple[int, int]:
        """The terminal's own size, whatever COLUMNS and LINES say: a shell that exports them doesn't renew them."""
        try:
            columns, lines = os.get_terminal_size(self._drawn_to.fileno())
        except OSError:
            return super()._get_terminal_size()
        return columns or 80, lines or 24

    def start_application_mode(self) -> None:
        self.wanted = True
        super().start_application_mode()  # type: ignore[no-untyped-call]
        self.taken = self._output is not None

    def stop_application_mode(self) -> None:
        self.wanted = False
        if not self.taken or self._output is None:
            return
        if self._output.finish():
            self.write(_END_OF_STRING)
            if self._app._sync_available:
                self.write(_END_OF_FRAME)
        super().stop_application_mode()
        self.taken = False

    def close(self) -> None:
        super().close()
        self._output = None

    def suspend_application_mode(self) -> None:
        wanted = self.wanted
        super().suspend_application_mode()
        self.wanted = wanted

    def disable_input(self) -> None:
        """Read no more keys. Textual drops those that wait; if we may go on at once, they are still for us."""
        if not self._may_go_on:
            super().disable_input()
            return
        signal.signal(signal.SIGWINCH, signal.SIG_DFL)
        self._disable_mouse_support()
        if self._key_thread is not None:
            self.exit_event.set()
            self._key_thread.join()
            self.exit_event.clear()

    def give_back(self) -> None:
        """Have the terminal as it was before us."""
        self._may_go_on = True
        try:
            self.suspend_application_mode()
        finally:
            self._may_go_on = False

    def drop_keys(self) -> None:
        """Forget what has been sent and not been read."""
        try:
            termios.tcflush(self.fileno, termios.TCIFLUSH)
        except termios.error:  # there is no terminal any more
            return

    def take(self) -> None:
        """Make it ours again, and have Textual tell so."""
        self._must_signal_resume = True
        self.resume_application_mode()

    @contextmanager
    def no_automatic_restart(self) -> Iterator[None]:
        """While another program has the terminal; of a stop and go in that time nobody is told afterwards."""
        with super().no_automatic_restart():
            yield
            self.suspending.forget()
