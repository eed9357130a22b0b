"""Previews: short, safe, quick, whatever the value does."""

from __future__ import annotations

import collections
import dataclasses
import enum
import threading
import time
import typing
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.waiting import SOON

from sage_runtime.attribution import SCRIPT, Source, attributed, bequeath, current_source, set_source
from sage_runtime.safe_repr.preview import exception_message, full_preview, preview, preview_arguments


@dataclasses.dataclass
class Point:
    x: int
    y: str = "up"
    hidden: int = dataclasses.field(default=0, repr=False)


@dataclasses.dataclass(slots=True)
class Slotted:
    inner: Any


class Pair(typing.NamedTuple):
    left: int
    right: int


class Colour(enum.Enum):
    RED = 1


class Plain:
    def __init__(self) -> None:
        self.name = "n"
        self.size = 3


class Spoken:
    def __repr__(self) -> str:
        return "as it says\n\x1b[2J"


PLAIN: list[tuple[Any, str]] = [
    (None, "None"),
    (True, "True"),
    (-5, "-5"),
    (1.5, "1.5"),
    ("text", "'text'"),
    ("\x1b[2J\u202e\ud800", r"'\x1b[2J\u202e\ud800'"),
    (b"\xff", r"b'\xff'"),
    ([1, [2, [3]]], "[1, [2, [3]]]"),
    ((1,), "(1,)"),
    ((), "()"),
    ({"a": 1, 2: None}, "{'a': 1, 2: None}"),
    ({1}, "{1}"),
    (set(), "set()"),
    (frozenset({1}), "frozenset({1})"),
    (collections.deque([1]), "deque([1])"),
    (range(3), "range(0, 3, 1)"),
    (Point(1), "Point(x=1, y='up')"),
    (Slotted([1]), "Slotted(inner=[1])"),
    (Pair(1, 2), "Pair(left=1, right=2)"),
    (Plain(), "<Plain name='n', size=3>"),
    (ValueError("x", 1), "ValueError('x', 1)"),
    (Colour.RED, "<Colour.RED: 1>"),
    (Spoken(), r"as it says\n\x1b[2J"),
    (collections.Counter("aab"), "Counter({'a': 2, 'b': 1})"),
    (10**5000, "<int of 16610 bits>"),
]


@pytest.mark.parametrize(("value", "text"), PLAIN, ids=[text[:30] for _, text in PLAIN])
def test_values_are_shown_as_they_would_be_written(value: Any, text: str) -> None:
    assert preview(value) == text


class Raises:
    def __repr__(self) -> str:
        raise ValueError("no")


class Recurses:
    def __repr__(self) -> str:
        return f"{self!r}"


class NoText:
    def __repr__(self) -> str:
        return 5  # type: ignore[return-value]


class Exits:
    def __repr__(self) -> str:
        raise SystemExit


class Immense:
    def __repr__(self) -> str:
        return "x" * 10_000_000


class Meta(type):
    def __repr__(cls) -> str:
        raise ValueError

    @property
    def __name__(cls) -> str:  # type: ignore[override]
        raise ValueError


class Hostile(metaclass=Meta):
    def __getattribute__(self, name: str) -> Any:
        raise ValueError

    def __class__(self) -> type:  # type: ignore[override]
        raise ValueError


class Properties:
    asked = 0

    @property
    def value(self) -> int:
        type(self).asked += 1
        raise ValueError


HOSTILE: list[tuple[Any, str]] = [
    (Raises(), "<Raises (repr raised ValueError)>"),
    (Recurses(), "<Recurses (repr raised RecursionError)>"),
    (NoText(), "<NoText (repr raised TypeError)>"),
    (Exits(), "<Exits (repr raised SystemExit)>"),
    (Hostile(), "<Hostile>"),
    (Properties(), "<Properties>"),
    ([Raises(), 1], "[<Raises (repr raised ValueError)>, 1]"),
]


@pytest.mark.parametrize(("value", "text"), HOSTILE, ids=[text[:30] for _, text in HOSTILE])
def test_hostile_values_are_named(value: Any, text: str) -> None:
    assert preview(value) == text
    assert Properties.asked == 0


def test_everything_is_bounded_in_length() -> None:
    nested: list[Any] = []
    nested.append(nested)
    values: list[Any] = [
        Immense(),
        "x" * 10**7,
        b"x" * 10**7,
        list(range(10**6)),
        {"k" * 10**6: 1},
        nested,
        [[[[[[]]]]]],
    ]
    for value in values:
        for limit in (1, 20, 200):
            assert len(preview(value, limit)) <= limit
        assert len(full_preview(value, 300)) <= 300


def test_what_is_left_out_is_said() -> None:
    assert preview(list(range(100)), 1000).endswith("19, … 80 more]")
    assert preview("abcdef" * 10, 10) == "'abcdefab…"


