"""The hooks by which a distributed runtime learns of exception scopes: kept, and asked for by scripts only."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Hook = Callable[..., Any]
_hooks: tuple[Hook | None, Hook | None] = (None, None)


def register_kernel_exception_handler_hook(push: Hook, pop: Hook) -> None:
    """Keep a pair of hooks.

    Raises:
        TypeError: one of them is not callable.
    """
    global _hooks
    for name, hook in (("push", push), ("pop", pop)):
        if not callable(hook):
            raise TypeError(f"{name} hook must be callable, got {type(hook)!r}")
    _hooks = (push, pop)


def get_registered_exception_handler_hook() -> tuple[Hook | None, Hook | None]:
    """The pair that was registered last, `(None, None)` at first."""
    return _hooks
