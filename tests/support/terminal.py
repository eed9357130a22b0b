"""A terminal for the real command: a pseudo-terminal with a screen, keys to press, and every byte that was written."""

from __future__ import annotations

import base64
import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

import pyte
from support.command import PATIENCE, environment, eventually

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


_COPY = re.compile(rb"\x1b\]52;c;([^\x07\x1b]*)(?:\x07|\x1b\\)")
"""OSC 52: a text for the terminal's clipboard."""

_ASKS_FOR_FRAMES = b"\x1b[?2026$p"
_HAS_FRAMES = b"\x1b[?2026;2$y"
_FRAME_BEGINS, _FRAME_ENDS = b"\x1b[?2026h", b"\x1b[?2026l"
"""Synchronized output: what is asked, what is answered, and what lies around each frame then."""

GLANCE = 0.05
"""Seconds between two looks at what changes elsewhere than on the screen."""


@dataclass(frozen=True)
class Picture:
    """What a terminal shows: its lines, and the pieces of them that lie on another background than most of it."""

    text: str
    lit: tuple[str, ...]

    @property
    def lines(self) -> list[str]:
        """The lines of the screen, from the top."""
        return self.text.split("\n")

    def place(self, text: str) -> tuple[int, int]:
        """The column and the line, both from 0, of the first place where a text is shown."""
        for y, line in enumerate(self.lines):
            if text in line:
                return line.index(text), y
        raise AssertionError(f"not on the screen: {text!r}\n{self.text}")


