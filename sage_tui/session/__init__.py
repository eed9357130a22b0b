"""The runs of one script: start, reload, stop, replay. No Textual."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sage_tui.session.options import SessionError as SessionError
    from sage_tui.session.options import SessionOptions as SessionOptions
    from sage_tui.session.options import StopTimes as StopTimes
    from sage_tui.session.recorded.replay import ReplaySession as ReplaySession
    from sage_tui.session.session import Session as Session

_HOMES = {
    "SessionError": "options",
    "SessionOptions": "options",
    "StopTimes": "options",
    "ReplaySession": "recorded.replay",
    "Session": "session",
}


def __getattr__(name: str) -> Any:
    """Import a name's module when the name is first used: running a script needs few of them."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
