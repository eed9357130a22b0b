"""SAGE's facade (`sage.kernel.facade`) over flows and actors, on whatever runs here: actors are plain objects.

Scripts reach it with mocks of `_get_runtime_backend`, so it is looked up anew for each call.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from concurrent.futures import Future
from functools import lru_cache
from typing import Any


class MethodReference:
    """A method of an actor: `call` waits for its result, `async_call` returns a future, and calling it calls."""

    def __init__(self, actor: Any, name: str) -> None:
        self._method = getattr(actor, name)

    def call(self, *args: Any, **kwargs: Any) -> Any:
        """Its result; raises what it raises."""
        return self._method(*args, **kwargs)

    __call__ = call

    def async_call(self, *args: Any, **kwargs: Any) -> Future[Any]:
        """A future of its result; the call runs on a thread of its own, which ends with it."""
        future: Future[Any] = Future()
        threading.Thread(target=_answer, args=(future, self._method, args, kwargs), name="sage_actor").start()
        return future

    def cancel(self) -> bool:
        """Always false: a call cannot be taken back."""
        return False


class ActorHandle:
    """An object made by `create`; its methods are reached as attributes or by `get_method`."""

    def __init__(self, actor: Any) -> None:
        self._actor = actor

    def get_method(self, name: str) -> MethodReference:
        """A method of the object.

        Raises:
            AttributeError: it has none of that name.
        """
        return MethodReference(self._actor, name)

    def __getattr__(self, name: str) -> MethodReference:
        if name.startswith("_"):
            raise AttributeError(name)
        return self.get_method(name)

    def cancel(self) -> bool:
        """Always true: there is nothing to release."""
        return True


class FlowHandle:
    """A flow that was submitted; `call` runs it on an input."""

    def __init__(self, flow: Any) -> None:
        self._flow = flow

    def call(self, *args: Any, **kwargs: Any) -> Any:
        """The flow's output; raises what it raises."""
        return self._flow.call(*args, **kwargs) if hasattr(self._flow, "call") else self._flow(*args, **kwargs)

    def cancel(self) -> bool:
        """Always true: nothing runs between calls."""
        return True


class LocalBackend:
    """Makes actors and runs flows in this process."""

    def create(self, actor_class: type[Any], *args: Any, actor_config: Any = None, **kwargs: Any) -> ActorHandle:
        """An actor."""
        return ActorHandle(actor_class(*args, **kwargs))

    def submit(self, flow: Any, *, ingress: Any = None, egress: Any = None, run_config: Any = None) -> FlowHandle:
        """A flow, ready to be called."""
        return FlowHandle(flow)

    def list_nodes(self) -> list[dict[str, Any]]:
        """This machine."""
        from dataclasses import asdict

        from sage_runtime.api.scheduling import NodeSelector

        return [asdict(node) for node in NodeSelector().get_all_nodes()]


def _answer(future: Future[Any], method: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    if not future.set_running_or_notify_cancel():
        return
    try:
        result = method(*args, **kwargs)
    except BaseException as error:  # noqa: BLE001 - whatever the method raises goes to who waits for it
        future.set_exception(error)
    else:
        future.set_result(result)


@lru_cache(maxsize=1)
def get_runtime_backend() -> LocalBackend:
    """The backend of this process."""
    return LocalBackend()


def _get_runtime_backend() -> Any:
    return get_runtime_backend()


def _resolve_flow_for_backend(flow: Any) -> Any:
    return flow


def _patched(name: str) -> Any:
    """A function of this module, through the address where scripts patch it."""
    return getattr(sys.modules.get("sage.kernel.facade"), name, globals()[name])


def _backend() -> Any:
    return _patched("_get_runtime_backend")()


def create(actor_class: type[Any], *args: Any, actor_config: Any = None, **kwargs: Any) -> Any:
    """An actor of a class; its methods are called by `handle.method.call(…)`."""
    return _backend().create(actor_class, *args, actor_config=actor_config, **kwargs)


def submit(flow_obj: Any, *, ingress: Any = None, egress: Any = None, run_config: Any = None) -> Any:
    """A flow made ready; `call` runs it."""
    flow = _patched("_resolve_flow_for_backend")(flow_obj)
    return _backend().submit(flow, ingress=ingress, egress=egress, run_config=run_config)


def run(flow_obj: Any, *args: Any, **kwargs: Any) -> Any:
    """A flow's output for an input; raises what the flow raises."""
    _backend()
    return FlowHandle(_patched("_resolve_flow_for_backend")(flow_obj)).call(*args, **kwargs)


def call(flow_ref: Any, *args: Any, **kwargs: Any) -> Any:
    """The output of what `submit` or `create` gave.

    Raises:
        TypeError: it has no `call`.
    """
    _backend()
    if not hasattr(flow_ref, "call"):
        raise TypeError(f"call takes a run handle or a method with .call(), not {flow_ref!r}; run(flow, …) runs a flow")
    return flow_ref.call(*args, **kwargs)


def ensure_ray_initialized(*args: Any, **kwargs: Any) -> None:
    """Nothing: no cluster is used here."""
