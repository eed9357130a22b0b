"""How numbers, times and foreign text look on the screen: short, of steady width, and safe.

Numbers take four characters where they can. Text from outside is shown, never obeyed: `clean` makes control, escape
and direction characters visible. Widths are terminal cells as Rich and Textual measure them.
"""

from __future__ import annotations

import math
import re
import time
from collections.abc import Sequence
from functools import cache

# --- numbers ---------------------------------------------------------------------------------------------------------

_UNITS = ("", "k", "M", "G", "T", "P", "E")


def count(number: float) -> str:
    """A number of things in four characters at most: `0`, `42`, `1.2k`, `12k`, `3.4M`."""
    if not math.isfinite(number):
        return "∞" if number > 0 else "–"
    if number < 0:
        return "-" + count(-number)
    if number < 999.5:
        return str(round(number))
    return _scaled(float(number), 1000.0, 0)


def rate(per_second: float) -> str:
    """A number of things a second in four characters at most: `0`, `0.25`, `7.3`, `42`, `1.2k`."""
    if not math.isfinite(per_second):
        return "∞" if per_second > 0 else "–"
    if per_second <= 0:
        return "0"
    if per_second < 0.005:
        return "<.01"
    if per_second < 0.995:
        return f"{per_second:.2f}"
    return _scaled(per_second, 1000.0, 0)


def exact(number: int) -> str:
    """A number of things to the last one: `1,234,567`."""
    return f"{number:,}"


def size(bytes_: float) -> str:
    """An amount of bytes: `0 B`, `512 B`, `1.2 kB`, `34 MB`."""
    if bytes_ < 999.5:
        return f"{max(0, round(bytes_))} B"
    text = _scaled(bytes_, 1000.0, 0)
    return f"{text[:-1]} {text[-1]}B"


def _scaled(value: float, base: float, power: int) -> str:
    """Two digits or three and a unit: `7.3`, `42`, `123k`."""
    while value >= 999.5 and power < len(_UNITS) - 1:
        value /= base
        power += 1
    if value >= 999.5:
        return "∞"
    digits = f"{value:.1f}" if value < 9.95 else str(round(value))
    return digits + _UNITS[power]


def percent(share: float) -> str:
    """A share between 0 and 1 (CPU time may exceed it): `0%`, `93%`."""
    if not math.isfinite(share):
        return "–"
    return f"{round(100 * max(0.0, share))}%"


# --- times -----------------------------------------------------------------------------------------------------------


def duration(seconds: float) -> str:
    """A time span: `42 µs`, `0.4 ms`, `12 ms`, `1.2 s`, `1m 05s`, `2h 03m`, `3d 04h`; `0 s` for none."""
    if not math.isfinite(seconds):
        return "∞" if seconds > 0 else "–"
    if seconds <= 0:
        return "0 s"
    if seconds < 0.5e-6:
        return "<1 µs"
    if seconds < 99.5e-6:
        return f"{round(seconds * 1e6)} µs"
    if seconds < 0.9995:
        return f"{_two_digits(seconds * 1e3)} ms"
    if seconds < 59.5:
        return f"{_two_digits(seconds)} s"
    whole = round(seconds)
    if whole < 3600:
        return f"{whole // 60}m {whole % 60:02}s"
    if whole < 86400:
        return f"{whole // 3600}h {whole % 3600 // 60:02}m"
    return f"{whole // 86400}d {whole % 86400 // 3600:02}h"


def _two_digits(value: float) -> str:
    return f"{value:.1f}" if value < 9.95 else str(round(value))


def elapsed(seconds: float) -> str:
    """The time since a start, as a clock: `00:12`, `1:02:03`, `2d 01:02:03`."""
    if not math.isfinite(seconds):
        return "--:--"
    whole = max(0, int(seconds))
    days, rest = divmod(whole, 86400)
    hours, rest = divmod(rest, 3600)
    minutes, second = divmod(rest, 60)
    if days:
        return f"{days}d {hours:02}:{minutes:02}:{second:02}"
    if hours:
        return f"{hours}:{minutes:02}:{second:02}"
    return f"{minutes:02}:{second:02}"


def clock(t: float, *, milliseconds: bool = False) -> str:
    """The local time of day of Unix time `t` (seconds): `12:00:01` or `12:00:01.123`."""
    try:
        text = time.strftime("%H:%M:%S", time.localtime(math.floor(t)))
    except (OverflowError, ValueError, OSError):  # no such year
        return "--:--:--.---" if milliseconds else "--:--:--"
    if milliseconds:
        text += f".{int((t - math.floor(t)) * 1000):03}"
    return text


# --- foreign text ----------------------------------------------------------------------------------------------------

TAB = 8
"""Cells between tab stops."""


