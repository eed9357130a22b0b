"""The thread on which a session's decisions are made, one after the other."""

from __future__ import annotations

import heapq
import itertools
import threading
import time
from collections.abc import Callable


class Timer:
    """Something to be done later; `cancel` may come from the supervisor's thread only."""

    __slots__ = ("action", "cancelled")

    def __init__(self, action: Callable[[], None]) -> None:
        self.action = action
        self.cancelled = False

    def cancel(self) -> None:
        """Don't do it."""
        self.cancelled = True


class Supervisor:
    """One thread that does what is posted to it, in order, and what is due.

    It starts the workers and lives as long as the session: on Linux a worker is killed when the *thread* that started
    it ends (`PR_SET_PDEATHSIG`). Any thread may post.
    """

    def __init__(self, name: str) -> None:
        self._due: list[tuple[float, int, Timer]] = []
        self._numbers = itertools.count()
        self._changed = threading.Condition()
        self._closing = False
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._started = False

    def start(self) -> None:
        """Start the thread."""
        self._started = True
        self._thread.start()

    def post(self, action: Callable[[], None]) -> None:
        """Have `action` done soon; after `close`, not at all."""
        self.later(0.0, action)

    def later(self, seconds: float, action: Callable[[], None]) -> Timer:
        """Have `action` done after `seconds`."""
        timer = Timer(action)
        due = time.monotonic() + seconds if seconds > 0 else 0.0
        with self._changed:
            heapq.heappush(self._due, (due, next(self._numbers), timer))
            self._changed.notify()
        return timer

    def call(self, action: Callable[[], None], timeout: float) -> bool:
        """Have `action` done and wait for it; whether it was done within `timeout` seconds. Not from its own thread."""
        done = threading.Event()

        def run() -> None:
            try:
                action()
            finally:
                done.set()

        self.post(run)
        return done.wait(timeout)

    def close(self, timeout: float = 1.0) -> None:
        """End the thread; what is still due is dropped."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        if self._started and threading.current_thread() is not self._thread:
            self._thread.join(timeout)

    def _run(self) -> None:
        while True:
            with self._changed:
                while not self._closing:
                    wait = self._due[0][0] - time.monotonic() if self._due else None
                    if wait is not None and wait <= 0:
                        break
                    self._changed.wait(wait)
                if self._closing:
                    return
                timer = heapq.heappop(self._due)[2]
            if not timer.cancelled:
                timer.action()
