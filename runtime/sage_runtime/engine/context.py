"""What user code sees of the engine: the `ctx` of an operator replica and of a service."""

from __future__ import annotations

import logging
from typing import Any, Protocol


class Caller(Protocol):
    """`call_service` and `call_service_async`: callable and subscriptable.

    `caller["x"].method(*args, timeout=…, **kwargs)` and `caller("x", *args, timeout=…, method=…, **kwargs)`; the method
    defaults to the first of `process`, `execute` and `call` that the service has.
    """

    def __call__(
        self, service: str, /, *args: Any, timeout: float | None = None, method: str | None = None, **kwargs: Any
    ) -> Any: ...

    def __getitem__(self, service: str, /) -> Any: ...


class OperatorContext:
    """The context of one replica of an operator. Made by the engine, read by the user's function on its own thread.

    `name` is `<operator>_<replica>` in eras 1 and 2; in era 3 it is the bare `<operator>`, and `<operator>_r<replica>`
    where there are several. `operator` and `pipeline` are the ids of the events; `parallel_index` counts replicas from
    0. `env_base_dir` is the folder of the session's logs.
    """

    def __init__(
        self,
        *,
        operator: str,
        pipeline: str,
        env_name: str,
        env_base_dir: str,
        parallel_index: int,
        parallelism: int,
        call_service: Caller,
        call_service_async: Caller,
        era: int,
    ) -> None:
        if era != 3:
            self.name = f"{operator}_{parallel_index}"
        else:
            self.name = operator if parallelism == 1 else f"{operator}_r{parallel_index}"
        self.operator = operator
        self.pipeline = pipeline
        self.env_name = env_name
        self.env_base_dir = env_base_dir
        self.parallel_index = parallel_index
        self.parallelism = parallelism
        self.call_service = call_service
        self.call_service_async = call_service_async
        self.logger = logging.getLogger(f"sage.{pipeline}.{operator}")
        self.key: Any = None

    def get_key(self) -> Any:
        """The key of the record that is being processed, `None` on a stream without keys."""
        return self.key

    def get_service(self, name: str) -> Any:
        """The service of that name: its methods are calls, as with `call_service[name]`."""
        return self.call_service[name]


class ServiceContext:
    """The context of a service. Made by the engine, there before the service's `__init__` runs.

    `name` is `service_<service>` in eras 1 and 2 and the bare name in era 3.
    """

    def __init__(
        self,
        *,
        service: str,
        pipeline: str,
        env_name: str,
        env_base_dir: str,
        era: int,
        call_service: Caller,
        call_service_async: Caller,
    ) -> None:
        self.name = service if era == 3 else f"service_{service}"
        self.service = service
        self.pipeline = pipeline
        self.env_name = env_name
        self.env_base_dir = env_base_dir
        self.call_service = call_service
        self.call_service_async = call_service_async
        self.logger = logging.getLogger(f"sage.{pipeline}.{service}")

    def get_service(self, name: str) -> Any:
        """Another service of the pipeline: its methods are calls, as with `call_service[name]`."""
        return self.call_service[name]
