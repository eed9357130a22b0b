"""Faults of our own, in threads that nobody waits for: said at once, and told in full on leaving."""

from __future__ import annotations

import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager

SECONDS = 30.0
"""How long the words stay on the screen."""


@contextmanager
def told(say: Callable[[str], None]) -> Iterator[None]:
    """While inside, have `say` called, on the thread itself, when an exception ends a thread; after it, print them.

    A terminal that shows a dashboard can't show a traceback, and a screen that stands still explains nothing.
    """
    faults: list[str] = []
    before = threading.excepthook

    def hook(args: threading.ExceptHookArgs) -> None:
        if args.exc_type is SystemExit:
            return
        text = "".join(traceback.format_exception(args.exc_type, args.exc_value, args.exc_traceback))
        faults.append(f"sage-tui: a fault of its own in the thread {args.thread.name if args.thread else '?'}\n{text}")
        what = traceback.format_exception_only(args.exc_type, args.exc_value)[-1].strip()
        say(f"A fault of sage-tui itself: {what[:200]}. What is shown may stand still; q tells more.")

    threading.excepthook = hook
    try:
        yield
    finally:
        threading.excepthook = before
        for fault in faults:
            print(fault, file=sys.stderr, end="")
