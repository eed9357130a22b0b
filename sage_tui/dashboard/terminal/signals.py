"""Signals, handled in the dashboard's loop in the order in which they arrived; and job control."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import termios
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Protocol

ENDING = (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT, signal.SIGHUP)
"""The signals that end the dashboard."""


@contextmanager
def early_signals(note: Callable[[signal.Signals], None]) -> Iterator[None]:
    """Have `note` called for ending signals until other handlers replace these, as the mounted app's do.

    Before that the terminal is ours already and would be left in our modes, and asyncio would turn a SIGINT into an
    ordinary end. For the main thread.
    """
    before = {signum: signal.signal(signum, lambda number, _: note(signal.Signals(number))) for signum in ENDING}
    try:
        yield
    finally:
        for signum, handler in before.items():
            signal.signal(signum, handler)


def has_terminal() -> bool:
    """Whether our terminal is still there."""
    try:
        termios.tcgetattr(0 if sys.__stdin__ is None else sys.__stdin__.fileno())
    except (termios.error, ValueError, OSError):
        return False
    return True


def _nothing() -> None:
    """Do nothing."""


class SignalHandlers:
    """Replaces the loop's own signal handlers. The main thread creates it, for the loop that it runs.

    Python runs a signal handler between any two steps of the main thread: while it holds a lock, or in the middle of
    another handler. Of two signals that arrived since the last step, the one with the lower number is handled first. So
    these handlers do nothing; the interpreter writes each number into a pipe as it arrives (`signal.set_wakeup_fd`),
    and the loop reads the numbers in order, when nothing else is under way.

    While it is open, nobody else may use the loop's `add_signal_handler`, which takes the pipe over.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._callbacks: dict[int, Callable[[], object]] = {}
        self._waiting: list[int] = []
        self._reading, self._writing = os.pipe()
        os.set_blocking(self._reading, False)
        os.set_blocking(self._writing, False)
        self._wakeup_before = signal.set_wakeup_fd(self._writing, warn_on_full_buffer=False)
        loop.add_reader(self._reading, self._handle)

    def add(self, signum: int, callback: Callable[[], object], at_once: Callable[[], None] = _nothing) -> None:
        """Have the loop call `callback` for each such signal; `at_once` runs as an ordinary signal handler."""
        self._callbacks[signum] = callback
        signal.signal(signum, lambda *_: at_once())
        signal.siginterrupt(signum, False)

    def take(self, *signums: int) -> list[int]:
        """Remove and return those of some signals that wait to be handled, in order."""
        self._read()
        taken = [signum for signum in self._waiting if signum in signums]
        self._waiting = [signum for signum in self._waiting if signum not in signums]
        if self._waiting:
            self._loop.call_soon(self._handle)
        return taken

    def close(self) -> None:
        """Restore each signal's default action. The loop may be closed already."""
        for signum in self._callbacks:
            signal.signal(signum, signal.SIG_DFL)
        signal.set_wakeup_fd(self._wakeup_before)
        if not self._loop.is_closed():
            self._loop.remove_reader(self._reading)
        os.close(self._reading)
        os.close(self._writing)

    def _read(self) -> None:
        try:
            self._waiting += os.read(self._reading, 4096)
        except BlockingIOError:
            return

    def _handle(self) -> None:
        self._read()
        while self._waiting:
            callback = self._callbacks.get(self._waiting.pop(0))
            if callback is not None:
                callback()


class Terminal(Protocol):
    """A terminal that is given back and taken again."""

    @property
    def taken(self) -> bool:
        """Whether it is ours: in our modes, and drawn to."""

    @property
    def wanted(self) -> bool:
        """Whether it should be ours while we run: from the dashboard's beginning to its end."""

    @property
    def lent(self) -> bool:
        """Whether another program, such as an editor, has it from us."""

    def give_back(self) -> None:
        """Restore its state from before the dashboard."""

    def drop_keys(self) -> None:
        """Drop the keys and mouse reports that nobody has read; no shell understands them."""

    def take(self) -> None:
        """Make it ours. In the background, where that is not allowed, we are stopped and it is not `taken`."""


_LONG_TURN = 1.0
"""Seconds for which no other thread gets a turn while we check whether to stop, and stop. It takes microseconds."""


class JobControl:
    """Handles SIGTSTP and SIGCONT, from the key or from outside, however close together they are.

    The terminal is given back, or taken, completely before the next of these signals is looked at; of several that have
    arrived by then, the last one counts. A SIGCONT that arrives before we have stopped makes us continue, for nobody
    will send another one.

    SIGSTOP can't be handled, so after it the SIGCONT finds the terminal still taken. It is given back first: the shell
    may have changed its modes, and the modes found when it is taken are those restored at the end.
    """

    def __init__(self, terminal: Terminal, signals: SignalHandlers, stop: Callable[[], object] | None = None) -> None:
        # Not SIGTSTP, which the kernel ignores in a group without a shell; not a Python function: see `_stop_here`.
        self._stop = stop or partial(os.kill, os.getpid(), signal.SIGSTOP)
        self._continued = False
        self._terminal = terminal
        self._signals = signals
        self.before_stop: Callable[[], None] = _nothing
        """Called before we stop."""
        self.after_stop: Callable[[], None] = _nothing
        """Called when we continue and the terminal is ours again, if it should be."""
        signals.add(signal.SIGTSTP, partial(self._handle, signal.SIGTSTP), at_once=self._stop_with_borrower)
        signals.add(signal.SIGCONT, partial(self._handle, signal.SIGCONT), at_once=self._note_continued)

    def forget(self) -> None:
        """Ignore the signals that have arrived by now."""
        self._signals.take(signal.SIGTSTP, signal.SIGCONT)

    def _handle(self, signum: int) -> None:
        last = [signum, *self._signals.take(signal.SIGTSTP, signal.SIGCONT)][-1]
        if last == signal.SIGTSTP:
            self.before_stop()
        if self._terminal.taken:
            self._terminal.give_back()
        if last == signal.SIGTSTP:
            self._stop_here()
        if self._terminal.wanted:
            self._terminal.take()
            if not self._terminal.taken:
                return
        self.after_stop()

    def _note_continued(self) -> None:
        self._continued = True

    def _stop_here(self) -> None:
        """Stop until we are continued; don't stop at all if that has happened already.

        A SIGCONT between the last check and the stop would be lost, and we would never continue. So the last check is
        of what its handler has noted, and after it the interpreter goes straight to the kernel: handlers run, and
        other threads get a turn, only between two calls of Python functions.
        """
        interval = sys.getswitchinterval()
        sys.setswitchinterval(_LONG_TURN)
        try:
            while True:
                self._continued = False
                if self._is_continued(otherwise=False):
                    return
                self._terminal.drop_keys()
                if self._continued:
                    continue
                self._stop()
                if self._is_continued(otherwise=True):
                    return
        finally:
            sys.setswitchinterval(interval)

    def _is_continued(self, *, otherwise: bool) -> bool:
        """Whether the last signal since is SIGCONT; `otherwise` if there was none."""
        taken = self._signals.take(signal.SIGTSTP, signal.SIGCONT)
        return taken[-1] == signal.SIGCONT if taken else otherwise

    def _stop_with_borrower(self) -> None:
        """Stop together with an editor that has our terminal: the same key stops both, and the shell waits for both."""
        if self._terminal.lent:
            self.before_stop()
            self._stop()
            self._signals.take(signal.SIGTSTP, signal.SIGCONT)
            self.after_stop()
