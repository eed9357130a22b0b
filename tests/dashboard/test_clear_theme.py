"""The theme for everybody who tells colours apart otherwise than most."""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations

import pytest
from support.pictures import drawn
from support.showing import misbehaving_session
from textual.color import Color, rgb_to_lab
from textual.pilot import Pilot

from sage_tui.dashboard.app import SageApp
from sage_tui.dashboard.base.theme import CLEAR, look_variables

MACHADO = {
    "protanopia": ((0.152286, 1.052583, -0.204868), (0.114503, 0.786281, 0.099216), (-0.003882, -0.048116, 1.051998)),
    "deuteranopia": ((0.367322, 0.860646, -0.227968), (0.280085, 0.672501, 0.047413), (-0.01182, 0.04294, 0.968881)),
    "tritanopia": ((1.255528, -0.076749, -0.178779), (-0.078411, 0.930809, 0.147602), (0.004733, 0.691367, 0.3039)),
}
"""Machado, Oliveira and Fernandes 2009, severity 1, for linear RGB."""


def linear(channel: float) -> float:
    return channel / 12.92 if channel <= 0.04045 else ((channel + 0.055) / 1.055) ** 2.4


def as_seen(colour: Color, rows: tuple[tuple[float, ...], ...]) -> Color:
    channels = [linear(channel / 255) for channel in colour.rgb]
    seen = [max(0.0, min(1.0, sum(a * b for a, b in zip(row, channels, strict=True)))) for row in rows]
    encoded = [12.92 * c if c <= 0.0031308 else 1.055 * c ** (1 / 2.4) - 0.055 for c in seen]
    red, green, blue = (round(255 * c) for c in encoded)
    return Color(red, green, blue)


def distance(one: Color, other: Color) -> float:
    """CIE76: about 2 can just be seen, 20 is another colour."""
    a, b = rgb_to_lab(one), rgb_to_lab(other)
    return float(((a.L - b.L) ** 2 + (a.a - b.a) ** 2 + (a.b - b.b) ** 2) ** 0.5)


def luminance(colour: Color) -> float:
    r, g, b = (linear(channel / 255) for channel in colour.rgb)
    return 0.2126 * r + 0.7152 * g + 0.0722 * b


def looks() -> dict[str, Color]:
    values = {**look_variables(CLEAR), **CLEAR.variables}
    return {name: Color.parse(value) for name, value in values.items() if name.startswith("look-")}


@pytest.mark.parametrize("kind", MACHADO)
def test_good_warning_and_bad_are_different_colours(kind: str) -> None:
    seen = [as_seen(looks()[f"look-{name}"], MACHADO[kind]) for name in ("good", "warn", "bad")]
    assert min(distance(one, other) for one, other in combinations(seen, 2)) > 25


@pytest.mark.parametrize("name", ["good", "warn", "bad", "muted", "accent", "key", *(f"source-{i}" for i in range(8))])
def test_every_text_can_be_read(name: str) -> None:
    background = luminance(Color.parse(CLEAR.background or ""))
    assert (luminance(looks()[f"look-{name}"]) + 0.05) / (background + 0.05) >= 4.5


def test_how_it_looks(snap_compare: Callable[..., bool]) -> None:
    app = SageApp(misbehaving_session(), interval=0)

    async def prepare(pilot: Pilot[None]) -> None:
        app.theme = CLEAR.name
        await pilot.pause()
        app.refresh_loop.tick()
        await drawn(pilot)

    assert snap_compare(app, terminal_size=(120, 36), run_before=prepare)
