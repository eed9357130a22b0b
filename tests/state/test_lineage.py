"""The steps of a followed record, told in any order, become its way."""

from __future__ import annotations

import random

from sage_runtime.events import EdgeInfo, Trace
from sage_tui.state.trace_tree import MOST_STEPS, way


def step(operator: str, before: str | None, *after: str, t: float = 0.0) -> Trace:
    return Trace(trace=1, pipeline="p", operator=operator, before=before, after=after, t=t)


def edges(*pairs: str) -> list[EdgeInfo]:
    """Edges written as `A→B`."""
    ends = (pair.split("→") for pair in pairs)
    return [EdgeInfo(f"{source}→{target}", source, target) for source, target in ends]


def drawn(steps: list[Trace], *pairs: str) -> list[str]:
    return [f"{row.lines}{row.step.operator} {row.step.before}" for row in way(steps, edges(*pairs))]


def test_a_chain_is_a_straight_line_in_whatever_order_it_was_told() -> None:
    steps = [step("A", None, "1", t=1), step("B", "1", "2", t=2), step("C", "2", t=3)]
    for _ in range(6):
        random.shuffle(steps)
        assert drawn(steps, "A→B", "B→C") == ["A None", "B 1", "C 2"]


def test_what_a_flatmap_gives_goes_several_ways() -> None:
    steps = [
        step("Source", None, "'a b'", t=1),
        step("Words", "'a b'", "'a'", "'b'", t=2),
        step("Count", "'a'", "1", t=3),
        step("Count", "'b'", "2", t=4),
        step("Sink", "1", t=5),
        step("Sink", "2", t=6),
    ]
    assert drawn(steps, "Source→Words", "Words→Count", "Count→Sink") == [
        "Source None",
        "Words 'a b'",
        "├ Count 'a'",
        "│ Sink 1",
        "└ Count 'b'",
        "  Sink 2",
    ]


def test_a_loop_goes_on_in_one_line_with_its_dead_ends_beside_it() -> None:
    steps = [
        step("Draft", None, "0", t=1),
        step("Refine", "0", "1", t=2),
        step("Good", "1", t=3),
        step("Rough", "1", "1", t=4),
        step("Refine", "1", "2", t=5),
        step("Rough", "2", t=6),
        step("Good", "2", "2", t=7),
        step("Publish", "2", t=8),
    ]
    assert drawn(steps, "Draft→Refine", "Refine→Good", "Refine→Rough", "Rough→Refine", "Good→Publish") == [
        "Draft None",
        "Refine 0",
        "├ Good 1",
        "Rough 1",
        "Refine 1",
        "├ Rough 2",
        "Good 2",
        "Publish 2",
    ]


def test_a_value_that_was_changed_on_its_way_still_follows_its_step() -> None:
    steps = [step("A", None, "{'x': 1}", t=1), step("B", "{'x': 1, 'y': 2}", t=2)]
    assert drawn(steps, "A→B") == ["A None", "B {'x': 1, 'y': 2}"]


def test_a_step_whose_predecessor_is_not_told_yet_stands_alone() -> None:
    assert drawn([step("C", "2", t=3), step("A", None, "1", t=1)], "A→B", "B→C") == ["A None", "C 2"]


def test_equal_values_are_followed_one_each() -> None:
    steps = [step("A", None, "x", "x", t=1), step("B", "x", t=2), step("B", "x", t=3), step("B", "x", t=4)]
    assert drawn(steps, "A→B") == ["A None", "├ B x", "└ B x", "B x"]


def test_a_record_that_multiplies_for_ever_is_shown_in_part() -> None:
    steps = [step("A", None, "x", t=1), *(step("B", "x", "x", t=2 + n) for n in range(1000))]
    assert len(way(steps, edges("A→B", "B→B"))) == MOST_STEPS
