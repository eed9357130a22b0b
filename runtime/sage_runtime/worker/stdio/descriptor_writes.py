"""`os.write` to the descriptors 1 and 2, in order with what is printed.

Bytes that go straight to a worker's descriptors are read by the session beside its events, so they come before or after
what is printed as it happens. What Python code writes there by `os.write` need not: it takes the way of the streams,
which know its source, too. Native code and child processes have only the descriptors.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from sage_runtime.worker.stdio.captured_stream import Streams


def in_order(write: Callable[[int, Any], int], streams: Streams) -> Callable[[int, Any], int]:
    """What takes the place of `os.write`: for a descriptor that the script has turned elsewhere it is as ever."""

    def write_in_order(fd: int, data: Any, /) -> int:
        if fd in (1, 2):
            stream = streams.stdout if fd == 1 else streams.stderr
            if os.getpid() == streams.pid and stream.settings.captures:
                return stream.buffer.write(data)
        return write(fd, data)

    write_in_order.__name__ = write_in_order.__qualname__ = "write"
    write_in_order.__doc__ = write.__doc__
    return write_in_order
