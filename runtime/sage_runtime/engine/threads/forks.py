"""A child process that an operator or a service forks: it runs on in user code, and ends where that code ends.

Only the thread that forked lives in the child. The records in its hands are the parent's, which goes on with them: so
nothing more is begun, and on its way out of user code the child ends as a function in a process of its own does.
"""

from __future__ import annotations

import os
import sys
import traceback
from typing import NoReturn, Protocol
from weakref import WeakSet


class Forkable(Protocol):
    """What is told in a forked child, by the only thread there; other threads may have held any lock."""

    def forked(self) -> None:
        """Begin nothing more."""


_told: WeakSet[Forkable] = WeakSet()


def tell(one: Forkable) -> None:
    """From now on tell it when a child is forked."""
    _told.add(one)


def _in_child() -> None:
    for one in list(_told):
        one.forked()


os.register_at_fork(after_in_child=_in_child)


def end_child(error: BaseException | None = None) -> NoReturn:
    """End this process: after an error with its traceback on stderr and status 1, after `sys.exit` as that says."""
    status = 0
    if error is not None and isinstance(error, SystemExit):
        code = error.code
        status = code if isinstance(code, int) else int(code is not None)
        if status and not isinstance(code, int):
            print(code, file=sys.stderr)
    elif error is not None:
        traceback.print_exception(error)
        status = 1
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except Exception:  # noqa: BLE001, S110 - the script may have put anything there
            pass
    os._exit(status & 0xFF)
