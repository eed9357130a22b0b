"""Stopped and resumed, whoever does it: the terminal is given back and taken again, and the run stops with us."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from functools import partial
from typing import Protocol

from sage_tui.dashboard.terminal.signals import Signals


class Terminal(Protocol):
    """What is given back and taken again."""

    @property
    def taken(self) -> bool:
        """Whether it is ours: in our modes, and drawn to."""

    @property
    def wanted(self) -> bool:
        """Whether it should be ours while we run: from the dashboard's beginning to its end."""

    @property
    def lent(self) -> bool:
        """Whether another program has it from us, and the loop waits for that one."""

    def give_back(self) -> None:
        """Have it as it was before us."""

    def drop_keys(self) -> None:
        """Forget what it has sent and nobody has read: keys, and the mouse's reports, which no shell understands."""

    def take(self) -> None:
        """Make it ours; where that is not allowed, in the background, we are stopped and it is not `taken`."""


def _nothing() -> None:
    """There is no run yet."""


_PATIENT = 1.0
"""Seconds that other threads let us be while we look whether to stop, and do: it takes microseconds."""


class Suspending:
    """Hears SIGTSTP and SIGCONT, from the key or from outside, however close to one another.

    Giving the terminal back and taking it again are each done to the end before the next of these signals is looked
    at, and of several that have come by then the last one counts. A SIGCONT that comes before we have stopped has us
    go on, for nobody will send another one.

    After a SIGSTOP, which nobody hears, the SIGCONT finds the terminal still taken. It is given back first: the shell
    may have changed its modes, and what is found when it is taken is what it is left as in the end.
    """

    def __init__(self, terminal: Terminal, signals: Signals, stop: Callable[[], object] | None = None) -> None:
        # Not SIGTSTP, which the kernel ignores in a group without a shell. No function of Python's: see `_stand_still`.
        self._stop = stop or partial(os.kill, os.getpid(), signal.SIGSTOP)
        self._went_on = False
        self._terminal = terminal
        self._signals = signals
        self.before_stop: Callable[[], None] = _nothing
        """Called before we stop."""
        self.after_stop: Callable[[], None] = _nothing
        """Called when we go on, and the terminal is ours again if it should be."""
        signals.hear(signal.SIGTSTP, partial(self._told, signal.SIGTSTP), at_once=self._stop_with_borrower)
        signals.hear(signal.SIGCONT, partial(self._told, signal.SIGCONT), at_once=self._note)

    def forget(self) -> None:
        """Let what has come by now be done."""
        self._signals.take(signal.SIGTSTP, signal.SIGCONT)

    def _told(self, signum: int) -> None:
        last = [signum, *self._signals.take(signal.SIGTSTP, signal.SIGCONT)][-1]
        if last == signal.SIGTSTP:
            self.before_stop()
        if self._terminal.taken:
            self._terminal.give_back()
        if last == signal.SIGTSTP:
            self._stand_still()
        if self._terminal.wanted:
            self._terminal.take()
            if not self._terminal.taken:
                return
        self.after_stop()

    def _note(self) -> None:
        self._went_on = True

    def _stand_still(self) -> None:
        """Stop, until somebody has us go on; not at all if somebody has already.

        A SIGCONT between the last look and the stop would be lost, and we would stand still for good. So the last look
        is at what its handler has noted, after which the interpreter goes straight to the kernel: handlers are called,
        and other threads have their turn, between two calls only.
        """
        interval = sys.getswitchinterval()
        sys.setswitchinterval(_PATIENT)
        try:
            while True:
                self._went_on = False
                if self._going_on(otherwise=False):
                    return
                self._terminal.drop_keys()
                if self._went_on:
                    continue
                self._stop()
                if self._going_on(otherwise=True):
                    return
        finally:
            sys.setswitchinterval(interval)

    def _going_on(self, *, otherwise: bool) -> bool:
        """Whether the last signal since is the one to go on; `otherwise` if there was none."""
        told = self._signals.take(signal.SIGTSTP, signal.SIGCONT)
        return told[-1] == signal.SIGCONT if told else otherwise

    def _stop_with_borrower(self) -> None:
        """An editor that has our terminal is stopped by the same key: the shell waits for both."""
        if self._terminal.lent:
            self.before_stop()
            self._stop()
            self._signals.take(signal.SIGTSTP, signal.SIGCONT)
            self.after_stop()
