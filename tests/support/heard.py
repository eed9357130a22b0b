"""What a session's listener received, for tests that wait for it; and a stub worker."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from support.waiting import SOON, eventually

from sage_runtime.events import Event, Output, RunFinished
from sage_tui.session import StopTimes

STUB = Path(__file__).with_name("stub_worker.py")
PATIENT = StopTimes(terminate=SOON, kill=SOON, give_up=SOON, leftovers=SOON)
"""For workers that end when they are told to, however long that takes them."""
QUICK = StopTimes(terminate=0.3, kill=1.0, give_up=SOON, leftovers=0.3)
"""For those that have to be killed."""


T = TypeVar("T")


class Heard:
    """All events of a session, with a wait for one."""

    def __init__(self) -> None:
        self.lines: list[bytes] = []
        self.events: list[Event] = []
        self._changed = threading.Condition()

    def __call__(self, line: bytes, event: Event) -> None:
        with self._changed:
            self.lines.append(line)
            self.events.append(event)
            self._changed.notify_all()

    def until(self, found: Callable[[Event], bool], what: str = "event") -> Event:
        """The first matching event, now or later."""
        return self.until_all(lambda events: next((event for event in events if found(event)), None), what)

    def until_all(self, found: Callable[[list[Event]], T | None], what: str = "events") -> T:
        end = time.monotonic() + SOON
        with self._changed:
            while (result := found(self.events)) is None:
                left = end - time.monotonic()
                if left <= 0 or not self._changed.wait(left):
                    last = "\n".join(map(repr, self.events[-30:]))
                    raise AssertionError(
                        f"no such {what} within {SOON} s; the last of {len(self.events)} events:\n{last}"
                    )
            return result

    def text(self, run: int | None = None, stream: str | None = None) -> str:
        """What was printed."""
        return "".join(
            event.text + event.end
            for event in self.events
            if isinstance(event, Output)
            and (run is None or event.run == run)
            and (stream is None or event.stream == stream)
        )

    def said(self, text: str) -> Event:
        """Wait until a line has been printed."""
        return self.until(lambda event: isinstance(event, Output) and text in event.text, text)

    def finished(self, run: int = 1) -> RunFinished:
        """Wait for the end of a run."""
        event = self.until(lambda event: isinstance(event, RunFinished) and event.run == run, f"end of run {run}")
        assert isinstance(event, RunFinished)
        return event


def wait_for(condition: Callable[[], bool]) -> None:
    """Wait until something is true that has no event."""
    eventually(condition, "the condition")


def age() -> None:
    """Make everything written so far older than the next run."""
    now = time.time()
    wait_for(lambda: time.time() > now + 0.03)
