"""What user code sees of the engine: the `ctx` of an operator's replica and of a service."""

from __future__ import annotations

import logging
from typing import Any, Protocol, TypedDict, Unpack


class Caller(Protocol):
    """`call_service` and `call_service_async`: callable and subscriptable.

    `caller["x"].method(*args, timeout=…, **kwargs)` and `caller("x", *args, timeout=…, method=…, **kwargs)`; the method
    defaults to the first of `process`, `execute` and `call` that the service has.
    """

    def __call__(
        self, service: str, /, *args: Any, timeout: float | None = None, method: str | None = None, **kwargs: Any
    ) -> Any: ...

    def __getitem__(self, service: str, /) -> Any: ...


class _Surroundings(TypedDict):
    env_name: str
    env_base_dir: str
    call_service: Caller
    call_service_async: Caller


class _Context:
    """What both contexts have. `env_base_dir` is the folder of the session's logs; `pipeline` is the events' id."""

    def __init__(self, name: str, part: str, pipeline: str, surroundings: _Surroundings) -> None:
        self.name = name
        self.pipeline = pipeline
        self.env_name = surroundings["env_name"]
        self.env_base_dir = surroundings["env_base_dir"]
        self.call_service = surroundings["call_service"]
        self.call_service_async = surroundings["call_service_async"]
        self.logger = logging.getLogger(f"sage.{pipeline}.{part}")

    def get_service(self, name: str) -> Any:
        """The service of that name: its methods are calls, as with `call_service[name]`."""
        return self.call_service[name]


class OperatorContext(_Context):
    """The context of one replica of an operator. Made by the engine, read by the user's function on its own thread.

    `name` is `<operator>_<replica>` in eras 1 and 2; in era 3 it is the bare `<operator>`, and `<operator>_r<replica>`
    where there are several. `parallel_index` counts replicas from 0.
    """

    def __init__(
        self,
        *,
        operator: str,
        pipeline: str,
        parallel_index: int,
        parallelism: int,
        era: int,
        **surroundings: Unpack[_Surroundings],
    ) -> None:
        if era != 3:
            name = f"{operator}_{parallel_index}"
        else:
            name = operator if parallelism == 1 else f"{operator}_r{parallel_index}"
        super().__init__(name, operator, pipeline, surroundings)
        self.operator = operator
        self.parallel_index = parallel_index
        self.parallelism = parallelism
        self.key: Any = None

    def get_key(self) -> Any:
        """The key of the record that is being processed, `None` on a stream without keys."""
        return self.key


class ServiceContext(_Context):
    """The context of a service. Made by the engine before the service's `__init__` runs.

    `name` is `service_<service>` in eras 1 and 2 and the bare name in era 3.
    """

    def __init__(self, *, service: str, pipeline: str, era: int, **surroundings: Unpack[_Surroundings]) -> None:
        super().__init__(service if era == 3 else f"service_{service}", service, pipeline, surroundings)
        self.service = service
