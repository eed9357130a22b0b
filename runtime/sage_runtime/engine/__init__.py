"""The engine: threads, channels, services and meters that run a graph."""

from __future__ import annotations

import threading

from sage_runtime.engine.threads.engine import ThreadEngine

_lock = threading.Lock()
_current: ThreadEngine | None = None


def current() -> ThreadEngine:
    """The runtime of this process; the first call without one set makes one that publishes nowhere."""
    global _current
    with _lock:
        if _current is None:
            _current = ThreadEngine()
        return _current


def set_current(runtime: ThreadEngine | None) -> None:
    """Make a runtime the one of this process."""
    global _current
    with _lock:
        _current = runtime
