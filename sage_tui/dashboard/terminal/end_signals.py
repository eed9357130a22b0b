"""Signals that end the dashboard, from its first byte to the terminal on."""

from __future__ import annotations

import signal
import sys
import termios
from collections.abc import Callable, Iterator
from contextlib import contextmanager

ENDING = (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT, signal.SIGHUP)


@contextmanager
def noted(note: Callable[[signal.Signals], None]) -> Iterator[None]:
    """Have `note` told of these signals until somebody else takes them, as the app does once it is mounted.

    Before that the terminal is ours already, and would be left as it is; and of a SIGINT asyncio would make an end like
    any other. The main thread's.
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
