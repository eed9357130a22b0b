"""The engine: threads, channels, services and meters that run a graph."""

from __future__ import annotations

import threading

from sage_runtime.engine.runtime import Runtime

_lock = threading.Lock()
_current: Runtime | None = None


def current() -> Runtime:
    """The runtime of this process; the first call without one set makes one that publishes nowhere."""
    global _current
    with _lock:
        if _current is None:
            _current = Runtime()
        return _current


def set_current(runtime: Runtime | None) -> None:
    """Make a runtime the one of this process."""
    global _current
    with _lock:
        _current = runtime
