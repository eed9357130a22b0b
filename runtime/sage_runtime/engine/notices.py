"""Notices of a job: what people should know of it, each said once."""

from __future__ import annotations

import threading
from collections.abc import Callable

from sage_runtime.events import Event, Notice


class Notices:
    """Tells people, once for each beginning of a message. Any thread may tell."""

    def __init__(self, pipeline: str, publish: Callable[[Event], None]) -> None:
        self._pipeline = pipeline
        self._publish = publish
        self._lock = threading.Lock()
        self._told: set[str] = set()

    def warn(self, message: str, *, level: str = "warning") -> None:
        """Tell it; what comes after ` holds ` may differ from time to time and makes no other message of it."""
        topic = message.split(" holds ")[0]
        with self._lock:
            if topic in self._told:
                return
            self._told.add(topic)
        self._publish(Notice(level=level, message=message, pipeline=self._pipeline))

    def blame(self, message: str) -> None:
        """Tell what will not come right by itself."""
        self.warn(message, level="error")
