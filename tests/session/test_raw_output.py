"""Bytes of a descriptor become output events, and nothing is lost, split or late."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from sage_runtime.events import MAX_TEXT, Output
from sage_tui.session.worker_reader import UNFINISHED_AFTER, RawOutput


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def collect() -> tuple[RawOutput, list[Output], Clock]:
    events: list[Output] = []
    clock = Clock()
    return RawOutput("stdout", events.append, clock), events, clock


def pairs(events: list[Output]) -> list[tuple[str, str]]:
    return [(event.text, event.end) for event in events]


def test_whole_lines_are_one_event() -> None:
    raw, events, _ = collect()
    raw.feed(b"one\ntwo\nth")
    assert pairs(events) == [("one\ntwo", "\n")]
    raw.feed(b"ree\n")
    assert pairs(events)[1:] == [("three", "\n")]
    assert raw.wait() is None


def test_an_unfinished_line_is_due_after_a_while() -> None:
    raw, events, clock = collect()
    raw.feed(b"name? ")
    raw.flush_due()
    assert events == []
    assert 0 < (raw.wait() or 0) <= UNFINISHED_AFTER
    clock.now += UNFINISHED_AFTER
    raw.flush_due()
    assert pairs(events) == [("name? ", "")]


def test_more_of_a_line_does_not_put_it_off() -> None:
    raw, events, clock = collect()
    for _ in range(3):
        raw.feed(b".")
        clock.now += UNFINISHED_AFTER / 2
        raw.flush_due()
    assert pairs(events) == [("..", "")]


def test_a_progress_bar_ends_in_a_carriage_return() -> None:
    raw, events, _ = collect()
    raw.feed(b"start\n10%\r20%\r30%")
    assert pairs(events) == [("start", "\n"), ("10%", "\r"), ("20%", "\r")]
    raw.feed(b"\r")
    raw.flush()
    assert pairs(events)[3:] == [("30%", "\r")]


def test_a_windows_line_end_is_kept() -> None:
    raw, events, _ = collect()
    raw.feed(b"one\r\n")
    assert pairs(events) == [("one\r", "\n")]


def test_a_character_is_never_split() -> None:
    raw, events, _ = collect()
    data = "€".encode()
    raw.feed(b"a" + data[:1])
    raw.flush()
    raw.feed(data[1:])
    raw.flush()
    assert pairs(events) == [("a", ""), ("€", "")]


def test_what_never_becomes_a_character_comes_at_the_end() -> None:
    raw, events, _ = collect()
    raw.feed(b"\xe2\x82")
    raw.flush()
    assert events == []
    raw.flush(final=True)
    assert pairs(events) == [("\udce2\udc82", "")]


def test_long_lines_come_in_pieces() -> None:
    raw, events, _ = collect()
    raw.feed(b"x" * (3 * MAX_TEXT + 5) + b"\nshort\n" + b"y" * (MAX_TEXT + 1))
    assert max(len(event.text) for event in events) <= MAX_TEXT
    raw.flush()
    assert "".join(event.text + event.end for event in events) == (
        "x" * (3 * MAX_TEXT + 5) + "\nshort\n" + "y" * (MAX_TEXT + 1)
    )


@given(st.lists(st.binary(max_size=40) | st.sampled_from([b"\n", b"\r", b"\r\n", "ü€😀".encode()]), max_size=30))
def test_every_byte_comes_back(chunks: list[bytes]) -> None:
    raw, events, clock = collect()
    for chunk in chunks:
        raw.feed(chunk)
        clock.now += UNFINISHED_AFTER * 0.6
        raw.flush_due()
    raw.flush(final=True)
    text = "".join(event.text + event.end for event in events)
    assert text.encode("utf-8", "surrogateescape") == b"".join(chunks)
