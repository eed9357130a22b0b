"""Measure everything and write it down: `python benchmarks/run.py [--peers [FOLDER]] [--rounds 5] [--only WORD]`.

Each row is a pair, ours and what it is compared with, measured in turn, round after round, so that whatever else the
machine does meets both. The median of the rounds' ratios is told, with the medians and the spread (half the distance
between the quartiles, as a share of the median) of both. Written are `results.md`, `results.json` and `throughput.svg`.

With `--peers`, other engines are installed in environments of their own below FOLDER (by default in the cache folder of
the user); without it, those that are there already are measured.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import dashboards
import measures
import peers
from chart import throughput_chart
from platformdirs import user_cache_path

HERE = Path(__file__).resolve().parent
PLAIN = [*measures.OURS, "--plain"]
RECORDS = 1_000_000
LINES = 1_000_000


@dataclass(frozen=True, slots=True)
class Row:
    """A pair to measure. `ours` and `base` give seconds (or MB); `ratio` makes of them what the goal speaks of."""

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
    """How many times as fast as the base ours is."""
    return base / ours


def longer(ours: float, base: float) -> float:
    """How many times as long as the base ours takes."""
    return ours / base


def more(ours: float, base: float) -> float:
    """By how much ours exceeds the base."""
    return ours - base


def at_least(goal: float) -> tuple[str, Callable[[float], bool]]:
    return f"≥ {goal:g}", lambda value: value >= goal


def at_most(goal: float) -> tuple[str, Callable[[float], bool]]:
    return f"≤ {goal:g}", lambda value: value <= goal


ANY: tuple[str, Callable[[float], bool]] = ("measured", lambda value: True)


def four(python: list[str], records: int, *more_arguments: object, program: str = "four_sage.py") -> float:
    """Seconds for a million records, measured with as many as the engine can do in a moment."""
    return measures.inside(python, program, records, *more_arguments) * RECORDS / records


def own_rows() -> Iterator[Row]:
    """What needs no other engine."""
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
    """The seconds for each operator, sink or replica that the records go through."""
    return seconds() / parts


TENFOLD = (
    ("operators in a row", "row", 10, 100, 200_000),
    ("sinks of a fan-out", "fan", 10, 100, 100_000),
)
"""What grows tenfold, as shape, sizes and records: each record goes through all of them."""

ONE_OF_MANY = (
    ("replicas of a shuffle by key", "shuffle", 4, 40, 200_000),
    ("services that are called in turn", "services", 1, 10, 20_000),
    ("many services that are called in turn", "services", 10, 100, 20_000),
)
"""What grows tenfold where each record goes through one of them."""


UNWATCHED = [
    sys.executable,
    "-c",
    "import sys, runpy; from sage_runtime import sage_imports; sage_imports.install(); sys.argv.pop(0);"
    "runpy.run_path(sys.argv[0], run_name='__main__')",
]


def peer_rows(folder: Path) -> Iterator[Row]:
    """The same pipeline in other engines; those that are slow get fewer records."""
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


def spread(values: list[float]) -> float:
    """Half the distance between the quartiles, as a share of the median."""
    if len(values) < 2:
        return 0.0
    low, _, high = statistics.quantiles(values, n=4, method="inclusive")
    return (high - low) / 2 / statistics.median(values) if statistics.median(values) else 0.0


def measure(row: Row, rounds: int) -> dict[str, object]:
    """Measure a pair in turn."""
    ours, base = [], []
    load = os.getloadavg()[0]
    for _ in range(row.rounds or rounds):
        base.append(row.base())
        ours.append(row.ours())
    ratio = statistics.median(row.ratio(a, b) for a, b in zip(ours, base, strict=True))
    return {
        "what": row.name,
        "goal": row.goal,
        "ratio": ratio,
        "met": row.met(ratio),
        "unit": row.unit,
        "ours": statistics.median(ours),
        "ours_spread": spread(ours),
        "base": statistics.median(base),
        "base_spread": spread(base),
        "rounds": len(ours),
        "load": load,
    }


def number(value: float) -> str:
    """A number with three digits that count."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def amount(value: float, unit: str) -> str:
    """A value with its unit; seconds in the unit that suits them."""
    if unit == "s" and value < 0.001:
        return f"{number(value * 1e6)} µs"
    if unit == "s" and value < 1:
        return f"{number(value * 1000)} ms"
    return f"{number(value)} {unit}"


