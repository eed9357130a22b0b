"""Messages from widgets to the screens above them."""

from __future__ import annotations

from dataclasses import dataclass

from textual.message import Message

from sage_runtime.events import Trace
from sage_tui.journal.lines import Line


@dataclass
class PaneChosen(Message):
    """Somebody clicked a pane's tab."""

    pane: str


@dataclass
class OperatorSelected(Message):
    """The graph's or the table's cursor moved to an operator or service; `key` is `pipeline/id`."""

    key: str


@dataclass
class OperatorOpened(Message):
    """Enter on an operator; `key` is `pipeline/id`."""

    key: str


@dataclass
class ServiceOpened(Message):
    """Enter on a service; `key` is `pipeline/name`. With `slowest`, its slowest calls are wanted."""

    key: str
    slowest: bool = False


@dataclass
class FailureOpened(Message):
    """Enter on a group of failures; `key` is that of `failures_of`."""

    key: str


@dataclass
class LineOpened(Message):
    """Enter on a line: output, log or a service call."""

    line: Line


@dataclass
class StepOpened(Message):
    """Enter on a step of a traced record."""

    step: Trace


@dataclass
class SessionClosed(Message):
    """The session is closed."""
