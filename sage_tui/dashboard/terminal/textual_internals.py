"""Every use of what Textual (or Rich below it) keeps private, and of what it does between its lines.

Each entry says why it is needed and which public way would replace it. `tests/dashboard/test_textual_internals.py`
fails on the release that changes one of them, and `pyproject.toml` pins `textual` to the minor version that was tested.

* `textual.drivers._writer_thread.WriterThread`: its queue of thirty texts blocks the loop on a slow terminal, and its
  `stop` waits until all of it is written. Wanted: a driver option for the writer.
* `Driver._app` and `App._sync_available`: to end a frame that was cut off. Wanted: a driver hook for the last write.
* `LinuxDriver._auto_restart`, `_must_signal_resume` and `_sigcont_application`: job control in whole steps (see
  `JobControl`). Wanted: public suspend and resume of a driver.
* `LinuxDriver._key_thread`, `exit_event` and `_disable_mouse_support`: to stop reading without dropping the keys that
  wait. Wanted: a flag of `disable_input`.
* `LinuxDriver._get_terminal_size`: it believes COLUMNS and LINES. Wanted: an option to ask only the terminal.
* The driver's handler of SIGWINCH: interrupted, it posts sizes out of order. Wanted: resizes read in the loop.
* `App._driver`: the driver has the signals. Wanted: `App.driver`.
* `Widget._forward_event`: gives a key to the field that it was typed for. Wanted: a public `forward_event`.
* The widget type `ToastHolder`: an expired toast leaves its holder behind. Wanted: a toast rack that removes it.
* `rich.console.Console._environ`: Rich reads COLUMNS and LINES whenever it is asked for its size. Public already as
  the constructor's argument, but Textual constructs the consoles.
"""

from __future__ import annotations

import asyncio
import os
import select
import signal
import sys
import termios
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TextIO

from textual import events
from textual.app import App
from textual.drivers._writer_thread import WriterThread
from textual.drivers.linux_driver import LinuxDriver
from textual.screen import Screen
from textual.widget import Widget
from textual.widgets import Input

from sage_tui.dashboard.terminal.signals import JobControl, SignalHandlers


def terminal_driver(app: App[Any]) -> TerminalDriver | None:
    """The driver of an app that is on a terminal; None in a test, or with a driver of somebody else's."""
    return app._driver if isinstance(app._driver, TerminalDriver) else None


def keep_environment(app: App[Any]) -> None:
    """Have both of the app's consoles keep the environment that the app was created in."""
    app.error_console._environ = app.console._environ


def remove_empty_toast_holders(screen: Screen[Any]) -> None:
    """Remove the holders whose toast is gone.

    When the next toast comes, Textual's rack removes an expired one without its holder. The holder would stay for the
    life of the app, with everything that was cached to draw the toast.
    """
    for holder in screen.query("ToastHolder"):
        if holder.is_mounted and not holder.children:
            holder.remove()


KEYS_KEPT = 256
"""How many keys are remembered with the widget that got them."""


class TypeAhead:
    """Gives keys that were typed ahead to the field that the key before them opened.

    Textual gives a key to what has the focus, and runs the bindings of unhandled keys later. When `/error` arrives at
    once, from a quick hand or over a slow line, all of it goes to the list, and the `r` would reload. Only the
    dashboard's thread uses it.
    """

    def __init__(self) -> None:
        self._given: OrderedDict[int, tuple[events.Key, Widget | None]] = OrderedDict()

    def note(self, key: events.Key, focused: Widget | None) -> None:
        """Note that a key is about to go to the focused widget."""
        self._given[id(key)] = (key, focused)
        if len(self._given) > KEYS_KEPT:
            self._given.popitem(last=False)

    def forward(self, key: events.Key, focused: Widget | None) -> bool:
        """Give an unhandled key to the field that has got the focus since; whether there is such a field."""
        _, before = self._given.pop(id(key), (key, focused))
        if not isinstance(focused, Input) or focused is before:
            return False
        focused._forward_event(events.Key(key.key, key.character))
        return True


PIECE = 4096
"""Bytes per write. Between two writes the rest may be dropped."""

SLOW = 0.25
"""Seconds after which a terminal that has not taken a piece counts as slow."""

LATELY = 30.0
"""For so many seconds after a terminal was slow, most of what was written may still be ahead of it."""

GRACE = 0.3
"""Seconds that the terminal has to take the rest when the dashboard ends."""

PATIENCE = 1.0
"""Seconds after which a terminal that takes nothing at all is given up."""


