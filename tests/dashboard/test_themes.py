"""Every theme that can be chosen: what is written in it can be read."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from textual.color import Color
from textual.theme import BUILTIN_THEMES, Theme

from sage_tui.dashboard.base.theme import CLEAR, DARK, LIGHT, READABLE, contrast, look_variables, readable

THEMES = {name: theme for name, theme in BUILTIN_THEMES.items() if not theme.ansi}
THEMES |= {theme.name: theme for theme in (DARK, LIGHT, CLEAR)}
READ = ("good", "warn", "bad", "muted", "accent", "key", *(f"source-{i}" for i in range(8)))

colours = st.builds(Color, *[st.integers(0, 255)] * 3)


def looks(theme: Theme) -> dict[str, Color]:
    values = {**look_variables(theme), **theme.variables}
    return {name.removeprefix("look-"): Color.parse(value) for name, value in values.items() if "look-" in name}


@pytest.mark.parametrize("name", THEMES)
def test_text_can_be_read_on_panes_bars_and_the_row_of_the_cursor(name: str) -> None:
    theme = THEMES[name]
    generated = theme.to_color_system().generate()
    grounds = [Color.parse(generated["background"]), Color.parse(generated["surface"]), looks(theme)["cursor"]]
    poor = {
        look: [round(contrast(looks(theme)[look], ground), 1) for ground in grounds]
        for look in READ
        if min(contrast(looks(theme)[look], ground) for ground in grounds) < (READABLE if look != "muted" else 4.0)
    }
    assert poor == {}


@given(colours, st.lists(colours, min_size=1, max_size=3))
def test_what_can_be_read_already_keeps_its_colour(colour: Color, grounds: list[Color]) -> None:
    if min(contrast(colour, ground) for ground in grounds) >= READABLE:
        assert readable(colour, grounds) == colour


@given(colours, colours)
def test_on_one_ground_there_is_always_a_shade_that_can_be_read(colour: Color, ground: Color) -> None:
    assert contrast(readable(colour, [ground]), ground) >= READABLE


def test_contrast_is_that_of_the_standard() -> None:
    black, white = Color(0, 0, 0), Color(255, 255, 255)
    assert contrast(black, white) == contrast(white, black) == pytest.approx(21)
    assert contrast(Color.parse("#767676"), white) == pytest.approx(4.54, abs=0.01)
