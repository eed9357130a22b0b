"""The runs of one script: start, reload, stop, replay. No Textual."""

from sage_tui.session.options import SessionError, SessionOptions, StopTimes
from sage_tui.session.protocol import Line, LineSource, Listener, SessionLike, SessionWithPast
from sage_tui.session.replay import ReplaySession
from sage_tui.session.session import Session

__all__ = [
    "Line",
    "LineSource",
    "Listener",
    "ReplaySession",
    "Session",
    "SessionError",
    "SessionLike",
    "SessionOptions",
    "SessionWithPast",
    "StopTimes",
]
