"""Keys that come before the focus does: they belong to the field that the key before them opened."""

from __future__ import annotations

from collections import OrderedDict

from textual import events
from textual.widget import Widget
from textual.widgets import Input

KEPT = 256
"""Keys of which it is remembered to whom they were given."""


class TypingAhead:
    """Says of a key that comes back to the app, because nobody wanted it, for whom it was meant.

    Textual gives a key to what has the focus, and runs the bindings of keys that nobody took later: when `/error`
    comes at once, from a quick hand or a slow line, all of it goes to the list, and the `r` would reload. Only the
    dashboard's thread uses it.
    """

    def __init__(self) -> None:
        self._given: OrderedDict[int, tuple[events.Key, Widget | None]] = OrderedDict()

    def give(self, key: events.Key, focused: Widget | None) -> None:
        """Note that a key is about to be given to what has the focus."""
        self._given[id(key)] = (key, focused)
        if len(self._given) > KEPT:
            self._given.popitem(last=False)

    def belongs_to(self, key: events.Key, focused: Widget | None) -> Input | None:
        """The field that has got the focus since the key was given to something else; None if none has."""
        _, before = self._given.pop(id(key), (key, focused))
        return focused if isinstance(focused, Input) and focused is not before else None
