"""Locks that no interrupt leaves behind.

What a signal handler raises (`KeyboardInterrupt`) may come, from Python 3.14 on, between the end of a lock's
`__enter__` and the beginning of its `with` block: the block's `__exit__` is not called then, and the lock would be held
for ever. So a thread that may be interrupted, and must not stop the others, does

    held = depth(lock)
    try:
        with lock:
            ...
    except BaseException:
        restore(lock, held)
        raise
"""

from __future__ import annotations

import sys
from typing import Protocol


class InterruptSafeLock(Protocol):
    """A lock that its thread may take several times, as `threading.RLock`."""

    def _recursion_count(self) -> int: ...

    def release(self) -> None:
        """Give it back once."""


if sys.version_info >= (3, 14):

    def depth(lock: InterruptSafeLock) -> int:
        """How many times this thread holds a lock."""
        return lock._recursion_count()

    def restore(lock: InterruptSafeLock, held: int) -> None:
        """On its thread: give the lock back until it is held `held` times."""
        while lock._recursion_count() > held:
            lock.release()

else:

    def depth(lock: object) -> int:
        """Not needed: `with` is safe by itself."""
        return 0

    def restore(lock: object, held: int) -> None:
        """Nothing to give back."""
