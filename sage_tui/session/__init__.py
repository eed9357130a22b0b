"""The runs of one script: start, reload, stop, replay. No Textual."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sage_tui.session.options import SessionError, SessionOptions, StopTimes
    from sage_tui.session.protocol import Line, LineSource, Listener, Playable, SessionLike, SessionWithHistory
    from sage_tui.session.recorded.replay import Playback, ReplaySession, open_replay
    from sage_tui.session.session import Session

__all__ = [
    "Line",
    "LineSource",
    "Listener",
    "Playable",
    "Playback",
    "ReplaySession",
    "Session",
    "SessionError",
    "SessionLike",
    "SessionOptions",
    "SessionWithHistory",
    "StopTimes",
    "open_replay",
]

_HOMES = {
    "SessionError": "options",
    "SessionOptions": "options",
    "StopTimes": "options",
    "Line": "protocol",
    "LineSource": "protocol",
    "Listener": "protocol",
    "Playable": "protocol",
    "SessionLike": "protocol",
    "SessionWithHistory": "protocol",
    "Playback": "recorded.replay",
    "open_replay": "recorded.replay",
    "ReplaySession": "recorded.replay",
    "Session": "session",
}


def __getattr__(name: str) -> Any:
    """Load what is asked for with the module that has it: whoever runs a script needs few of them."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
