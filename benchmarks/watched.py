"""The real command in a pseudo-terminal, and the moments at which something appears there."""

from __future__ import annotations

import fcntl
import os
import pty
import struct
import subprocess
import termios
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType

from measures import FailedError

TAIL = 1 << 16
"""How many of the last drawn bytes are kept for searching."""


class SilentError(FailedError):
    """The expected text has not appeared. The message is the end of what was drawn."""


class Watched:
    """A command in a terminal of `size` (columns, rows) that takes everything as fast as it comes.

    One thread reads; another waits for what appears.
    """

    def __init__(
        self, command: Sequence[str], *, folder: Path, environment: Mapping[str, str], size: tuple[int, int] = (120, 36)
    ) -> None:
        self._master, theirs = pty.openpty()
        fcntl.ioctl(self._master, termios.TIOCSWINSZ, struct.pack("HHHH", size[1], size[0], 0, 0))
        self._changed = threading.Condition()
        self._tail = bytearray()
        self.drawn = 0
        """Bytes drawn so far."""
        self.began = time.perf_counter()
        self.process = subprocess.Popen(
            list(command),
            cwd=folder,
            env=environment,
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
        )
        os.close(theirs)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def __enter__(self) -> Watched:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self._reader.join(5)
        os.close(self._master)

    def _read(self) -> None:
        while True:
            try:
                data = os.read(self._master, 1 << 16)
            except OSError:  # on Linux: nobody has the terminal open any more
                data = b""
            with self._changed:
                self._tail += data
                self.drawn += len(data)
                if len(self._tail) > 2 * TAIL:
                    del self._tail[:-TAIL]
                self._changed.notify_all()
            if not data:
                return

    def wait_for(self, mark: bytes, *, since: int = 0, patience: float = 30.0) -> float:
        """The moment (`perf_counter`) at which `mark` appears after the first `since` bytes.

        Raises:
            SilentError: it did not appear within `patience` seconds.
        """
        deadline = time.perf_counter() + patience
        with self._changed:
            while True:
                # Whatever comes before `since` belongs to another frame.
                fresh = self.drawn - since
                if self._tail.find(mark, max(0, len(self._tail) - fresh)) >= 0:
                    return time.perf_counter()
                if not self._changed.wait(deadline - time.perf_counter()):
                    raise SilentError(f"{mark!r} was not drawn: …{bytes(self._tail[-300:])!r}")

    def seconds_to(self, keys: bytes, mark: bytes, *, patience: float = 30.0) -> float:
        """Press `keys`. Returns the seconds until `mark` is drawn."""
        since = self.drawn
        began = time.perf_counter()
        os.write(self._master, keys)
        return self.wait_for(mark, since=since, patience=patience) - began

    def press(self, keys: bytes) -> None:
        """Press `keys` without waiting."""
        os.write(self._master, keys)