class Terminal:
    """A command in a pseudo-terminal of `size` (columns, lines).

    A thread reads what the command writes and keeps the screen; the test's thread waits for what it should show. Like
    most terminals it has synchronized output, so whoever waits sees whole frames.
    """

    def __init__(self, *command: str | Path, size: tuple[int, int] = (80, 24), cwd: Path, **changes: str) -> None:
        self._screen = pyte.Screen(*size)
        self._stream = pyte.ByteStream(self._screen)
        self._changed = threading.Condition()
        self._raw = bytearray()
        self._answered = False
        self._taking = threading.Event()
        self._taking.set()
        self._text: str | None = None
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
        self._name = os.ttyname(slave)
        os.close(slave)
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def __enter__(self) -> Terminal:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._taking.set()
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self._reader.join(PATIENCE)
        os.close(self._master)

    def _read(self) -> None:
        while True:
            self._taking.wait()
            try:
                data = os.read(self._master, 65536)
            except OSError:  # Linux: the last process that had the terminal has ended
                return
            if not data:
                return
            with self._changed:
                self._raw += data
                self._stream.feed(data)
                self._text = None
                if not self._answered and _ASKS_FOR_FRAMES in self._raw:
                    self._answered = True
                    os.write(self._master, _HAS_FRAMES)
                if self._whole():
                    self._changed.notify_all()

    def _whole(self) -> bool:
        """Whether no frame has begun that has not ended: half of one may show things at two places."""
        return self._raw.rfind(_FRAME_BEGINS) <= self._raw.rfind(_FRAME_ENDS)

    @property
    def text(self) -> str:
        """What the screen shows, a line each."""
        with self._changed:
            if self._text is None:
                self._text = "\n".join(self._screen.display)
            return self._text

    @property
    def picture(self) -> Picture:
        """What the screen shows, with what is set off on it."""
        with self._changed:
            text, cells = self.text, [self._row(y) for y in range(self._screen.lines)]
        ground = Counter(back for row in cells for _, back in row).most_common(1)[0][0]
        return Picture(text, tuple(piece for row in cells for piece in _pieces(row, ground)))

    def _row(self, y: int) -> list[tuple[str, str]]:
        """The characters of a line, each with what it lies on."""
        cells = (self._screen.buffer[y][x] for x in range(self._screen.columns))
        return [(cell.data, cell.fg if cell.reverse else cell.bg) for cell in cells]

    @property
    def copies(self) -> list[str]:
        """The texts that were sent to the terminal's clipboard."""
        return [base64.b64decode(data).decode() for data in _COPY.findall(self.raw)]

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
                shown = self.text
                if self._whole() and (wanted in shown if isinstance(wanted, str) else wanted(shown)):
                    return shown
                rest = deadline - time.monotonic()
                assert rest > 0, f"not on the screen within {patience} s: {wanted!r}\n{shown}"
                assert self.process.poll() is None or self._reader.is_alive(), f"ended without {wanted!r}\n{shown}"
                self._changed.wait(min(rest, 1.0))

    def wait_until(self, condition: Callable[[Terminal], bool], what: str, patience: float = PATIENCE) -> None:
        """Wait until a condition holds of the terminal, or of what the command does elsewhere."""
        deadline = time.monotonic() + patience
        with self._changed:
            while not (self._whole() and condition(self)):
                assert time.monotonic() < deadline, f"{what} has not come within {patience} s\n{self.text}"
                assert self.process.poll() is None or self._reader.is_alive(), f"ended without {what}\n{self.text}"
                self._changed.wait(GLANCE)

    def holds(self, condition: Callable[[Terminal], bool]) -> bool:
        """Whether a condition holds now, or of the frame that is just being drawn."""
        with self._changed:
            assert self._changed.wait_for(self._whole, PATIENCE), f"a frame without an end\n{self.text}"
            return condition(self)

    def press(self, *keys: str) -> None:
        """Type keys: names such as `enter` and `ctrl+q`, or characters."""
        for key in keys:
            text = chr(ord(key[5:]) & 0x1F) if key.startswith("ctrl+") else KEYS.get(key, key)
            os.write(self._master, text.encode())

    def click(self, x: int, y: int) -> None:
        """Press and let go the mouse's button over a cell, counted from 0."""
        self.press(_mouse(0, x, y), _mouse(0, x, y, up=True))

    def hold(self, x: int, y: int) -> None:
        """Press the mouse's button over a cell."""
        self.press(_mouse(0, x, y))

    def drag(self, x: int, y: int) -> None:
        """Move the mouse, its button pressed, to a cell."""
        self.press(_mouse(32, x, y))

    def drop(self, x: int, y: int) -> None:
        """Let go the mouse's button over a cell."""
        self.press(_mouse(0, x, y, up=True))

    def wheel(self, x: int, y: int, *, up: bool) -> None:
        """Turn the mouse's wheel over a cell by a notch."""
        self.press(_mouse(64 if up else 65, x, y))

    def resize(self, columns: int, lines: int) -> None:
        """Give the terminal another size; the command gets its SIGWINCH."""
        self.resize_screen(columns, lines)
        self._set_size((columns, lines))

    def resize_screen(self, columns: int, lines: int) -> None:
        """Show another size than the command is told of."""
        with self._changed:
            self._screen.resize(lines, columns)
            self._text = None

    def _set_size(self, size: tuple[int, int]) -> None:
        columns, lines = size
        fcntl.ioctl(self._master, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))

    def take_no_more(self) -> None:
        """Have the command's output wait, until there is room for no more of it."""
        self._taking.clear()
        slave = os.open(self._name, os.O_WRONLY | os.O_NOCTTY)
        try:
            eventually(lambda: not select.select([], [slave], [], 0)[1], "a terminal that is full")
        finally:
            os.close(slave)

    def take_all(self) -> None:
        """Take what waits, and whatever comes."""
        self._taking.set()

    def hang_up(self) -> None:
        """What closing the terminal's window does to the command."""
        os.killpg(self.process.pid, signal.SIGHUP)

    def wait(self, patience: float = PATIENCE) -> int:
        """Wait for the command's end and for all it wrote; returns its exit status."""
        status = self.process.wait(patience)
        self._reader.join(PATIENCE)
        return status

    def line_modes(self) -> tuple[int, int, int]:
        """How the terminal takes input, gives output and edits lines (`termios`' flags)."""
        iflag, oflag, _, lflag, *_ = termios.tcgetattr(self._master)
        return iflag, oflag, lflag

    def modes_left(self) -> dict[int, bool]:
        """The private modes that are not as a terminal has them at rest: mode to whether it is on."""
        modes: dict[int, bool] = {}
        for numbers, state in _MODE.findall(self.raw):
            for number in numbers.split(b";"):
                modes[int(number)] = state == b"h"
        return {mode: on for mode, on in modes.items() if on != (mode in _ON_AT_REST)}


def _mouse(button: int, x: int, y: int, *, up: bool = False) -> str:
    """What a terminal sends for the mouse (SGR encoding)."""
    return f"\x1b[<{button};{x + 1};{y + 1}{'m' if up else 'M'}"


def _pieces(row: list[tuple[str, str]], ground: str) -> Iterator[str]:
    """The pieces of a line that lie on something else than `ground`."""
    piece, on = "", ground
    for character, back in row:
        if back != on:
            if on != ground:
                yield piece
            piece, on = "", back
        piece += character
    if on != ground:
        yield piece
