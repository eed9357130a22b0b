"""Try every fault with the real command in three modes, and write what was seen to `docs/faults.md`.

    cd tests && python -m faults                    # all of them; status 1 if anything is wrong
    cd tests && python -m faults segfault suspended  # some of them, nothing is written
    cd tests && python -m faults --scripts FOLDER    # the scripts, to be run by hand

Linux only: it reads /proc to find what is left behind.
"""

from __future__ import annotations

import argparse
import platform
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from faults.catalogue import FAULTS, THEMES
from faults.catalogue.fault import WAYS, Fault
from faults.trying import Seen, attempt, command_line, write_script

PAGE = Path(__file__).resolve().parents[2] / "docs" / "faults.md"
AT_ONCE = 4

_HEAD = """\
# Every fault, and what was seen

{count} faults, each tried by the real command in three ways: with `--plain`, with `--json`, and in the dashboard in a
pseudo-terminal of 120 by 36, where `r` runs the script again and `q` leaves. This page is written by

```sh
cd tests && python -m faults                     # all of them, in some minutes; status 1 if anything differs
cd tests && python -m faults segfault suspended  # some of them
cd tests && python -m faults --scripts FOLDER    # the scripts themselves, to be run by hand
```

from the [catalogue](../tests/faults/catalogue), in which each fault's script stands with what is right for it. A
command that ends otherwise, names another place, shows another state, leaves a process behind or the terminal in
another mode counts as wrong. What each fault means to you: [What happens when…](what-happens-when.md)

* **command**: `--plain`, `--json` or `--tui` before the script; `$T` is the folder in which it was tried.
* **plain**: the exit status, and what the summary on stderr said last about how it ended.
* **json**: the exit status, the first failure with its file and line, and how many records and calls count as failed.
  The events are numbered without a gap, and the last one is `run_finished`.
* **dashboard**: the states that the header showed, first and after `r`, and the exit status after `q`. Every mode of
  the terminal was as before.

Nothing was left running after any of them{but}. Seen with Python {python} on {system}, {seconds:.0f} seconds for all.
"""


def rows(faults: Sequence[Fault], seen: dict[tuple[str, str], Seen]) -> list[str]:
    """The table of a theme."""
    lines = ["| fault | command | plain | json | dashboard |", "|---|---|---|---|---|"]
    for fault in faults:
        words = [f"{name}={value}" for name, value in fault.environment.items()]
        words += [_quoted(word) for word in command_line(fault, "", "$T", ("sage-tui",))]
        command = " ".join(words).replace(" -- ", " ").replace("$T/project/", "").replace("{folder}", "$T")
        cells = [f"{fault.what}", f"`{_cell(command)}`"]
        for way in WAYS:
            found = seen.get((fault.name, way))
            cells.append("" if found is None else _cell(found.text) + (" **wrong**" if found.wrong else ""))
        if fault.lacks:
            cells[2] = f"not tried: this machine lacks {fault.lacks}"
        lines.append("| " + " | ".join(cells) + " |")
    return lines


def _quoted(word: str) -> str:
    return f"'{word}'" if " " in word else word


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def page(seen: dict[tuple[str, str], Seen], seconds: float) -> str:
    """The whole page."""
    left = [f"{name} ({way})" for (name, way), found in seen.items() if found.left != "nothing"]
    head = _HEAD.format(
        count=len(FAULTS),
        but=f", but {', '.join(left)}" if left else "",
        python=platform.python_version(),
        system=platform.system(),
        seconds=seconds,
    )
    parts = [head]
    for theme, faults in THEMES.items():
        parts += [f"\n## {theme}\n", *rows(faults, seen)]
    return "\n".join(parts) + "\n"


def main() -> int:
    """Try the faults and report."""
    parser = argparse.ArgumentParser(prog="python -m faults", description="Try every fault by the real command.")
    parser.add_argument("names", nargs="*", metavar="FAULT", help="some faults only")
    parser.add_argument("--scripts", type=Path, metavar="FOLDER", help="write the scripts there, and run nothing")
    parser.add_argument("--way", action="append", choices=WAYS, help="in some ways only (repeatable)")
    parser.add_argument("--at-once", type=int, default=AT_ONCE, help="how many are tried at a time")
    asked = parser.parse_args()
    unknown = set(asked.names) - {fault.name for fault in FAULTS}
    if unknown:
        parser.error(f"no such fault: {', '.join(sorted(unknown))}")
    chosen = [fault for fault in FAULTS if not asked.names or fault.name in asked.names]
    if asked.scripts is not None:
        asked.scripts.mkdir(parents=True, exist_ok=True)
        for fault in chosen:
            write_script(fault, asked.scripts / f"{fault.name}.py")
        return 0
    began, seen = time.monotonic(), try_all(chosen, asked.way or WAYS, asked.at_once)
    wrong = sum(bool(found.wrong) for found in seen.values())
    seconds = time.monotonic() - began
    if len(chosen) == len(FAULTS) and not asked.way:
        PAGE.write_text(page(seen, seconds))
    print(f"{len(chosen)} faults, {len(seen)} trials in {seconds:.0f} s, {wrong} not as they should be")
    return 1 if wrong else 0


def try_all(faults: Sequence[Fault], ways: Sequence[str], at_once: int) -> dict[tuple[str, str], Seen]:
    """Try faults, several at a time, and print each problem as it is found."""
    with tempfile.TemporaryDirectory(prefix="faults-") as name, ThreadPoolExecutor(at_once) as pool:
        trials = [(fault, way) for fault in faults if not fault.lacks for way in ways if way in fault.ways]
        tried = pool.map(lambda trial: attempt(trial[0], trial[1], Path(name, f"{trial[0].name}-{trial[1]}")), trials)
        found = {}
        for (fault, way), seen in zip(trials, tried, strict=True):
            found[fault.name, way] = seen
            print(f"{'WRONG' if seen.wrong else 'right'} {fault.name} --{way}: {seen.text} ({seen.seconds:.1f} s)")
            for wrong in seen.wrong:
                print(f"      {wrong}")
            sys.stdout.flush()
    return found


if __name__ == "__main__":
    sys.exit(main())
