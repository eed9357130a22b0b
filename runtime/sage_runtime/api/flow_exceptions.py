"""Era 2's contract for exceptions in flows: what happened, what a handler decides, and the scope of a handler.

Flows run on SAGE's distributed runtime only. What is served here is what scripts use without it: the contract's types,
and `flow_exception_handler`, which calls the hooks that were registered.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

ExceptionAction = Literal["propagate", "abort", "fallback"]
"""Ask the next handler; drop the record; go on with other records in its place."""

Hook = Callable[..., Any]
_hooks: list[tuple[Hook, Hook]] = []


@dataclass
class ExceptionContext:
    """Where an exception happened. `stack_depth` counts flows that call flows."""

    request_id: str
    phase: str
    actor_id: str | None = None
    method: str | None = None
    address: str | None = None
    transformation_id: str | None = None
    payload_summary: str | None = None
    stack_depth: int = 0
    metadata: dict[str, Any] = field(default_factory=dict)


@dataclass
class ExceptionEvent:
    """An exception as a handler gets it; `error` is the exception itself where it is at hand."""

    error_type: str
    message: str
    traceback: str
    context: ExceptionContext
    error: BaseException | None = None


@dataclass
class ExceptionDecision:
    """What a handler decides; `payloads` are the records that a fallback puts in place of the failed one."""

    action: ExceptionAction
    payloads: list[Any] | None = None
    metadata: dict[str, Any] = field(default_factory=dict)

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


def register_exception_handler_hook(push: Hook, pop: Hook) -> None:
    """Let `push(handler)` be called where a handler's scope begins and `pop()` where it ends.

    Raises:
        TypeError: one of them is not callable.
    """
    for name, hook in (("push", push), ("pop", pop)):
        if not callable(hook):
            raise TypeError(f"{name} hook must be callable, got {type(hook)!r}")
    _hooks[:] = [(push, pop)]


@contextmanager
def flow_exception_handler(handler: Any) -> Iterator[None]:
    """The scope in which `handler(event)` decides about exceptions.

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
    if not _hooks:
        raise RuntimeError(
            "flow_exception_handler requires an active runtime backend: flows run on SAGE's distributed runtime, "
            "unless register_exception_handler_hook was called before"
        )
    push, pop = _hooks[0]
    push(handler)
    try:
        yield
    finally:
        pop()


exception_handler = flow_exception_handler
