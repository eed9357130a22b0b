"""The dashboard's themes, and the colours that its widgets need beyond those of a Textual theme.

Widgets name *looks* (`strips.LOOKS`). Each look takes its colour from a variable `$look-…`, which every theme gets
through `look_variables`. Nothing is shown by colour alone: there is a glyph, a word or a number too.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import NamedTuple

from textual.color import Color
from textual.theme import Theme


class _Greys(NamedTuple):
    """The colours of a theme's edges, cursor and scroll bars, and of its quiet text."""

    edge: str
    edge_hover: str
    cursor: str
    cursor_text: str
    cursor_blurred: str
    muted: str
    faint: str


def _theme(theme: Theme, greys: _Greys, sources: Sequence[str] = ()) -> Theme:
    """The theme with its variables; `sources` are the colours that distinguish sources of lines."""
    background, foreground, primary = theme.background or "", theme.foreground or "", theme.primary
    variables = {
        "border": primary,
        "border-blurred": greys.edge,
        "block-cursor-background": greys.cursor,
        "block-cursor-foreground": greys.cursor_text,
        "block-cursor-text-style": "none",
        "block-cursor-blurred-background": greys.cursor_blurred,
        "block-cursor-blurred-foreground": foreground,
        "scrollbar": greys.edge,
        "scrollbar-hover": greys.edge_hover,
        "scrollbar-active": primary,
        **{f"scrollbar-background{state}": background for state in ("", "-hover", "-active")},
        "look-muted": greys.muted,
        "look-faint": greys.faint,
        **{f"look-source-{i}": colour for i, colour in enumerate(sources)},
    }
    return replace(theme, variables=variables)


DARK = _theme(
    Theme(
        name="sage-dark",
        primary="#7fb899",
        secondary="#7aa9c9",
        accent="#d9b36c",
        warning="#dfae62",
        error="#e8837a",
        success="#8cc79b",
        foreground="#d3dad7",
        background="#12171a",
        surface="#171d20",
        panel="#1e2629",
    ),
    _Greys("#37444a", "#4a5b62", "#2b3a3b", "#eef3f0", "#1e2629", "#8d9b98", "#4d5c61"),
)
"""Calm and dark, for long hours beside an editor."""

LIGHT = _theme(
    Theme(
        name="sage-light",
        dark=False,
        primary="#2f7550",
        secondary="#2c6a94",
        accent="#8a5a00",
        warning="#8f5b00",
        error="#b3322b",
        success="#2b7a44",
        foreground="#1f2a27",
        background="#fafbf8",
        surface="#f3f5f1",
        panel="#e8ece6",
    ),
    _Greys("#c3ccc6", "#a5b2aa", "#dbe7de", "#12211a", "#eef1ec", "#56645e", "#a9b4ae"),
)
"""The same on white, with darker text colours."""

CLEAR = _theme(
    Theme(
        name="sage-clear",
        primary="#56b4e9",
        secondary="#cc9ac4",
        accent="#f0e442",
        warning="#f0e442",
        error="#f0626b",
        success="#56b4e9",
        foreground="#e6ebee",
        background="#0f1418",
        surface="#151c21",
        panel="#1d262c",
    ),
    _Greys("#3a4850", "#50636d", "#233a4a", "#ffffff", "#1d262c", "#98a5ac", "#55646d"),
    ("#56b4e9", "#e69f00", "#cc9ac4", "#f0e442", "#3fc9a0", "#ff8548", "#b9dcf5", "#c7c7c7"),
)
"""Blue, yellow and a pale red in place of green, amber and red, after Okabe and Ito's palette: good, warning and bad
differ in hue and in brightness for every kind of colour blindness."""

SOURCE_COLOURS = 8
"""How many colours distinguish the sources of lines; further sources share them."""

_DARK_SOURCES = ("#7fb899", "#7aa9c9", "#d9b36c", "#c39ac9", "#7fc0bd", "#d6957b", "#a9b77a", "#9aa4d6")
_LIGHT_SOURCES = ("#2f7550", "#2c6a94", "#8a5a00", "#864a91", "#1d716d", "#9c4a26", "#5d6a1c", "#4c56a6")
_BLACK, _WHITE = Color(0, 0, 0), Color(255, 255, 255)
_ANSI_SOURCES = ("green", "cyan", "yellow", "magenta", "blue", "bright_green", "bright_cyan", "bright_magenta")


READABLE = 4.5
"""The contrast of text with its background that WCAG 2.2 asks for (success criterion 1.4.3)."""

_NOT_READ = frozenset({"faint", "on-match", "cursor", "cursor-blurred"})
"""Looks that are not text, or that lie on or below others."""


def look_variables(theme: Theme) -> dict[str, str]:
    """The values of `$look-…` for a theme that doesn't set them itself.

    A colour of the theme that is hard to read as text is made darker, or lighter on a dark background.
    """
    if theme.ansi:
        muted = "ansi_bright_black" if theme.dark else "ansi_black"
        values = {"muted": muted, "faint": "ansi_bright_black", "on-match": "ansi_black"}
        sources = tuple(f"ansi_{name}" for name in _ANSI_SOURCES)
        values |= {"bad": theme.error or "ansi_red", "warn": theme.warning or "ansi_yellow"}
        values |= {"cursor": "ansi_default", "cursor-blurred": "ansi_default"}  # shown reversed, see `LineWidget`
    else:
        values = {"muted": "#93a09d" if theme.dark else "#5c6b65", "faint": "#5a676b" if theme.dark else "#a9b4ae"}
        values |= {"on-match": "#12171a" if theme.dark else "#fafbf8"}
        sources = _DARK_SOURCES if theme.dark else _LIGHT_SOURCES
        values |= {"bad": theme.error or theme.primary, "warn": theme.warning or theme.primary}
    values |= {"good": theme.success or theme.primary, "key": theme.primary, "accent": theme.accent or theme.primary}
    values |= {f"source-{i}": colour for i, colour in enumerate(sources)}
    if not theme.ansi:
        colours = theme.to_color_system().generate()
        background, surface = Color.parse(colours["background"]), Color.parse(colours["surface"])
        primary = Color.parse(theme.primary)
        cursor, blurred = background.blend(primary, 0.22), background.blend(primary, 0.09)
        values |= {
            name: readable(Color.parse(colour), (background, surface, cursor)).hex
            for name, colour in values.items()
            if name not in _NOT_READ
        }
        values |= {"cursor": cursor.hex, "cursor-blurred": blurred.hex}
    return {f"look-{name}": value for name, value in values.items()}


def readable(colour: Color, grounds: Iterable[Color]) -> Color:
    """The colour, or the nearest darker or lighter one that is readable on each of the backgrounds."""
    hardest = min(grounds, key=lambda ground: contrast(colour, ground))
    away = max(_BLACK, _WHITE, key=lambda end: contrast(end, hardest))
    steps = (colour.blend(away, step / 20) for step in range(21))
    return next((shade for shade in steps if contrast(shade, hardest) >= READABLE), away)


def contrast(one: Color, other: Color) -> float:
    """The contrast of two colours, from 1 to 21, as WCAG 2.2 defines it."""
    darker, lighter = sorted((_luminance(one), _luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(colour: Color) -> float:
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in colour.normalized
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