class TerminalOutput(WriterThread):
    """Textual's writer thread without its two waits: for room in its queue, and for the end of all output.

    The dashboard's loop never waits for the terminal: `refresh_loop.py` decides how much is drawn.
    """

    def __init__(self, file: TextIO) -> None:
        super().__init__(file)
        self._encoding, self._errors = file.encoding, file.errors or "replace"
        self._changed = threading.Condition()
        self._texts: list[str] = []
        self._busy = False
        self._ended = False
        self._dropped = 0
        self._gone = False
        self._slow_at = float("-inf")

    def write(self, text: str) -> None:
        """Queue a text. Any thread may call this."""
        with self._changed:
            if not self._gone:
                self._texts.append(text)
                self._changed.notify_all()

    def run(self) -> None:
        while True:
            with self._changed:
                self._busy = False
                self._changed.notify_all()
                self._changed.wait_for(lambda: self._texts or self._ended)
                if not self._texts:
                    return
                text = "".join(self._texts)
                self._texts.clear()
                self._busy, dropped = True, self._dropped
            self._put(text.encode(self._encoding, self._errors), dropped)

    def _put(self, data: bytes, dropped: int) -> None:
        """Write the data, unless output has been dropped since `dropped` was read."""
        terminal, began = self.fileno(), time.monotonic()
        while data and self._dropped == dropped:
            try:
                data = data[os.write(terminal, data[:PIECE]) :]
            except BlockingIOError:  # another process that shares the terminal has made it non-blocking
                select.select([], [terminal], [], SLOW)
                continue
            except OSError:  # hung up
                self._gone = True
                return
            now = time.monotonic()
            if now - began > SLOW:
                self._slow_at = now
            began = now

    def finish(self) -> bool:
        """Bring the output to an end; whether some of it was dropped.

        It is dropped if the terminal doesn't take it in a moment, or was slow lately: then there is a screenful ahead
        of it that nobody wants to see any more.
        """
        with self._changed:
            written = self._changed.wait_for(self._idle, GRACE)
            if self._gone or (written and time.monotonic() - self._slow_at > LATELY):
                return False
            self._texts.clear()
            self._dropped += 1
        deadline = time.monotonic() + PATIENCE
        idle = False
        while not idle and time.monotonic() < deadline:
            self._discard_output()  # makes room for the piece that is being written
            with self._changed:
                idle = self._changed.wait_for(self._idle, SLOW / 10)
        self._discard_output()
        return True

    def _discard_output(self) -> None:
        try:
            termios.tcflush(self.fileno(), termios.TCOFLUSH)
        except termios.error:
            return

    def _idle(self) -> bool:
        return not (self._texts or self._busy)

    def stop(self) -> None:
        """Write what is left and end; a terminal that takes nothing is not waited for."""
        with self._changed:
            self._ended = True
            self._changed.notify_all()
        self.join(PATIENCE)


_END_OF_STRING = "\x1b\\"
"""Ends an escape sequence that was cut off; means nothing elsewhere."""

_END_OF_FRAME = "\x1b[?2026l"


class TerminalDriver(LinuxDriver):
    """Textual's driver, with signals in order, output that nobody waits for, and the terminal's real size."""

    def __init__(
        self, app: App[Any], *, debug: bool = False, mouse: bool = True, size: tuple[int, int] | None = None
    ) -> None:
        assert sys.__stderr__ is not None  # where Textual draws
        self._drawn_to = sys.__stderr__
        self.taken = False
        self.wanted = False
        self._may_continue = False
        super().__init__(app, debug=debug, mouse=mouse, size=size)
        self.signals = SignalHandlers(asyncio.get_running_loop())
        self.job_control = JobControl(self, self.signals)

    def _sigcont_application(self, *_: object) -> None:
        """Does nothing: `job_control` handles SIGCONT in a moment, and there is nothing to take again yet."""

    @property
    def lent(self) -> bool:
        """Whether another program has the terminal from us."""
        return not self._auto_restart

    # Textual creates its own thread while it takes the terminal; ours replaces it from then on.

    @property
    def _writer_thread(self) -> TerminalOutput | None:
        return self._output

    @_writer_thread.setter
    def _writer_thread(self, thread: WriterThread | None) -> None:
        self._output = None if thread is None else TerminalOutput(self._drawn_to)

    def write(self, data: str) -> None:
        """Queue output; dropped while the terminal is not ours."""
        if self._output is not None:
            self._output.write(data)

    def _get_terminal_size(self) -> tuple[int, int]:
        """The terminal's own size, whatever COLUMNS and LINES say: a shell that exports them doesn't update them."""
        try:
            columns, lines = os.get_terminal_size(self._drawn_to.fileno())
        except OSError:
            return super()._get_terminal_size()
        return columns or 80, lines or 24

    def resize_through_loop(self, redraw: Callable[[], object]) -> None:
        """Have the loop call Textual's handler of SIGWINCH, and redraw the whole screen after it.

        As a signal handler it can be interrupted by the next resize between reading the size and posting it. Then it
        posts the older size last, and the layout stays that of a terminal that is gone. And a terminal that was small
        for a moment has lost what it showed, though its size is the same again.
        """
        resized = signal.getsignal(signal.SIGWINCH)
        if not callable(resized) or not resized.__module__.startswith("textual."):  # replaced already, or not set
            return

        def resize() -> None:
            resized(signal.SIGWINCH, None)
            redraw()

        self.signals.add(signal.SIGWINCH, resize)

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
        """Read no more keys. Textual drops the ones that wait; if we may continue at once, they are still for us."""
        if not self._may_continue:
            super().disable_input()
            return
        signal.signal(signal.SIGWINCH, signal.SIG_DFL)
        self._disable_mouse_support()
        if self._key_thread is not None:
            self.exit_event.set()
            self._key_thread.join()
            self.exit_event.clear()

    def give_back(self) -> None:
        """Restore the terminal's state from before the dashboard."""
        self._may_continue = True
        try:
            self.suspend_application_mode()
        finally:
            self._may_continue = False

    def drop_keys(self) -> None:
        """Drop what the terminal has sent and nobody has read."""
        try:
            termios.tcflush(self.fileno, termios.TCIFLUSH)
        except termios.error:  # there is no terminal any more
            return

    def take(self) -> None:
        """Take the terminal again, and have Textual publish that."""
        self._must_signal_resume = True
        self.resume_application_mode()

    @contextmanager
    def no_automatic_restart(self) -> Iterator[None]:
        """While another program has the terminal. Stops and continues in that time are not reported afterwards."""
        with super().no_automatic_restart():
            yield
            self.job_control.forget()
