"""How numbers, times and foreign text look."""

from __future__ import annotations

import math
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sage_tui.state.format import (
    cell_len,
    clean,
    clock,
    count,
    cut,
    cut_start,
    duration,
    elapsed,
    exact,
    pad,
    percent,
    rate,
    size,
    spark,
)


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0, "0"),
        (7, "7"),
        (42, "42"),
        (999, "999"),
        (999.6, "1.0k"),
        (1_234, "1.2k"),
        (9_949, "9.9k"),
        (9_950, "10k"),
        (12_345, "12k"),
        (999_499, "999k"),
        (999_500, "1.0M"),
        (3_400_000, "3.4M"),
        (10**15, "1.0P"),
        (10**30, "∞"),
        (math.inf, "∞"),
        (math.nan, "–"),
        (-1_234, "-1.2k"),
    ],
)
def test_counts_are_short(number: float, text: str) -> None:
    assert count(number) == text


@pytest.mark.parametrize(
    ("per_second", "text"),
    [
        (0, "0"),
        (-3, "0"),
        (0.001, "<.01"),
        (0.25, "0.25"),
        (0.996, "1.0"),
        (7.3, "7.3"),
        (9.96, "10"),
        (1_234.5, "1.2k"),
        (math.nan, "–"),
    ],
)
def test_rates_are_short(per_second: float, text: str) -> None:
    assert rate(per_second) == text


@given(st.floats(0, 1e20))
def test_counts_and_rates_take_four_characters_at_most(number: float) -> None:
    assert len(count(number)) <= 4
    assert len(rate(number)) <= 4


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (-1, "0 s"),
        (1e-8, "<1 µs"),
        (42e-6, "42 µs"),
        (99.4e-6, "99 µs"),
        (99.6e-6, "0.1 ms"),
        (0.00042, "0.4 ms"),
        (0.0123, "12 ms"),
        (0.9994, "999 ms"),
        (0.9996, "1.0 s"),
        (1.23, "1.2 s"),
        (59.4, "59 s"),
        (59.6, "1m 00s"),
        (65, "1m 05s"),
        (3_725, "1h 02m"),
        (90_000, "1d 01h"),
        (math.inf, "∞"),
        (math.nan, "–"),
    ],
)
def test_durations_have_the_unit_that_suits_them(seconds: float, text: str) -> None:
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "00:00"), (12.9, "00:12"), (72, "01:12"), (3_723, "1:02:03"), (90_061, "1d 01:01:01"), (-5, "00:00")],
)
def test_elapsed_time_reads_like_a_clock(seconds: float, text: str) -> None:
    assert elapsed(seconds) == text


def test_the_time_of_day_is_local_and_may_have_milliseconds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.localtime", __import__("time").gmtime)
    assert clock(43_201.125) == "12:00:01"
    assert clock(43_201.125, milliseconds=True) == "12:00:01.125"


@pytest.mark.parametrize("t", [math.nan, math.inf, 1e300, -1e300])
def test_a_time_that_is_none_has_no_time_of_day(t: float) -> None:
    assert clock(t) == "--:--:--"


def test_shares_sizes_and_exact_numbers() -> None:
    assert [percent(share) for share in (0, 0.934, 1.4, -1, math.nan)] == ["0%", "93%", "140%", "0%", "–"]
    assert [size(amount) for amount in (0, 512, 1_234, 34_000_000)] == ["0 B", "512 B", "1.2 kB", "34 MB"]
    assert exact(1_234_567) == "1,234,567"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain", "plain"),
        ("grüße 日本 नमस्ते", "grüße 日本 नमस्ते"),
        ("👩\u200d👩\u200d👧 🏳\ufe0f\u200d🌈 ⚠\ufe0f 1\ufe0f\u20e3 👍🏽 🏽", "👩👩👧 🏳🌈 ⚠ 1\u20e3 👍 🏽"),
        ("\u0915\u094d\u200d\u0937", "\u0915\u094d\u200d\u0937"),
        ("a\u3164b\u115f\u2061", "a\\u3164b\\u115f\\u2061"),
        ("\x1b[2J", "␛[2J"),
        ("a\nb\rc\0", "a␊b␍c␀"),
        ("\x7f\x9b31m", "␡\\x9b31m"),
        ("user\u202egnp.exe", "user\\u202egnp.exe"),
        ("a\u2028b\ufeff", "a\\u2028b\\ufeff"),
        ("\udcff\ud800", "\\xff\\ud800"),
        ("[bold]markup[/]", "[bold]markup[/]"),
        ("a\tb", "a       b"),
        ("日\tb", "日      b"),
        ("12345678\tb", "12345678        b"),
        ("z" + "\u0301" * 30, "z" + "\u0301" * 4),
    ],
)
def test_foreign_text_is_shown_and_not_obeyed(text: str, shown: str) -> None:
    assert clean(text) == shown


@given(st.text())
def test_nothing_that_a_terminal_obeys_is_left(text: str) -> None:
    shown = clean(text)
    assert not [c for c in shown if unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp")]
    assert not [c for c in shown if unicodedata.bidirectional(c) in ("LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI")]
    shown.encode()


@given(st.text(), st.integers(0, 12))
def test_text_is_cut_to_the_cells_there_are(text: str, cells: int) -> None:
    text = clean(text)
    assert cell_len(cut(text, cells)) <= cells
    assert cell_len(cut_start(text, cells)) <= cells
    for align in ("left", "right", "center"):
        assert cell_len(pad(text, cells, align)) == cells


def test_what_is_cut_says_so() -> None:
    assert cut("hello_service", 6) == "hello…"
    assert cut("日本語", 4) == "日…"
    assert cut_start("/home/me/script.py", 12) == "…e/script.py"
    assert cut("fits", 4) == cut_start("fits", 4) == "fits"


def test_text_is_filled_on_either_side() -> None:
    assert [pad("ab", 5, align) for align in ("left", "right", "center")] == ["ab   ", "   ab", " ab  "]


def test_bars_tell_nothing_from_little_from_most() -> None:
    assert spark([0, 1, 50, 100], 6) == "  ▁▂▅█"
    assert spark([0, 0], 2) == "▁▁"
    assert spark([], 3) == "   "
    assert spark([5, 10], 2, top=20) == "▃▅"
    assert spark([1, 2, 3], 2) == "▆█"
    assert spark([math.nan, math.inf, 1], 3) == "▁▁█"
    assert spark([1], 0) == ""
