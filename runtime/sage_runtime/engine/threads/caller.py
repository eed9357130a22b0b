"""For whom service calls are made: an operator's replica or a service."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sage_runtime.engine.meters import Meter

if TYPE_CHECKING:
    from sage_runtime.engine.threads.services import Service


class CallOwner:
    """A caller of services. Its thread sets `thread` (its ident) first of all; any thread reads it.

    `id` is the operator's or service's, `replica` None for a service. `calls` collects the ids of the calls that its
    thread makes, while a record is followed through it.
    """

    __slots__ = ("calls", "id", "meter", "replica", "service", "thread")

    def __init__(
        self,
        name: str,
        replica: int | None = None,
        meter: Meter | None = None,
        service: Service | None = None,
    ) -> None:
        self.id = name
        self.replica = replica
        self.meter = meter
        self.service = service
        self.thread: int | None = None
        self.calls: list[int] | None = None
