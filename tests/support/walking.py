"""A walk through the dashboard: one key after another, and the effect that each must have."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from support.terminal import Terminal, Then, matches


@dataclass(frozen=True)
class Step:
    """An action in a terminal. A key has the `name` of its binding; other actions have none."""

    name: str
    key: str
    then: Then
    act: Callable[[Terminal], object]

    def __str__(self) -> str:
        return f"{self.name or 'on the way'} ({self.key})"


def press(name: str, key: str, then: Then, act: Callable[[Terminal], object] | None = None) -> Step:
    """The key of a binding and its effect. `act` presses it if pressing alone is not enough."""
    return Step(name, key, then, act or (lambda terminal: terminal.press(key)))


def type_in(text: str, then: Then) -> Step:
    """A text, and Enter."""
    return Step("", text, then, lambda terminal: terminal.press(*text, "enter"))


def do(what: str, act: Callable[[Terminal], object], then: Then) -> Step:
    """An action that is not a key of the dashboard."""
    return Step("", what, then, act)


def walk(terminal: Terminal, steps: Iterable[Step]) -> None:
    """Take the steps in turn. No effect may be there before its step, and each must be before the next step."""
    for number, step in enumerate(steps, start=1):
        assert not terminal.holds(step.then), terminal.report(f"step {number}, {step}: {step.then.words} was so before")
        step.act(terminal)
        terminal.wait_for(Then(f"{step.then.words} (step {number}, {step})", step.then.seen))


# --- what can be seen -------------------------------------------------------------------------------------------------


def lacks(pattern: str) -> Then:
    """No line of the screen matches."""
    return ~matches(pattern)


def copies(pattern: str) -> Then:
    """The last text that was sent to the terminal's clipboard matches."""
    return Then(f"copies /{pattern}/", lambda terminal: any(re.search(pattern, text) for text in terminal.copies[-1:]))


def writes(file: Path, text: str) -> Then:
    """A file exists and contains this."""
    return Then(f"writes {file.name}", lambda terminal: file.exists() and text in file.read_text())