def test_a_repr_that_blocks_is_left_behind_and_later_not_asked() -> None:
    release = threading.Event()
    asked = []

    class Blocks:
        def __repr__(self) -> str:
            asked.append(1)
            release.wait()
            return "late"

    try:
        texts = {preview(Blocks()) for _ in range(6)}
        assert texts == {"<Blocks (repr takes too long)>"}
        assert len(asked) <= 3
        assert preview(Spoken()) == r"as it says\n\x1b[2J"
    finally:
        release.set()


def test_of_a_list_of_slow_values_not_all_are_asked() -> None:
    asked = []

    class Slow:
        def __repr__(self) -> str:
            asked.append(self)
            time.sleep(0.02)
            return "slow"

    preview([Slow() for _ in range(100)], 2000)
    assert len(asked) < 50


def test_a_container_that_another_thread_changes_is_shown() -> None:
    values = dict.fromkeys(range(15), 0)

    class Adds:
        def __repr__(self) -> str:
            values[len(values)] = 1
            return "adds"

    values[0] = Adds()  # type: ignore[assignment]
    assert "changed while it was read" in preview(values)


def test_arguments_are_shown_as_a_call_has_them() -> None:
    assert preview_arguments(("a", 1), {"key": [2]}) == "'a', 1, key=[2]"
    assert preview_arguments((), {}) == ""
    assert len(preview_arguments(("x" * 1000,) * 5, {}, 80)) == 80


def test_the_full_form_is_indented() -> None:
    assert full_preview({"a": [1, {"b": ()}], "p": Point(1)}) == (
        "{\n  'a': [\n    1,\n    {\n      'b': ()\n    }\n  ],\n  'p': Point(\n    x=1,\n    y='up'\n  )\n}"
    )


def test_messages_of_exceptions_are_safe() -> None:
    class BrokenError(Exception):
        def __str__(self) -> str:
            raise ValueError

    assert exception_message(ValueError("two\nlines\x1b")) == "two\nlines\\x1b"
    assert exception_message(KeyError("k")) == "'k'"
    assert exception_message(BrokenError()) == "<BrokenError (str raised ValueError)>"
    assert len(exception_message(ValueError("x" * 10_000), 50)) == 50
    assert exception_message(MemoryError()) == ""
    assert exception_message(ValueError([1, "a"])) == "[1, 'a']"
    assert exception_message(ValueError(list(range(1_000_000))), 30) == str(list(range(30)))[:29] + "…"


def test_a_value_that_blocks_does_not_silence_the_other_errors_of_its_kind() -> None:
    release = threading.Event()

    class Blocks:
        def __str__(self) -> str:
            release.wait()
            return "late"

    try:
        assert {exception_message(LookupError(Blocks())) for _ in range(4)} == {"<Blocks (str takes too long)>"}
        assert exception_message(LookupError(Spoken())).startswith("as it says")
    finally:
        release.set()


def test_a_repr_that_computes_for_ever_is_ended() -> None:
    ended = threading.Event()

    class Computes:
        def __repr__(self) -> str:
            try:
                while True:
                    sum(range(9))  # Python 3.12.1 does not look for anything in a loop without a call of this kind
            finally:
                ended.set()

    assert preview(Computes()) == "<Computes (repr takes too long)>"
    assert ended.wait(SOON)


@given(st.recursive(st.none() | st.integers() | st.text() | st.binary() | st.floats(), st.lists, max_leaves=50))
def test_previews_of_anything_are_printable_and_bounded(value: Any) -> None:
    text = preview(value, 100)
    assert len(text) <= 100
    assert text.isprintable()


def test_the_repr_of_a_value_works_for_who_asked() -> None:
    class Asks:
        def __repr__(self) -> str:
            return str(current_source())

    with attributed("p", "Op"):
        assert preview(Asks()) == str(Source("p", "Op"))


def test_each_thread_has_its_own_source() -> None:
    seen: list[Source] = []

    def work() -> None:
        seen.append(current_source())
        set_source("p", "Map")
        seen.append(current_source())

    with attributed("p", "Constructor"):
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
        assert current_source() == Source("p", "Constructor")
    assert seen == [SCRIPT, Source("p", "Map")]
    assert current_source() == SCRIPT


def test_a_thread_inherits_what_its_starter_bequeaths() -> None:
    seen: list[Source] = []
    thread = threading.Thread(target=lambda: seen.append(current_source()))
    with attributed("p", "Sink"):
        bequeath(thread._bootstrap)  # type: ignore[attr-defined]
        thread.start()
    thread.join()
    assert seen == [Source("p", "Sink")]


def test_only_threads_inherit() -> None:
    bequeath(print)
    bequeath(None)
