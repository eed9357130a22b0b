"""The metronome of SAGE 0.1.4 to 0.1.5.1: a sink tells the source that feeds it when to make the next record.

Functions take part by `use_metronome = True` and `self.metronome = create_metronome(name)`: the source waits for the
release and locks again, the sink releases after each record. The script releases once before it submits.
"""

from __future__ import annotations

import threading
from typing import Any


class Metronome:
    """A lock that is released once for each record. It starts locked; any thread may call any method."""

    def __init__(self, name: str = "global_metronome") -> None:
        self.name = name
        self._condition = threading.Condition()
        self._locked = True
        self._waiting = 0

    def wait_for_release(self, timeout: float | None = None) -> bool:
        """Wait until it is released, `timeout` seconds at most; false if it was not."""
        with self._condition:
            self._waiting += 1
            try:
                return self._condition.wait_for(lambda: not self._locked, timeout)
            finally:
                self._waiting -= 1

    def release_once(self) -> None:
        """Let one record pass."""
        with self._condition:
            self._locked = False
            self._condition.notify()

    def lock_after_send(self) -> None:
        """Hold the next record."""
        with self._condition:
            self._locked = True

    reset = lock_after_send

    def force_release(self) -> None:
        """Let everything pass."""
        with self._condition:
            self._locked = False
            self._condition.notify_all()

    def is_locked(self) -> bool:
        """Whether the next record would wait."""
        return self._locked

    def get_status(self) -> dict[str, Any]:
        """Name, lock and how many wait."""
        return {"name": self.name, "is_locked": self._locked, "waiting_count": self._waiting}


_global = Metronome("global")
_PATIENCE_S = 30.0
"""How long a source waits for its release, in seconds, before it goes on without."""


def keep_time(function: Any, kind: str) -> None:
    """Let a function's metronome, if it uses one, pace it."""
    metronome = getattr(function, "metronome", None)
    if not getattr(function, "use_metronome", False) or not isinstance(metronome, Metronome):
        return
    execute = function.execute

    def wait_and_make() -> Any:
        metronome.wait_for_release(_PATIENCE_S)
        record = execute()
        if record is not None:
            metronome.lock_after_send()
        return record

    def take_and_release(record: Any) -> None:
        try:
            execute(record)
        finally:
            metronome.release_once()

    if kind in ("source", "batch"):
        function.execute = wait_and_make
    elif kind == "sink":
        function.execute = take_and_release


def create_metronome(name: str) -> Metronome:
    """A new metronome."""
    return Metronome(name)


def get_global_metronome() -> Metronome:
    """The metronome that all share."""
    return _global
