"""Layouts as pictures: what a person sees is what is expected here."""

from __future__ import annotations

from textwrap import dedent

from support.topologies import pipeline, topology

from sage_tui.state.layout import GraphLayout, Topology, best_layout, layout


def shows(drawn: GraphLayout, expected: str) -> bool:
    """Whether the drawing is the expected picture; prints it if not."""
    picture = drawn.picture().rstrip("\n")
    if picture != dedent(expected).strip("\n"):
        print(picture)
    return picture == dedent(expected).strip("\n")


def test_a_tutorial_shows_its_service_below_the_caller() -> None:
    drawn = best_layout(
        topology(
            "HelloBatch UpperCaseMap PrintSink",
            "HelloBatch>UpperCaseMap UpperCaseMap>PrintSink",
            ["hello<UpperCaseMap"],
        ),
        60,
        10,
    )
    assert shows(
        drawn,
        """
        ╭──────────────╮     ╭──────────────╮     ╭──────────────╮
        │ HelloBatch   ├────▶│ UpperCaseMap ├────▶│ PrintSink    │
        │              │     │              │     │              │
        ╰──────────────╯     ╰───────┬──────╯     ╰──────────────╯
                                     ┊
                                     ◇ hello
        """,
    )


def test_branches_leave_and_meet_in_the_middle() -> None:
    drawn = layout(topology("Read Left Right Join", "Read>Left Read>Right Left>Join Right>Join"), "boxes")
    assert shows(
        drawn,
        """
                             ╭──────────────╮
                          ╭─▶│ Left         ├──╮
                          │  │              │  │  ╭──────────────╮
        ╭──────────────╮  │  ╰──────────────╯  ├─▶│ Join         │
        │ Read         ├──┤                    │  │              │
        │              │  │  ╭──────────────╮  │  ╰──────────────╯
        ╰──────────────╯  ╰─▶│ Right        ├──╯
                             │              │
                             ╰──────────────╯
        """,
    )


def test_a_chain_too_long_for_the_width_goes_on_below() -> None:
    drawn = best_layout(topology("Lines Split Key Count Print", "Lines>Split Split>Key Key>Count Count>Print"), 55, 10)
    assert shows(
        drawn,
        """
          ╭────────────╮   ╭────────────╮   ╭────────────╮
          │Lines       ├──▶│Split       ├──▶│Key         ├─╮
          │            │   │            │   │            │ │
          ╰────────────╯   ╰────────────╯   ╰────────────╯ │
        ╭──────────────────────────────────────────────────╯
        │ ╭────────────╮   ╭────────────╮
        ╰▶│Count       ├──▶│Print       │
          │            │   │            │
          ╰────────────╯   ╰────────────╯
        """,
    )


def test_two_sources_are_joined_and_share_a_service() -> None:
    drawn = layout(
        topology(
            "Users Orders KeyUsers KeyOrders Join",
            "Users>KeyUsers Orders>KeyOrders KeyUsers>Join KeyOrders>Join",
            ["db<KeyUsers,KeyOrders"],
        ),
        "snug",
    )
    assert shows(
        drawn,
        """
        ╭──────────────╮   ╭──────────────╮
        │ Users        ├──▶│ KeyUsers     ├─╮
        │              │   │              ├╮│ ╭──────────────╮
        ╰──────────────╯   ╰──────────────╯┊├▶│ Join         │
        ╭──────────────╮   ╭──────────────╮┊│ │              │
        │ Orders       ├──▶│ KeyOrders    ├─╯ ╰──────────────╯
        │              │   │              │┊
        ╰──────────────╯   ╰───────┬──────╯┊
                                   ├┈┈┈┈┈┈┈╯
                                   ◇ db
        """,
    )


def test_feedback_returns_below_the_boxes() -> None:
    drawn = layout(topology("Start Step Check Done", "Start>Step Step>Check Check>Done", feedback="Check>Step"), "snug")
    assert shows(
        drawn,
        """
        ╭──────────────╮   ╭──────────────╮   ╭──────────────╮   ╭──────────────╮
        │ Start        ├─┬▶│ Step         ├──▶│ Check        ├─┬▶│ Done         │
        │              │ │ │              │   │              │ │ │              │
        ╰──────────────╯ │ ╰──────────────╯   ╰──────────────╯ │ ╰──────────────╯
                         ╰──────────────────◀──────────────────╯
        """,
    )


def test_a_fan_shares_one_trunk_each_way() -> None:
    drawn = layout(topology("S A B C T", "S>A S>B S>C A>T B>T C>T"), "tight")
    assert shows(
        drawn,
        """
                         ╭────────────╮
                       ╭▶│A           ├─╮
                       │ │            │ │
                       │ ╰────────────╯ │
        ╭────────────╮ │ ╭────────────╮ │ ╭────────────╮
        │S           ├─┼▶│B           ├─┼▶│T           │
        │            │ │ │            │ │ │            │
        ╰────────────╯ │ ╰────────────╯ │ ╰────────────╯
                       │ ╭────────────╮ │
                       ╰▶│C           ├─╯
                         │            │
                         ╰────────────╯
        """,
    )


def test_an_operator_that_feeds_itself_has_a_loop_around_it() -> None:
    drawn = layout(topology("A", feedback="A>A"), "tight")
    assert shows(
        drawn,
        """
          ╭────────────╮
        ╭▶│A           ├─╮
        │ │            │ │
        │ ╰────────────╯ │
        ╰───────◀────────╯
        """,
    )


