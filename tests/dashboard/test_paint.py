"""Cutting lines into cells."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sage_tui.dashboard.paint import Span, crop, span, spans_width

SPANS = st.lists(st.builds(Span, st.text("ab 好é", max_size=6), st.just("")), max_size=5)


@given(SPANS, st.integers(0, 12), st.integers(0, 20))
def test_a_cropped_line_has_exactly_the_asked_cells(spans: list[Span], start: int, width: int) -> None:
    assert spans_width(crop(spans, start, width)) == width


def test_a_cut_line_says_so() -> None:
    assert [text for text, _ in crop([Span("hello")], 0, 4)] == ["hel", "…"]


def test_half_a_wide_character_becomes_a_space() -> None:
    assert "".join(text for text, _ in crop([Span("好x")], 1, 3)) == " x "


@pytest.mark.parametrize(("align", "text"), [("left", "ab  "), ("right", "  ab")])
def test_a_span_is_filled_to_its_width(align: str, text: str) -> None:
    assert span("ab", 4, align=align).text == text
