"""A terminal for the real command: a pseudo-terminal with a screen, keys to press, and every byte it received."""

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
from support.command import ended_how, environment
from support.waiting import SOON, eventually

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
"""Modes that are on by default: wrapping and the cursor."""


_COPY = re.compile(rb"\x1b\]52;c;([^\x07\x1b]*)(?:\x07|\x1b\\)")
"""OSC 52: text for the terminal's clipboard."""

_ASKS_FOR_FRAMES = b"\x1b[?2026$p"
_HAS_FRAMES = b"\x1b[?2026;2$y"
_FRAME_BEGINS, _FRAME_ENDS = b"\x1b[?2026h", b"\x1b[?2026l"
"""Synchronized output: the query, the answer, and the marks around each frame."""

_ESCAPES = re.compile(r"\x1b(\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(\x07|\x1b\\)|[P_^][^\x1b]*\x1b\\|[ -/]*[0-~])")
"""Sequences that a terminal obeys and does not show."""

_FRAME = re.compile(rb".+?(?:\x1b\[\?2026l|\Z)", re.DOTALL)
"""What is shown at once: up to the end of a frame, or of the data so far."""

_SLOW = bool(os.environ.get("SAGE_TUI_SLOW_TERMINAL"))
_PIECE, _PAUSE = (2048, 0.02) if _SLOW else (65536, 0.0)
"""For a slow terminal: how much is read at once, and the seconds until the next read (about a bad line)."""

GLANCE = 0.05
"""Seconds between two checks of what changes outside the screen."""


@dataclass(frozen=True)
class Then:
    """A condition on a terminal: a description, and how to check it."""

    words: str
    seen: Callable[[Terminal], bool]

    def __invert__(self) -> Then:
        return Then(f"not: {self.words}", lambda terminal: not self.seen(terminal))

    def __and__(self, other: Then) -> Then:
        return Then(f"{self.words} and {other.words}", lambda terminal: self.seen(terminal) and other.seen(terminal))


def shows(*texts: str) -> Then:
    """All of these are on the screen."""
    return Then(f"shows {texts}", lambda terminal: all(text in terminal.text for text in texts))


def hides(*texts: str) -> Then:
    """None of these is on the screen."""
    return Then(f"hides {texts}", lambda terminal: not any(text in terminal.text for text in texts))


def matches(pattern: str) -> Then:
    """A line of the screen matches."""
    return Then(f"shows /{pattern}/", lambda terminal: bool(re.search(pattern, terminal.text, re.MULTILINE)))


def sets_off(pattern: str) -> Then:
    """A matching piece of a line, without the blanks around it, has another background than most of the screen."""

    def seen(terminal: Terminal) -> bool:
        return any(re.search(pattern, piece.strip()) for piece in terminal.picture.lit)

    return Then(f"sets off /{pattern}/", seen)


@dataclass(frozen=True)
class Picture:
    """What a terminal shows: its lines, and their pieces whose background differs from most of the screen."""

    text: str
    lit: tuple[str, ...]

    @property
    def lines(self) -> list[str]:
        """The lines of the screen, from the top."""
        return self.text.split("\n")

    def place(self, text: str) -> tuple[int, int]:
        """The column and line, from 0, of the first place that shows a text."""
        for y, line in enumerate(self.lines):
            if text in line:
                return line.index(text), y
        raise AssertionError(f"not on the screen: {text!r}\n{self.text}")


