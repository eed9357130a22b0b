"""What a graph carries to make its functions and services: a class, its arguments and small values.

Factories are data, so that a graph can be pickled and run in another process.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from sage_runtime.api.console import attach_console
from sage_runtime.api.construction import create_function
from sage_runtime.api.eras import Era
from sage_runtime.api.recovery import Recovering
from sage_runtime.frozen import Frozen


class FunctionFactory(Frozen):
    """Makes an operator's function for one replica.

    `recoveries` is how many failures a source survives (`api.recovery`), 0 for none.
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
            from sage_runtime.api.metronome import keep_time

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
