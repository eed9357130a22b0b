"""What a graph carries to make its functions and services: a class, its arguments and small values.

Factories are data, so that a graph can be pickled and run in another process. One of them starts a failed source again:
era 2's `config={"fault_tolerance": {"strategy": "checkpoint", …}}`. In SAGE 0.2 a source that raises has ended unless a
checkpoint strategy starts it again; SAGE's strategy `restart` starts nothing again, in truth.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from sage_runtime.api.eras import Era
from sage_runtime.api.functions import create_function
from sage_runtime.api.logger import attach_console
from sage_runtime.frozen import Frozen


class FunctionFactory(Frozen):
    """Makes an operator's function for one replica.

    `recoveries` is the number of the failure that a source does not survive, 0 for the first.
    """

    function_class: type[Any]
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]
    kind: str
    era: Era
    console_level: str
    recoveries: int = 0

    def __call__(self, context: Any) -> Any:
        """The function. Raises whatever its constructor raises."""
        attach_console(context.logger, self.era, self.console_level)
        make = partial(create_function, self.function_class, self.args, self.kwargs, context)
        function = make()
        if self.recoveries:
            function.execute = Recovering(function, make, self.recoveries)
        if getattr(function, "use_metronome", False):
            from sage_runtime.api.communication import keep_time

            keep_time(function, self.kind)
        return function


class RegisteredService(Frozen):
    """Makes a service by the factory that was registered."""

    factory: Any
    era: Era
    console_level: str

    def __call__(self, context: Any) -> Any:
        """The service. Raises whatever its constructor raises."""
        attach_console(context.logger, self.era, self.console_level)
        return self.factory.create_service(context)


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
    """How many failures of a source the configuration allows, the last one being final; 0 if it sets none."""
    settings = config.get("fault_tolerance")
    if not isinstance(settings, Mapping) or settings.get("strategy") != "checkpoint":
        return 0
    return int(settings.get("max_recovery_attempts", _ATTEMPTS))