class Terminal:
    """A command in a pseudo-terminal of `size` (columns, lines).

    A thread reads what the command writes and keeps the screen; the test's thread waits for what it should show. Like
    most terminals it has synchronized output, so whoever waits sees whole frames; and sees each of them, however short
    a time it is on the screen.
    """

    def __init__(self, *command: str | Path, size: tuple[int, int] = (80, 24), cwd: Path, **changes: str) -> None:
        self.command = command
        self._screen = pyte.Screen(*size)
        self._stream = pyte.ByteStream(self._screen)
        self._changed = threading.Condition()
        self._raw = bytearray()
        self._answered = False
        self._wanted: Callable[[], bool] | None = None
        self._met: str | None = None
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
        self._reader.join(SOON)
        os.close(self._master)

    def _read(self) -> None:
        while True:
            self._taking.wait()
            try:
                data = os.read(self._master, _PIECE)
            except OSError:  # Linux: the last process that had the terminal has ended
                return
            if not data:
                return
            with self._changed:
                for piece in _FRAME.findall(data):
                    self._show(piece)
                self._changed.notify_all()
            if _PAUSE:
                time.sleep(_PAUSE)

    def _show(self, data: bytes) -> None:
        self._raw += data
        self._stream.feed(data)
        self._text = None
        if not self._answered and _ASKS_FOR_FRAMES in self._raw:
            self._answered = True
            os.write(self._master, _HAS_FRAMES)
        self._look()

    def _look(self) -> None:
        """Note a frame that shows what a test waits for."""
        if self._wanted is not None and self._whole() and self._wanted():
            self._met, self._wanted = self.text, None

    def _whole(self) -> bool:
        """Whether no frame is half drawn: half a frame may show things in two places."""
        return self._raw.rfind(_FRAME_BEGINS) <= self._raw.rfind(_FRAME_ENDS)

    @property
    def text(self) -> str:
        """What the screen shows, line by line."""
        with self._changed:
            if self._text is None:
                rows = (self._screen.buffer[y] for y in range(self._screen.lines))
                self._text = "\n".join("".join([row[x].data for x in range(self._screen.columns)]) for row in rows)
            return self._text

    @property
    def picture(self) -> Picture:
        """What the screen shows, with the highlighted pieces."""
        with self._changed:
            text, cells = self.text, [self._row(y) for y in range(self._screen.lines)]
        ground = Counter(back for row in cells for _, back in row).most_common(1)[0][0]
        return Picture(text, tuple(piece for row in cells for piece in _pieces(row, ground)))

    def _row(self, y: int) -> list[tuple[str, str]]:
        """The characters of a line, each with its background."""
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

    def wait_for(self, *wanted: str | Then) -> str:
        """Wait until a whole frame shows all the texts and meets all conditions. Returns what the screen shows then.

        A failure tells which of it is missing, for how long it was waited for, what is on the screen and how the
        command ended if it has.
        """
        parts = [shows(part) if isinstance(part, str) else part for part in wanted]

        def missing() -> str:
            return " and ".join(part.words for part in parts if not part.seen(self)) or "the end of a frame"

        return self._frame(lambda: all(part.seen(self) for part in parts), missing)

    def holds(self, then: Then) -> bool:
        """Whether a condition holds now, or in the frame that is being drawn."""
        held: list[bool] = []

        def look() -> bool:
            held.append(then.seen(self))
            return True

        self._frame(look, lambda: "has drawn the frame that it has begun")
        return held[0]

    def _frame(self, wanted: Callable[[], bool], missing: Callable[[], str]) -> str:
        """Wait for a whole frame that meets the conditions. Returns its text.

        Each frame is looked at by the thread that reads it, so none is missed where this one gets no time.
        """
        began = time.monotonic()
        with self._changed:
            self._wanted, self._met = wanted, None
            while True:
                gone = self.process.poll() is not None and not self._reader.is_alive()
                self._look()
                if self._met is not None:
                    return self._met
                waited = time.monotonic() - began
                assert waited < SOON, self.report(f"waited {waited:.0f} s until it {missing()}")
                assert not gone, self.report(f"it ended before it {missing()}")
                self._changed.wait(GLANCE)

    def report(self, what: str) -> str:
        """What went wrong, with everything needed to find out why."""
        with self._changed:
            cursor, columns = self._screen.cursor, self._screen.columns
            rows = [f"│{row}│" for row in self.text.split("\n")]
        last = _ESCAPES.sub("", self.raw[-8192:].decode(errors="replace")).replace("\r", "")
        return "\n".join(
            [
                f"{what}: {' '.join(map(str, self.command))}",
                f"{columns} columns, {len(rows)} rows, cursor in column {cursor.x}, row {cursor.y}",
                f"╭{'─' * columns}╮",
                *rows,
                f"╰{'─' * columns}╯",
                ended_how(self.process),
                f"its last words: {last[-600:]!r}",
            ]
        )

    def press(self, *keys: str) -> None:
        """Press keys: names such as `enter` and `ctrl+q`, or characters."""
        for key in keys:
            text = chr(ord(key[5:]) & 0x1F) if key.startswith("ctrl+") else KEYS.get(key, key)
            os.write(self._master, text.encode())

    def click(self, x: int, y: int) -> None:
        """Click a cell, counted from 0."""
        self.press(_mouse(0, x, y), _mouse(0, x, y, up=True))

    def hold(self, x: int, y: int) -> None:
        """Press the mouse button over a cell."""
        self.press(_mouse(0, x, y))

    def drag(self, x: int, y: int) -> None:
        """Move the mouse to a cell with the button pressed."""
        self.press(_mouse(32, x, y))

    def drop(self, x: int, y: int) -> None:
        """Release the mouse button over a cell."""
        self.press(_mouse(0, x, y, up=True))

    def wheel(self, x: int, y: int, *, up: bool) -> None:
        """Turn the mouse wheel by one notch over a cell."""
        self.press(_mouse(64 if up else 65, x, y))

    def resize(self, columns: int, lines: int) -> None:
        """Resize the terminal. The command gets SIGWINCH."""
        self.resize_screen(columns, lines)
        self._set_size((columns, lines))

    def resize_screen(self, columns: int, lines: int) -> None:
        """Resize the screen without telling the command."""
        with self._changed:
            self._screen.resize(lines, columns)
            self._text = None

    def _set_size(self, size: tuple[int, int]) -> None:
        columns, lines = size
        fcntl.ioctl(self._master, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))

    def take_no_more(self) -> None:
        """Stop reading until the command's output is blocked."""
        self._taking.clear()
        slave = os.open(self._name, os.O_WRONLY | os.O_NOCTTY)
        try:
            eventually(lambda: not select.select([], [slave], [], 0)[1], "a terminal that is full")
        finally:
            os.close(slave)

    def take_all(self) -> None:
        """Read what waits and whatever follows."""
        self._taking.set()

    def hang_up(self) -> None:
        """Do what closing the terminal's window does."""
        os.killpg(self.process.pid, signal.SIGHUP)

    def wait(self) -> int:
        """Wait for the command's end and all its output. Returns its exit status."""
        try:
            status = self.process.wait(SOON)
        except subprocess.TimeoutExpired:
            raise AssertionError(self.report(f"it has not ended within {SOON} s")) from None
        self._reader.join(SOON)
        assert not self._reader.is_alive(), self.report("somebody still has the terminal")
        return status

    def line_modes(self) -> tuple[int, int, int]:
        """The terminal's input, output and line-editing modes (`termios` flags)."""
        iflag, oflag, _, lflag, *_ = termios.tcgetattr(self._master)
        return iflag, oflag, lflag

    def modes_left(self) -> dict[int, bool]:
        """The private modes that differ from the default: mode to whether it is on."""
        modes: dict[int, bool] = {}
        for numbers, state in _MODE.findall(self.raw):
            for number in numbers.split(b";"):
                modes[int(number)] = state == b"h"
        return {mode: on for mode, on in modes.items() if on != (mode in _ON_AT_REST)}


def _mouse(button: int, x: int, y: int, *, up: bool = False) -> str:
    """What a terminal sends for the mouse (SGR encoding)."""
    return f"\x1b[<{button};{x + 1};{y + 1}{'m' if up else 'M'}"


def _pieces(row: list[tuple[str, str]], ground: str) -> Iterator[str]:
    """The pieces of a line whose background is not `ground`."""
    piece, on = "", ground
    for character, back in row:
        if back != on:
            if on != ground:
                yield piece
            piece, on = "", back
        piece += character
    if on != ground:
        yield piece
