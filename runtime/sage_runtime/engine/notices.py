"""Notices of a job: messages to the user, each given once."""

from __future__ import annotations

import threading
from collections.abc import Callable

from sage_runtime.events import Event, Notice


class Notices:
    """Publishes the notices of one pipeline. Any thread may call."""

    def __init__(self, pipeline: str, publish: Callable[[Event], None]) -> None:
        self._pipeline = pipeline
        self._publish = publish
        self._lock = threading.Lock()
        self._told: set[str] = set()

    def warn(self, message: str, *, level: str = "warning") -> None:
        """Publish a message, unless one with the same beginning, up to ` holds `, was published before."""
        topic = message.split(" holds ")[0]
        with self._lock:
            if topic in self._told:
                return
            self._told.add(topic)
        self._publish(Notice(level=level, message=message, pipeline=self._pipeline))

    def blame(self, message: str) -> None:
        """Publish an error: something that does not get better by itself."""
        self.warn(message, level="error")