def test_parallel_edges_are_one_line() -> None:
    drawn = layout(topology("A B", "A>B A>B"), "tight")
    assert shows(
        drawn,
        """
        ╭────────────╮   ╭────────────╮
        │A           ├──▶│B           │
        │            │   │            │
        ╰────────────╯   ╰────────────╯
        """,
    )


def test_a_long_edge_passes_below_what_lies_between() -> None:
    drawn = layout(topology("A B C", "A>B B>C A>C"), "tight")
    assert shows(
        drawn,
        """
                         ╭────────────╮
                       ╭▶│B           ├─╮ ╭────────────╮
        ╭────────────╮ │ │            │ ├▶│C           │
        │A           ├─┤ ╰────────────╯ │ │            │
        │            │ ╰────────────────╯ ╰────────────╯
        ╰────────────╯
        """,
    )


def test_lines_that_would_cover_one_another_enter_a_row_lower() -> None:
    drawn = layout(topology("A B C X Y Z", "A>X A>Y B>Y B>Z C>Z C>X"), "tight")
    assert shows(
        drawn,
        """
        ╭────────────╮     ╭────────────╮
        │A           ├─┬┬─▶│Y           │
        │            │ ││  │            │
        ╰────────────╯ ││  ╰────────────╯
        ╭────────────╮ ││  ╭────────────╮
        │B           ├─┼┤╭▶│X           │
        │            │ ╰┼┼▶│            │
        ╰────────────╯  ││ ╰────────────╯
        ╭────────────╮  ││ ╭────────────╮
        │C           ├──┼┴▶│Z           │
        │            │  ╰─▶│            │
        ╰────────────╯     ╰────────────╯
        """,
    )


def test_a_service_called_by_a_service_has_a_line_below() -> None:
    drawn = layout(
        topology("Ask Answer Show", "Ask>Answer Answer>Show", ["cache", "model<Answer", "log<model"]), "snug"
    )
    assert shows(
        drawn,
        """
        ╭──────────────╮   ╭──────────────╮   ╭──────────────╮
        │ Ask          ├──▶│ Answer       ├──▶│ Show         │
        │              │   │              │   │              │
        ╰──────────────╯   ╰───────┬──────╯   ╰──────────────╯
                                   ┊
        ◇ cache                    ◇ model              ◇ log
                                   ┊                    ▲
                                   ╰┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈╯
        """,
    )


def test_pipelines_lie_one_above_the_other_with_titles() -> None:
    drawn = layout(Topology((pipeline("A B", "A>B", name="first"), pipeline("C", name="second"))), "tight")
    assert shows(
        drawn,
        """
        first
        ╭────────────╮   ╭────────────╮
        │A           ├──▶│B           │
        │            │   │            │
        ╰────────────╯   ╰────────────╯

        second
        ╭────────────╮
        │C           │
        │            │
        ╰────────────╯
        """,
    )


def test_wide_characters_keep_the_boxes_straight() -> None:
    drawn = layout(topology("日本語の演算子 B", "日本語の演算子>B"), "tight")
    assert shows(
        drawn,
        """
        ╭──────────────╮   ╭────────────╮
        │日本語の演算子├──▶│B           │
        │              │   │            │
        ╰──────────────╯   ╰────────────╯
        """,
    )


def test_compact_branches_have_a_lane_in_and_a_lane_out() -> None:
    drawn = layout(topology("Read Left Right Join", "Read>Left Read>Right Left>Join Right>Join"), "compact")
    assert shows(
        drawn,
        """
        ▶     Read
        ├─●─╮ Left
        ●───┤ Right
        ■───╯ Join
        """,
    )


def test_compact_services_hang_on_dotted_lanes() -> None:
    drawn = layout(
        topology(
            "Users Orders KeyUsers KeyOrders Join Show",
            "Users>KeyUsers Orders>KeyOrders KeyUsers>Join KeyOrders>Join Join>Show",
            ["db<KeyUsers,KeyOrders"],
        ),
        "compact",
    )
    assert shows(
        drawn,
        """
        ▶     Users
        ●─┬┈╮ KeyUsers
        ▶ │ ┊ Orders
        ●─┼┈┤ KeyOrders
        ●─╯ ┊ Join
        ■   ┊ Show
        ◇┈┈┈╯ db
        """,
    )


def test_compact_services_with_the_same_callers_share_a_lane() -> None:
    drawn = layout(topology("A B C", "A>B B>C", ["db<B,C", "llm<B", "cache<B,C", "web", "tool<llm"]), "compact")
    assert shows(
        drawn,
        """
        ▶       A
        ●┈┬┈╮   B
        ■┈┤ ┊   C
        ◇┈┤ ┊   db
        ◇┈┊┈┴┈╮ llm
        ◇┈╯   ┊ cache
        ◇     ┊ web
        ◇┈┈┈┈┈╯ tool
        """,
    )


def test_compact_feedback_points_back_up() -> None:
    drawn = layout(
        topology("Start Step Check Done", "Start>Step Step>Check Check>Done", feedback="Check>Step"), "compact"
    )
    assert shows(
        drawn,
        """
        ▶   Start
        ●◀╮ Step
        ●─╯ Check
        ■   Done
        """,
    )


def test_compact_fans_stay_narrow() -> None:
    drawn = layout(topology("S A B C T", "S>A S>B S>C A>T B>T C>T"), "compact")
    assert shows(
        drawn,
        """
        ▶     S
        ├─●─╮ A
        ├─●─┤ B
        ●───┤ C
        ■───╯ T
        """,
    )
