"""A terminal for the real command: a pseudo-terminal with a screen, keys to press, and every byte that was written."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import signal
import struct
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

import pyte
from support.command import PATIENCE, environment

KEYS = {
    "enter": "\r",
    "escape": "\x1b",
    "tab": "\t",
    "space": " ",
    "backspace": "\x7f",
    "up": "\x1b[A",
    "down": "\x1b[B",
    "right": "\x1b[C",
    "left": "\x1b[D",
    "pageup": "\x1b[5~",
    "pagedown": "\x1b[6~",
    "home": "\x1b[H",
    "end": "\x1b[F",
    "shift+tab": "\x1b[Z",
}

_WITH_TERMINAL = (
    "import fcntl, os, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); os.execv(sys.argv[1], sys.argv[1:])"
)
"""Makes its stdin the controlling terminal, and becomes the command."""

_MODE = re.compile(rb"\x1b\[\?([\d;]+)([hl])")
_ON_AT_REST = {7, 25}
"""Modes that a terminal has on by itself: wrapping and the cursor."""


class Terminal:
    """A command in a pseudo-terminal of `size` (columns, lines).

    A thread reads what the command writes and keeps the screen; the test's thread waits for what it should show.
    """

    def __init__(self, *command: str | Path, size: tuple[int, int] = (80, 24), cwd: Path, **changes: str) -> None:
        self._screen = pyte.Screen(*size)
        self._stream = pyte.ByteStream(self._screen)
        self._changed = threading.Condition()
        self._raw = bytearray()
        self._master, slave = pty.openpty()
        self._set_size(size)
        self.process = subprocess.Popen(
            [sys.executable, "-c", _WITH_TERMINAL, *map(str, command)],
            cwd=cwd,
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
            env=environment(**({"TERM": "xterm-256color", "COLORTERM": "truecolor"} | changes)),
        )
        os.close(slave)
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def __enter__(self) -> Terminal:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self._reader.join(PATIENCE)
        os.close(self._master)

    def _read(self) -> None:
        while True:
            try:
                data = os.read(self._master, 65536)
            except OSError:  # Linux: the last process that had the terminal has ended
                return
            if not data:
                return
            with self._changed:
                self._raw += data
                self._stream.feed(data)
                self._changed.notify_all()

    @property
    def text(self) -> str:
        """What the screen shows, a line each."""
        with self._changed:
            return "\n".join(self._screen.display)

    @property
    def raw(self) -> bytes:
        """Every byte that was written to the terminal."""
        with self._changed:
            return bytes(self._raw)

    def wait_for(self, wanted: str | Callable[[str], bool], patience: float = PATIENCE) -> str:
        """Wait until the screen contains a text, or satisfies a predicate; returns what it shows then."""
        deadline = time.monotonic() + patience
        with self._changed:
            while True:
                shown = "\n".join(self._screen.display)
                if wanted in shown if isinstance(wanted, str) else wanted(shown):
                    return shown
                rest = deadline - time.monotonic()
                assert rest > 0, f"not on the screen within {patience} s: {wanted!r}\n{shown}"
                assert self.process.poll() is None or self._reader.is_alive(), f"ended without {wanted!r}\n{shown}"
                self._changed.wait(min(rest, 1.0))

    def press(self, *keys: str) -> None:
        """Type keys: names such as `enter` and `ctrl+q`, or characters."""
        for key in keys:
            text = chr(ord(key[5:]) & 0x1F) if key.startswith("ctrl+") else KEYS.get(key, key)
            os.write(self._master, text.encode())

    def resize(self, columns: int, lines: int) -> None:
        """Give the terminal another size; the command gets its SIGWINCH."""
        self.resize_screen(columns, lines)
        self._set_size((columns, lines))

    def resize_screen(self, columns: int, lines: int) -> None:
        """Show another size than the command is told of."""
        with self._changed:
            self._screen.resize(lines, columns)

    def _set_size(self, size: tuple[int, int]) -> None:
        columns, lines = size
        fcntl.ioctl(self._master, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))

    def hang_up(self) -> None:
        """What closing the terminal's window does to the command."""
        os.killpg(self.process.pid, signal.SIGHUP)

    def wait(self, patience: float = PATIENCE) -> int:
        """Wait for the command's end and for all it wrote; returns its exit status."""
        status = self.process.wait(patience)
        self._reader.join(PATIENCE)
        return status

    def modes_left(self) -> dict[int, bool]:
        """The private modes that are not as a terminal has them at rest: mode to whether it is on."""
        modes: dict[int, bool] = {}
        for numbers, state in _MODE.findall(self.raw):
            for number in numbers.split(b";"):
                modes[int(number)] = state == b"h"
        return {mode: on for mode, on in modes.items() if on != (mode in _ON_AT_REST)}
