"""Events in, what to show out: pure, without I/O, threads or Textual."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sage_tui.state.run_state import RunState as RunState
    from sage_tui.state.run_state import StateError as StateError

_HOMES = {
    "RunState": "run_state",
    "StateError": "run_state",
}


def __getattr__(name: str) -> Any:
    """Import a name's module when the name is first used: running a script needs few of them."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