@cache
def _escapes() -> dict[int, str]:
    table = {code: chr(0x2400 + code) for code in range(0x20) if code != 0x09}
    table[0x7F] = "␡"
    table.update({code: f"\\x{code:02x}" for code in range(0x80, 0xA0)})
    directions = (0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A))
    invisible = (0x00AD, 0x115F, 0x200B, 0x2028, 0x2029, *range(0x2060, 0x2065), *range(0x206A, 0x2070), 0x3164, 0xFEFF)
    table.update({code: f"\\u{code:04x}" for code in (*directions, *invisible, 0xFFA0, *range(0xFFF9, 0xFFFC))})
    table.update({code: f"\\U{code:08x}" for code in range(0xE0000, 0xE0080)})
    table.update({code: f"\\u{code:04x}" for code in range(0xD800, 0xE000)})
    table.update({code: f"\\x{code - 0xDC00:02x}" for code in range(0xDC80, 0xDD00)})  # undecodable bytes
    return table


_UNSAFE = (
    "[\x00-\x1f\x7f-\xa0\xad\u061c\u115f\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\u3164"
    "\ufeff\uffa0\ufff9-\ufffb\U000e0000-\U000e007f\ud800-\udfff]"
)
_MARKS = "[\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]"
_STACK = f"({_MARKS}{{4}}){_MARKS}+"
_EMOJI = "\u2190-\u2bff\U0001f000-\U0001faff"
_JOINTS = f"[\ufe0e\ufe0f]|\u200d(?=[{_EMOJI}])|(?<=[{_EMOJI}])[\U0001f3fb-\U0001f3ff]"
"""What makes one picture of several, or another one: terminals differ by up to six cells in how wide the result is."""

_compiled = cache(re.compile)  # when first needed: most text is plain, and compiling these takes milliseconds


def clean(text: str) -> str:
    """The text with nothing in it that a terminal would obey: one line, safe to show.

    Control characters become their pictures (`␛`, `␀`, `␊`), C1 controls, direction overrides and invisible ones
    become escapes (`\\x9b`, `\\u202e`), undecodable bytes `\\xff`; tabs become spaces up to the next stop. More than
    four combining marks on one character are dropped, and what joins emoji and varies them: each is drawn by itself, in
    as many cells as all terminals give it.
    """
    if text.isascii() and text.isprintable():
        return text
    if _compiled(_UNSAFE).search(text):
        text = text.translate(_escapes())
        if "\t" in text:
            text = _expand_tabs(text)
    return _compiled(_STACK).sub(r"\1", _compiled(_JOINTS).sub("", text))


def cell_len(text: str) -> int:
    """The terminal cells that a text takes."""
    if text.isascii() and text.isprintable():
        return len(text)
    from rich.cells import cell_len as measured

    return measured(text)


def _expand_tabs(text: str) -> str:
    first, *rest = text.split("\t")
    pieces, column = [first], cell_len(first)
    for piece in rest:
        gap = TAB - column % TAB
        pieces += (" " * gap, piece)
        column += gap + cell_len(piece)
    return "".join(pieces)


def cut(text: str, cells: int) -> str:
    """The text in at most `cells` terminal cells; where something is missing it ends in `…`."""
    if len(text) * 2 <= cells or cell_len(text) <= cells:
        return text
    if cells <= 0:
        return ""
    from rich.cells import set_cell_size

    return set_cell_size(text, cells - 1).rstrip(" ") + "…"


def cut_start(text: str, cells: int) -> str:
    """The end of the text in at most `cells` cells, for paths: `…/operators/map.py`."""
    width = cell_len(text)
    if width <= cells:
        return text
    if cells <= 0:
        return ""
    start = 0
    while width > cells - 1:
        width -= cell_len(text[start])
        start += 1
    return "…" + text[start:]


def pad(text: str, cells: int, align: str = "left") -> str:
    """The text in exactly `cells` cells, cut or filled with spaces; `align` is left, right or center."""
    text = cut(text, cells)
    missing = max(0, cells - cell_len(text))
    if align == "right":
        return " " * missing + text
    if align == "center":
        return " " * (missing // 2) + text + " " * (missing - missing // 2)
    return text + " " * missing


# --- spark lines -----------------------------------------------------------------------------------------------------

_LEVELS = "▁▂▃▄▅▆▇█"


def spark(values: Sequence[float], width: int, top: float | None = None) -> str:
    """The last `width` values as bars, scaled to `top` or their maximum; right aligned, exactly `width` cells.

    Nothing there is a space, zero the lowest bar, and everything above zero at least the second.
    """
    if width <= 0:
        return ""
    shown = [value if math.isfinite(value) else 0.0 for value in values[-width:]]
    highest = top if top is not None else max(shown, default=0.0)
    bars = "".join(_bar(value, highest) for value in shown)
    return bars.rjust(width)


def _bar(value: float, highest: float) -> str:
    if value <= 0 or highest <= 0:
        return _LEVELS[0]
    steps = len(_LEVELS) - 1
    return _LEVELS[min(steps, max(1, math.ceil(min(1.0, value / highest) * steps)))]
