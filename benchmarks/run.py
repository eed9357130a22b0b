"""Measure everything and write the report: `python benchmarks/run.py [--peers [FOLDER]] [--rounds 5] [--only WORD]`.

Each row is a pair, ours and what it is compared with, measured alternately for several rounds, so that other load meets
both. The report has the median of the rounds' ratios, and of both sides the median and the spread (half the distance
between the quartiles, as a share of the median). It goes to `results.md`, `results.json` and `throughput.svg`.

`--peers` installs the other engines in environments of their own below FOLDER (by default in the user's cache folder).
Without it, the script measures those that are already installed.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
from pathlib import Path

import measures
import peers
from chart import throughput_chart
from platformdirs import user_cache_path
from rows import RECORDS, Row, own_rows, peer_rows

HERE = Path(__file__).resolve().parent


def spread(values: list[float]) -> float:
    """Half the distance between the quartiles, as a share of the median."""
    if len(values) < 2:
        return 0.0
    low, _, high = statistics.quantiles(values, n=4, method="inclusive")
    return (high - low) / 2 / statistics.median(values) if statistics.median(values) else 0.0


def measure(row: Row, rounds: int) -> dict[str, object]:
    """Measure a pair alternately."""
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
    """A number with three significant digits."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def amount(value: float, unit: str) -> str:
    """A value with its unit. Seconds become ms or µs where that reads better."""
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


def merged(old: list[dict[str, object]], new: list[dict[str, object]], order: list[str]) -> list[dict[str, object]]:
    """The old and new rows in this order. New rows replace old ones of the same name."""
    found = {row["what"]: row for row in [*old, *new]}
    return [found[name] for name in order if name in found]


def machine(folder: Path) -> dict[str, str]:
    """The machine and the versions."""
    about = {
        "machine": f"{os.cpu_count()} cores, {platform.machine()}, {platform.system()}",
        "Python": platform.python_version(),
    }
    found = peers.versions(folder)
    if found:
        about["others"] = ", ".join(f"{peer.partition('-')[0]} {version}" for peer, version in found.items())
    return about


def main() -> None:
    """Measure everything, print it and write the report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peers", nargs="?", const="", metavar="FOLDER", help="install the other engines")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", default="", metavar="WORD", help="measure rows with this word, keep the others")
    options = parser.parse_args()
    folder = Path(options.peers) if options.peers else user_cache_path("sage-tui-benchmarks")
    missed = peers.install(folder) if options.peers is not None else {}
    about = machine(folder)
    results: list[dict[str, object]] = []
    rows = [*own_rows(), *peer_rows(folder)]
    for row in rows:
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
        results = merged(json.loads((HERE / "results.json").read_text())["rows"], results, [row.name for row in rows])
    (HERE / "results.md").write_text(table(results, about, missed))
    (HERE / "results.json").write_text(json.dumps({"about": about, "rows": results}, indent=1) + "\n")
    (HERE / "throughput.svg").write_text(throughput_chart(results, RECORDS))


if __name__ == "__main__":
    main()
