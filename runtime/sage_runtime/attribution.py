"""What a thread works for, its source: an operator, a service or the script itself.

The engine sets the source at the start of a replica's or service's thread; any other thread inherits its starter's
(`bequeath`, called by the worker's audit hook). Output and log records are attributed to it. Every function is safe on
any thread.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple


class Source(NamedTuple):
    """A pipeline's id and the id of an operator or service in it; both None for the script itself."""

    pipeline: str | None
    id: str | None


SCRIPT = Source(None, None)
"""The script itself."""

before_change: Callable[[Source], None] | None = None
"""Called on a thread whose source is about to change, with the new one: what it has printed belongs to the old one."""

_INHERITED = "_sage_source"


class _Local(threading.local):
    source: Source | None = None


_local = _Local()


def set_source(pipeline: str | None, id: str | None) -> None:  # noqa: A002 - the word of the events
    """Have this thread work for the operator or service `id` of `pipeline` from now on."""
    _change(Source(pipeline, id))


def _change(source: Source) -> None:
    if before_change is not None and source != current_source():
        before_change(source)
    _local.source = source


def current_source() -> Source:
    """The source of this thread: what was set or inherited, else `SCRIPT`."""
    source = _local.source
    if source is None:
        source = _local.source = getattr(_this_thread(), _INHERITED, SCRIPT)
    return source


def _this_thread() -> threading.Thread | None:
    """The object of this thread, if it has one: `threading.current_thread` would make one for a foreign thread."""
    ident = threading.get_ident()
    return next((thread for thread in threading.enumerate() if thread.ident == ident), None)


@contextmanager
def attributed(pipeline: str | None, id: str | None) -> Iterator[None]:  # noqa: A002 - the word of the events
    """Attribute the block to `id` of `pipeline`: for constructors and hooks that run on another's thread."""
    before = current_source()
    _change(Source(pipeline, id))
    try:
        yield
    finally:
        _change(before)


def bequeath(target: Any) -> None:
    """Let the thread whose bootstrap method is `target` inherit this thread's source.

    A thread of a bare `_thread.start_new_thread` works for the script.
    """
    thread = getattr(target, "__self__", None)
    if isinstance(thread, threading.Thread):
        source = current_source()
        if source is not SCRIPT:
            thread.__dict__[_INHERITED] = source
