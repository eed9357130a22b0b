"""The engine of this process: which one it is, and what every engine offers (`protocol`)."""

from __future__ import annotations

import threading
from importlib import import_module
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from sage_runtime.engine.protocol import Engine, Publisher

ENGINES = {"threads": ("sage_runtime.engine.threads.engine", "ThreadEngine")}
"""The engines there are: the name that `run_started` tells, and where the class is."""

_lock = threading.Lock()
_current: Engine | None = None


class EngineClass(Protocol):
    """Makes an engine. Without a publisher its events go nowhere; `logs` is the session's folder."""

    def __call__(self, publisher: Publisher | None = None, *, logs: str = "") -> Engine: ...


def load(name: str) -> EngineClass:
    """The class of an engine.

    Raises:
        KeyError: there is no engine of that name.
    """
    module, cls = ENGINES[name]
    found: EngineClass = getattr(import_module(module), cls)
    return found


def current() -> Engine:
    """The engine of this process; the first call without one set makes one that publishes nowhere."""
    global _current
    with _lock:
        if _current is None:
            _current = load("threads")()
        return _current


def set_current(engine: Engine | None) -> None:
    """Make an engine the one of this process."""
    global _current
    with _lock:
        _current = engine