def table(results: list[dict[str, object]], about: dict[str, str], missed: dict[str, str]) -> str:
    """The results as Markdown."""
    lines = [
        "# Benchmarks",
        "",
        "Written by `python benchmarks/run.py --peers`. Pairs are measured in turn; ratios are medians of the rounds'"
        " ratios. Seconds of throughput rows are for a million records.",
        "",
        *(f"* {name}: {value}" for name, value in about.items()),
        "",
        "| what | goal | ratio | | ours | the other | rounds | load |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for row in results:
        if "failed" in row:
            lines.append(f"| {row['what']} | {row['goal']} | – | not measured: {row['failed']} | | | | |")
            continue
        unit = str(row["unit"])
        both = [
            f"{amount(float(str(row[key])), unit)} ± {float(str(row[key + '_spread'])):.0%}" for key in ("ours", "base")
        ]
        mark = "" if row["goal"] == "measured" else "met" if row["met"] else "**missed**"
        lines.append(
            f"| {row['what']} | {row['goal']} | {number(float(str(row['ratio'])))} | {mark} | {both[0]} | {both[1]} |"
            f" {row['rounds']} | {float(str(row['load'])):.0f} |"
        )
    lines += ["", *(f"* {peer} could not be installed: {why}" for peer, why in missed.items())]
    notes = HERE / "notes.md"
    if notes.exists():
        lines += ["", notes.read_text().strip()]
    return "\n".join(lines).rstrip() + "\n"


def merged(old: list[dict[str, object]], new: list[dict[str, object]]) -> list[dict[str, object]]:
    """The old rows, those that were measured anew in their place."""
    anew = {row["what"]: row for row in new}
    return [anew.get(row["what"], row) for row in old]


def machine(folder: Path) -> dict[str, str]:
    """What it was measured on."""
    about = {
        "machine": f"{os.cpu_count()} cores, {platform.machine()}, {platform.system()}",
        "Python": platform.python_version(),
    }
    found = peers.versions(folder)
    if found:
        about["others"] = ", ".join(f"{peer.partition('-')[0]} {version}" for peer, version in found.items())
    return about


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peers", nargs="?", const="", metavar="FOLDER", help="install the other engines")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", default="", metavar="WORD", help="measure rows with this word anew, keep the others")
    options = parser.parse_args()
    folder = Path(options.peers) if options.peers else user_cache_path("sage-tui-benchmarks")
    missed = peers.install(folder) if options.peers is not None else {}
    about = machine(folder)
    results: list[dict[str, object]] = []
    for row in [*own_rows(), *peer_rows(folder)]:
        if options.only not in row.name:
            continue
        try:
            results.append(measure(row, options.rounds))
            shown = f"{number(float(str(results[-1]['ratio'])))}"
        except measures.FailedError as error:
            results.append({"what": row.name, "goal": row.goal, "failed": (str(error).splitlines() or ["?"])[-1]})
            shown = f"failed: {error}"
        print(f"{row.name} ({row.goal}): {shown}", flush=True)
    if options.only:
        results = merged(json.loads((HERE / "results.json").read_text())["rows"], results)
    (HERE / "results.md").write_text(table(results, about, missed))
    (HERE / "results.json").write_text(json.dumps({"about": about, "rows": results}, indent=1) + "\n")
    (HERE / "throughput.svg").write_text(throughput_chart(results, RECORDS))


if __name__ == "__main__":
    main()
