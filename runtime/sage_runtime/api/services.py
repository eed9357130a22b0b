"""Users' services: the base class, and the factory that `register_service` returns."""

from __future__ import annotations

from abc import ABC
from collections.abc import Callable, Mapping
from typing import Any

from sage_runtime.api.construction import create_service
from sage_runtime.api.functions import (
    FromContext,
    find_call_service,
    find_call_service_async,
    find_logger,
    find_name,
)


class BaseService(ABC):  # noqa: B024 - an ABC in SAGE too, with nothing abstract
    """What services may derive from (a plain class is fine too). `ctx` is there before `__init__` runs.

    The engine calls `setup` and `start` before the operators start, `stop` and `cleanup` after they have ended.
    """

    ctx: Any = None
    logger: Any = FromContext(find_logger)
    name: Any = FromContext(find_name)
    call_service: Any = FromContext(find_call_service)
    call_service_async: Any = FromContext(find_call_service_async)

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: B027 - users pass on what they were given
        """Take and ignore everything."""

    def setup(self) -> None:  # noqa: B027 - a hook
        """Called once, after the constructor."""

    def start(self) -> None:  # noqa: B027 - a hook
        """Called once, before the pipeline starts."""

    def stop(self) -> None:  # noqa: B027 - a hook
        """Called once, after the operators have ended."""

    def cleanup(self) -> None:  # noqa: B027 - a hook
        """Called last."""


class ServiceFactory:
    """How to make a service: its name, its class and the constructor's arguments."""

    def __init__(
        self,
        service_name: str,
        service_class: Callable[..., Any],
        service_args: tuple[Any, ...] = (),
        service_kwargs: Mapping[str, Any] | None = None,
    ) -> None:
        self.service_name = service_name
        self.service_class = service_class
        self.service_args = service_args
        self.service_kwargs = dict(service_kwargs or {})

    def create_service(self, ctx: Any = None) -> Any:
        """A new instance with its context. Raises whatever its constructor raises."""
        return create_service(self.service_class, self.service_args, self.service_kwargs, ctx)

    def __repr__(self) -> str:
        return f"<ServiceFactory {self.service_name}: {_class_name(self.service_class)}>"


def _class_name(cls: Callable[..., Any]) -> str:
    return str(getattr(cls, "__name__", type(cls).__name__))
