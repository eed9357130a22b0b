"""Flows and actors, which only SAGE's distributed runtime can run: the parts that scripts use without it.

`create`, `submit`, `run` and `call` (`sage.kernel.facade`) ask a backend that scripts put in its place; without one
they raise, as SAGE does. The contract for exceptions in flows and its hooks work as they are.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

Hook = Callable[..., Any]


# --- the facade ------------------------------------------------------------------------------------------------------


def get_runtime_backend() -> Any:
    """SAGE's distributed runtime.

    Raises:
        ImportError: always; it is not served.
    """
    raise ImportError(
        "flows and actors run on SAGE's distributed runtime, which sage-tui does not have; "
        "an environment's submit() runs a pipeline here"
    )


def _get_runtime_backend() -> Any:
    return get_runtime_backend()


def _resolve_flow_for_backend(flow: Any) -> Any:
    return flow


def _patched(name: str) -> Any:
    """A function of this module, looked up at the address where scripts patch it."""
    return getattr(sys.modules.get("sage.kernel.facade"), name, globals()[name])


def create(actor_class: type[Any], *args: Any, actor_config: Any = None, **kwargs: Any) -> Any:
    """The backend's actor of a class."""
    return _patched("_get_runtime_backend")().create(actor_class, *args, actor_config=actor_config, **kwargs)


def submit(flow: Any, *, ingress: Any = None, egress: Any = None, run_config: Any = None) -> Any:
    """The backend's handle of a flow."""
    backend = _patched("_get_runtime_backend")()
    resolved = _patched("_resolve_flow_for_backend")(flow)
    return backend.submit(resolved, ingress=ingress, egress=egress, run_config=run_config)


def run(flow: Any, *args: Any, **kwargs: Any) -> Any:
    """A flow's output for an input; raises what the flow raises."""
    _patched("_get_runtime_backend")()
    resolved = _patched("_resolve_flow_for_backend")(flow)
    return getattr(resolved, "call", resolved)(*args, **kwargs)


def call(ref: Any, *args: Any, **kwargs: Any) -> Any:
    """The output of what `submit` or `create` gave.

    Raises:
        TypeError: it has no `call`.
    """
    _patched("_get_runtime_backend")()
    if not hasattr(ref, "call"):
        raise TypeError(f"call takes a run handle or a method with .call(), not {ref!r}; run(flow, …) runs a flow")
    return ref.call(*args, **kwargs)


def ensure_ray_initialized(*args: Any, **kwargs: Any) -> None:
    """Do nothing: no cluster is used here."""


# --- declarations ----------------------------------------------------------------------------------------------------


class FlowDeclaration:
    """What `@flow` makes of a function: it can be inspected; running it needs SAGE's distributed runtime."""

    def __init__(self, func: Callable[..., Any]) -> None:
        self.func = func
        self.name = getattr(func, "__qualname__", type(func).__name__)

    def call(self, *args: Any, **kwargs: Any) -> Any:
        """Run it.

        Raises:
            ImportError: always; see `get_runtime_backend`.
        """
        return get_runtime_backend()

    __call__ = compile = submit = put = open = call


def flow(func: Any = None, *, static: bool = True) -> Any:
    """Declare a function as a flow: `@flow` or `@flow()`."""
    return FlowDeclaration if func is None else FlowDeclaration(func)


# --- exceptions in flows ---------------------------------------------------------------------------------------------


class ExceptionContext(SimpleNamespace):
    """Where an exception happened: `request_id`, `phase` and what else is known."""

    def __init__(self, request_id: str, phase: str, **details: Any) -> None:
        known = {"actor_id": None, "method": None, "address": None, "transformation_id": None, "payload_summary": None}
        super().__init__(**{**known, "request_id": request_id, "phase": phase, "stack_depth": 0, "metadata": {}})
        vars(self).update(details)


class ExceptionEvent(SimpleNamespace):
    """An exception as a handler gets it; `error` is the exception itself where it is at hand."""

    def __init__(
        self,
        error_type: str,
        message: str,
        traceback: str,
        context: ExceptionContext,
        error: BaseException | None = None,
    ) -> None:
        super().__init__(error_type=error_type, message=message, traceback=traceback, context=context, error=error)


class ExceptionDecision(SimpleNamespace):
    """What a handler decides: to propagate, to abort, or to fall back on other records, its `payloads`."""

    def __init__(self, action: str, payloads: list[Any] | None = None, metadata: dict[str, Any] | None = None) -> None:
        super().__init__(action=action, payloads=payloads, metadata=metadata or {})

    @staticmethod
    def abort(**metadata: Any) -> ExceptionDecision:
        """Drop the record."""
        return ExceptionDecision("abort", None, metadata)

    @staticmethod
    def propagate(**metadata: Any) -> ExceptionDecision:
        """Leave it to the next handler."""
        return ExceptionDecision("propagate", None, metadata)

    @staticmethod
    def fallback(value: Any = None, payloads: list[Any] | None = None, **metadata: Any) -> ExceptionDecision:
        """Go on with `payloads`, or with one value, or (`None`) with nothing."""
        if payloads is None:
            payloads = [] if value is None else [value]
        return ExceptionDecision("fallback", payloads, metadata)


class FlowException(RuntimeError):  # noqa: N818 - SAGE's name
    """An exception that no handler took; `event` tells of it."""

    def __init__(self, event: ExceptionEvent) -> None:
        super().__init__(f"{event.error_type}: {event.message}")
        self.event = event


class FlowDefinitionError(RuntimeError):
    """A flow that can't be built as it is written."""


class _Hooks:
    """The pair that was registered last: `push(handler)` and `pop()`, where a handler's scope begins and ends."""

    pair: tuple[Hook | None, Hook | None] = (None, None)


def register_exception_handler_hook(push: Hook, pop: Hook) -> None:
    """Keep a pair of hooks.

    Raises:
        TypeError: one of them is not callable.
    """
    for name, hook in (("push", push), ("pop", pop)):
        if not callable(hook):
            raise TypeError(f"{name} hook must be callable, got {type(hook)!r}")
    _Hooks.pair = (push, pop)


def get_registered_exception_handler_hook() -> tuple[Hook | None, Hook | None]:
    """The pair that was registered last, `(None, None)` at first."""
    return _Hooks.pair


@contextmanager
def flow_exception_handler(handler: Any) -> Iterator[None]:
    """A scope in which `handler(event)` decides about exceptions.

    Raises:
        FlowDefinitionError: the handler is not callable.
        RuntimeError: no hooks are registered.
    """
    if handler is None:
        raise FlowDefinitionError(
            "flow_exception_handler requires a non-None handler. Pass an actor method reference: actor.method"
        )
    if not callable(handler):
        raise FlowDefinitionError(
            f"flow_exception_handler expects a callable (ActorMethodRef or function), got {type(handler)!r}."
        )
    push, pop = _Hooks.pair
    if push is None or pop is None:
        raise RuntimeError(
            "flow_exception_handler requires an active runtime backend: flows run on SAGE's distributed runtime, "
            "unless register_exception_handler_hook was called before"
        )
    push(handler)
    try:
        yield
    finally:
        pop()
