"""Which service waits for which: a cycle is found where the wait that closes it begins."""

from __future__ import annotations

import threading
from collections.abc import Callable

from sage_runtime.engine.errors import ServiceCycleError


class WaitForGraph:
    """The waits of one job's services on one another. Their threads begin and end them; one lock guards all.

    A service executes one call at a time, so it waits for one other at most.
    """

    def __init__(self, found: Callable[[str], None]) -> None:
        self._lock = threading.Lock()
        self._on: dict[str, str] = {}
        self._found = found

    def begin(self, service: str, on: str, over: Callable[[], bool]) -> None:
        """`service` is about to wait for `on`, unless `over()`: the answer is there.

        Raises:
            ServiceCycleError: `on` waits for `service`, directly or through others: nobody would ever go on.
        """
        with self._lock:
            chain = [service, on]
            step: str | None = on
            while step is not None and step != service:
                step = self._on.get(step)
                if step is not None:
                    chain.append(step)
            if step is None or over():
                self._on[service] = on
                return
        message = f"service cycle: {' → '.join(chain)}"
        self._found(message)
        raise ServiceCycleError(message)

    def end(self, service: str) -> None:
        """`service` goes on."""
        with self._lock:
            self._on.pop(service, None)
