"""Sources that go on after a failure: era 2's `config={"fault_tolerance": {"strategy": "checkpoint", …}}`.

In SAGE 0.2 an operator that raises only loses its record, but a source that raises has ended, unless a checkpoint
strategy starts it again: a fresh instance takes over the failed one's state (`get_state`, `restore_state`). The engine
asks `recover` after it has recorded the failure. SAGE's strategy `restart` starts nothing again, in truth.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

_ATTEMPTS = 3
"""SAGE's default for `max_recovery_attempts`: the failure of this number is final."""


class Recovering:
    """Stands for the `execute` of a source; one replica's thread calls it."""

    def __init__(self, function: Any, make: Callable[[], Any], attempts: int) -> None:
        self._function = function
        self._make = make
        self._left = attempts - 1
        self._execute: Callable[[], Any] = function.execute

    def __call__(self) -> Any:
        """The next record; raises what the source raises."""
        return self._execute()

    def recover(self, error: BaseException) -> bool:
        """Go on after `error` with a fresh instance and the failed one's state; false when that was tried too often.

        Raises whatever the constructor, `get_state` or `restore_state` of the source raises.
        """
        if self._left <= 0 or not isinstance(error, Exception):
            return False
        self._left -= 1
        fresh = self._make()
        if hasattr(self._function, "get_state") and hasattr(fresh, "restore_state"):
            state = self._function.get_state()
            if isinstance(state, dict):
                state.pop("execute", None)  # this very object, in an instance that saves all of its attributes
            fresh.restore_state(state)
        self._function = fresh
        self._execute = fresh.execute
        return True


def recovery_attempts(config: Mapping[str, Any]) -> int:
    """How many failures an environment's configuration grants a source, the last of which is final; 0 for none."""
    settings = config.get("fault_tolerance")
    if not isinstance(settings, Mapping) or settings.get("strategy") != "checkpoint":
        return 0
    return int(settings.get("max_recovery_attempts", _ATTEMPTS))
