"""What a job does a while after it was told to end, unless it has ended by then."""

from __future__ import annotations

import threading
from collections.abc import Callable


class DelayedActions:
    """Timers by the name of their action, each of which is set once. Whoever calls it holds the job's lock."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._timers: dict[str, threading.Timer] = {}

    def after(self, seconds: float, action: Callable[[], None]) -> None:
        """Have an action called on a thread of its own, once however often this is asked for."""
        name = action.__name__
        if name in self._timers:
            return
        timer = self._timers[name] = threading.Timer(seconds, action)
        timer.name = f"{self._name}{name}"
        timer.daemon = True
        try:
            timer.start()
        except RuntimeError:  # the system allows no more threads: then nobody is left behind
            pass

    def cancel(self) -> None:
        """Call off what has not begun."""
        for timer in self._timers.values():
            timer.cancel()
