"""Who is at work on this thread: the operator, the service or the script itself (both parts None).

Each thread has its own source; the engine sets it at the start of a replica's or service's thread, and a thread that
somebody starts inherits it from its starter (`bequeath`, called by the worker's audit hook). Output, log records and
service calls are attributed by it. Nothing heavy is imported here, and every function is safe on any thread.
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

before_change: Callable[[], None] | None = None
"""Called on a thread whose source is about to change: what it has printed so far belongs to the old one."""

_INHERITED = "_sage_source"
_ACTIVE: dict[int, threading.Thread] = getattr(threading, "_active", {})
"""The running threads by ident; `threading.current_thread()` would register a foreign thread for ever."""


class _Local(threading.local):
    source: Source | None = None


_local = _Local()


def set_source(pipeline: str | None, id: str | None) -> None:  # noqa: A002 - the word of the events
    """From now on this thread works for the operator or service `id` of `pipeline`."""
    _change(Source(pipeline, id))


def _change(source: Source) -> None:
    if before_change is not None and source != current_source():
        before_change()
    _local.source = source


def current_source() -> Source:
    """For whom this thread works: what was set or inherited, else `SCRIPT`."""
    source = _local.source
    if source is None:
        source = getattr(_ACTIVE.get(threading.get_ident()), _INHERITED, SCRIPT)
        _local.source = source
    return source


@contextmanager
def attributed(pipeline: str | None, id: str | None) -> Iterator[None]:  # noqa: A002 - the word of the events
    """What runs inside is attributed to `id` of `pipeline`: constructors and hooks on somebody else's thread."""
    before = current_source()
    _change(Source(pipeline, id))
    try:
        yield
    finally:
        _change(before)


def bequeath(target: Any) -> None:
    """Let the thread whose bootstrap method is `target` inherit this thread's source when it looks for its own.

    A bare `_thread.start_new_thread` runs a plain function; such a thread works for the script.
    """
    thread = getattr(target, "__self__", None)
    if isinstance(thread, threading.Thread):
        source = current_source()
        if source is not SCRIPT:
            thread.__dict__[_INHERITED] = source
