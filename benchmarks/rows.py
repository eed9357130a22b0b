"""The rows of the report: pairs of our result and the one it is compared with, with the goal for their ratio."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import dashboards
import measures
import peers

PLAIN = [*measures.OURS, "--plain"]
RECORDS = 1_000_000
LINES = 1_000_000
WATCHED = str(measures.PROGRAMS / "watched_sage.py")


@dataclass(frozen=True, slots=True)
class Row:
    """A pair to measure. `ours` and `base` return seconds (or MB); `ratio` turns them into what the goal is about."""

    name: str
    goal: str
    met: Callable[[float], bool]
    ours: Callable[[], float]
    base: Callable[[], float]
    ratio: Callable[[float, float], float]
    unit: str = "s"
    rounds: int | None = None
    note: str = ""


def faster(ours: float, base: float) -> float:
    """How many times as fast as the base we are."""
    return base / ours


def longer(ours: float, base: float) -> float:
    """How many times as long as the base we take."""
    return ours / base


def more(ours: float, base: float) -> float:
    """By how much we exceed the base."""
    return ours - base


def at_least(goal: float) -> tuple[str, Callable[[float], bool]]:
    return f"≥ {goal:g}", lambda value: value >= goal


def at_most(goal: float) -> tuple[str, Callable[[float], bool]]:
    return f"≤ {goal:g}", lambda value: value <= goal


ANY: tuple[str, Callable[[float], bool]] = ("measured", lambda value: True)


def four(python: list[str], records: int, *more_arguments: object, program: str = "four_sage.py") -> float:
    """Seconds for a million records, extrapolated from as many as the engine can process in reasonable time."""
    return measures.inside(python, program, records, *more_arguments) * RECORDS / records


def own_rows() -> Iterator[Row]:
    """The rows that need no other engine."""
    python = [sys.executable]

    def ours() -> float:
        return four(PLAIN, RECORDS)

    def chain() -> float:
        return four(python, RECORDS, program="four_chain.py")

    def shape(name: str, records: int, *size: int) -> Callable[[], float]:
        return lambda: measures.inside(PLAIN, "shapes_sage.py", records, name, *size) * RECORDS / records

    yield Row("four operators, monitored, against a plain chain of calls", *at_least(0.5), ours, chain, faster)
    yield Row(
        "the same in ten million records",
        *at_least(0.5),
        lambda: four(PLAIN, 10 * RECORDS),
        lambda: four(python, 10 * RECORDS, program="four_chain.py"),
        faster,
        rounds=2,
    )
    yield Row(
        "monitored against unmonitored (the engine alone, nobody told)",
        *at_least(0.95),
        ours,
        lambda: four(UNWATCHED, RECORDS),
        faster,
    )
    yield Row(
        "with the dashboard open against without",
        *at_least(0.9),
        lambda: measures.in_dashboard("four_sage.py", 4 * RECORDS),
        lambda: measures.inside(PLAIN, "four_sage.py", 4 * RECORDS),
        faster,
    )
    yield Row(
        "a record through four idle operators, p50, against four bare hand-overs",
        *at_most(1.5),
        lambda: measures.called("idle_operators"),
        lambda: measures.called("bare_hand_overs"),
        longer,
    )
    yield Row(
        "a service call, p50, against a bare round trip between two threads",
        *at_most(1.3),
        lambda: measures.called("service_call"),
        lambda: measures.called("bare_round_trip"),
        longer,
    )
    yield Row(
        "a million printed lines, journaled, against the script alone into a file (whole process)",
        *at_least(0.3),
        lambda: measures.printed(LINES, ours=True),
        lambda: measures.printed(LINES, ours=False),
        faster,
    )
    yield Row("ten operators in a row, against the chain of four", *ANY, shape("row", 300_000), chain, faster)
    yield Row("a fan-out to ten sinks, against the chain of four", *ANY, shape("fan", 200_000), chain, faster)
    yield Row("a shuffle by key over four replicas, against the chain", *ANY, shape("shuffle", 300_000), chain, faster)
    yield Row("a join of two streams, against the chain of four", *ANY, shape("join", 100_000), chain, faster)
    for what, name, small, large, records in TENFOLD:
        yield Row(
            f"{what}: {large} against {small}, a record's way through each",
            *ANY,
            partial(per_part, shape(name, records // 10, large), large),
            partial(per_part, shape(name, records, small), small),
            faster,
            rounds=3,
        )
    for what, name, small, large, records in ONE_OF_MANY:
        yield Row(
            f"{what}: {large} against {small}",
            *ANY,
            shape(name, records, large),
            shape(name, records, small),
            faster,
            rounds=3,
        )
    yield Row(
        "1,600 records that sleep 10 ms each, eight replicas, against the ideal 2 s",
        *at_least(0.95),
        lambda: measures.inside(PLAIN, "shapes_sage.py", 1600, "blocking"),
        lambda: 2.0,
        faster,
        rounds=3,
    )
    yield Row(
        "`--plain` of the tutorial beyond `python -c pass` (whole process, milliseconds more)",
        *at_most(120),
        lambda: 1000 * measures.whole([*PLAIN, str(measures.PROGRAMS / "tutorial.py")]),
        lambda: 1000 * measures.whole([sys.executable, "-c", "pass"]),
        more,
        unit="ms",
        rounds=15,
    )
    for mode, does in (("flood", "floods"), ("spin", "spins in four operators")):
        yield Row(
            f"a key, until what it does is drawn, p50, while the pipeline {does}, against one that idles",
            *at_most(2),
            partial(dashboards.key_latency, mode),
            partial(dashboards.key_latency, "idle"),
            longer,
            rounds=3,
        )
    yield Row(
        "the first frame, against a bare Textual application with as many widgets (whole process)",
        *at_most(1.5),
        lambda: dashboards.first_frame([*measures.OURS, "--tui", WATCHED, "idle"], b"Quit"),
        lambda: dashboards.first_frame([*python, str(measures.PROGRAMS / "bare_textual.py")], b"Quit"),
        longer,
        rounds=7,
    )
    saves: Iterator[float] = iter(())

    def save() -> float:
        nonlocal saves
        value = next(saves, None)
        if value is None:
            saves = iter(measures.saved(5))
            value = next(saves)
        return 1000 * value

    yield Row(
        "save → the new run's first output at the session (milliseconds; the screen adds a frame)",
        *at_most(250),
        save,
        lambda: 1.0,
        lambda ours, _: ours,
        unit="ms",
    )
    for what, channel, words, goal in SEARCHES:
        yield Row(
            f"a search through a million {what}, to the whole count (milliseconds)",
            *goal,
            partial(searched, channel, words),
            lambda: 1.0,
            lambda ours, _: ours,
            unit="ms",
            rounds=3,
        )
    yield Row(
        "memory of the worker for ten times the records (MB more)",
        *at_most(5),
        lambda: measures.resident(10 * RECORDS),
        lambda: measures.resident(RECORDS),
        more,
        unit="MB",
        rounds=2,
    )


def per_part(seconds: Callable[[], float], parts: int) -> float:
    """Seconds per operator, sink or replica that the records go through."""
    return seconds() / parts


def searched(channel: str, words: str) -> float:
    """Milliseconds of a search through a journal."""
    return 1000 * measures.inside([sys.executable], "searching.py", channel, words)


SEARCHES = (
    ("lines printed by three sinks, for one of them", "output", "line 123456 ", at_most(1000)),
    ("log lines, for one of them", "log", "line 123456 ", at_most(1000)),
    ("log lines, for a word in each of them", "log", "words", ANY),
    ("log lines, for a regular expression", "log", "re:line 1234[5-9]6 ", ANY),
)
"""The search terms, and the channel."""


TENFOLD = (
    ("operators in a row", "row", 10, 100, 200_000),
    ("sinks of a fan-out", "fan", 10, 100, 100_000),
)
"""What grows tenfold, as shape, sizes and records, where each record goes through all parts."""

ONE_OF_MANY = (
    ("replicas of a shuffle by key", "shuffle", 4, 40, 200_000),
    ("services that are called in turn", "services", 1, 10, 20_000),
    ("many services that are called in turn", "services", 10, 100, 20_000),
)
"""What grows tenfold where each record goes through one part."""


UNWATCHED = [
    sys.executable,
    "-c",
    "import sys, runpy; from sage_runtime import sage_imports; sage_imports.install(); sys.argv.pop(0);"
    "runpy.run_path(sys.argv[0], run_name='__main__')",
]


def peer_rows(folder: Path) -> Iterator[Row]:
    """The same pipeline in other engines. Slow ones get fewer records."""
    found = {peer: [str(peers.python_of(peer, folder))] for peer in peers.PEERS if peers.usable(peer, folder)}

    def ours() -> float:
        return four(PLAIN, RECORDS)

    if python := found.get("sage-0.3.2.4"):
        yield Row("four operators against SAGE 0.3.2.4", *at_least(50), ours, lambda: four(python, 40_000, 3), faster)
    if streamz := found.get("streamz"):
        yield Row(
            "four operators against Streamz",
            *at_least(10),
            ours,
            lambda: four(streamz, 200_000, program="four_streamz.py"),
            faster,
        )
    if pathway := found.get("pathway"):
        yield Row(
            "four operators against Pathway",
            *at_least(10),
            ours,
            lambda: four(pathway, 100_000, program="four_pathway.py"),
            faster,
        )
    if bytewax := found.get("bytewax"):
        yield Row(
            "four operators against Bytewax, batches of 1",
            *at_least(10),
            ours,
            lambda: four(bytewax, 200_000, 1, program="four_bytewax.py"),
            faster,
        )
        yield Row(
            "four operators against Bytewax, batches of 1,000",
            *at_least(1),
            ours,
            lambda: four(bytewax, RECORDS, 1000, program="four_bytewax.py"),
            faster,
        )
    if first := found.get("sage-0.1.2"):
        yield Row("four operators against SAGE 0.1.2", *ANY, ours, lambda: four(first, 200), faster, rounds=3)
        yield Row(
            "a service call, p50, against SAGE 0.1.2",
            *at_most(0.2),
            lambda: measures.inside(PLAIN, "calls_sage.py", 4000),
            lambda: measures.inside(first, "calls_sage.py", 200),
            longer,
            rounds=3,
        )
        yield Row(
            "`--plain` of the tutorial against SAGE 0.1.2 (whole process)",
            *at_least(10),
            lambda: measures.whole([*PLAIN, str(measures.PROGRAMS / "tutorial.py")]),
            lambda: measures.whole([*first, str(measures.PROGRAMS / "tutorial.py")]),
            faster,
            rounds=5,
        )
