"""Cutting lines into cells."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sage_tui.dashboard.base.strips import Span, crop, span, spans_width, wrapped
from sage_tui.state.format import cell_len

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


@given(st.text(alphabet="ab 好é", max_size=80), st.integers(2, 20), st.integers(1, 5))
def test_wrapped_lines_are_no_wider_and_no_more_than_asked_for(text: str, width: int, most: int) -> None:
    lines = wrapped(text, width, most)
    assert 1 <= len(lines) <= most
    assert all(cell_len(line) <= width for line in lines)
    if not lines[-1].endswith("…"):
        assert "".join(lines).replace(" ", "") == "".join(text.split())


def test_lines_are_broken_between_words() -> None:
    assert wrapped("the quick brown fox", 9, 5) == ["the quick", "brown fox"]
    assert wrapped("the quick brown fox jumps", 9, 2) == ["the quick", "brown fo…"]
    assert wrapped("", 9, 2) == [""]
