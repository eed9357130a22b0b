"""Search a journal of a million lines as the dashboard does: `python searching.py CHANNEL RESULT WORDS...`.

CHANNEL is output (printed by three sinks in turn, so that each line is an event) or log. The result is the seconds from
the start of the search until its last line. The search runs in the background while this thread polls its progress.
"""

import sys
import tempfile
import time
from pathlib import Path

from sage_runtime.events import Event, Log, Output, encode, replace
from sage_tui.dashboard.log.query import parse
from sage_tui.dashboard.log.scan import Scan
from sage_tui.journal import JournalWriter

LINES = 1_000_000
BATCH = 5_000
LOOK = 0.02
"""Seconds between two polls, more often than the dashboard's."""


def line(channel: str, number: int) -> Event:
    source, text = f"Sink{number % 3}", f"line {number} of the run: some words"
    if channel == "log":
        return Log(pipeline="p", logger="pipeline.sink", source=source, message=text)
    return Output(pipeline="p", source=source, text=text)


channel, result, words = sys.argv[1], Path(sys.argv[2]), " ".join(sys.argv[3:])
with tempfile.TemporaryDirectory() as folder:
    journal = JournalWriter(Path(folder) / "run-1.sagerun", dict)
    for number in range(LINES):
        event = replace(line(channel, number), run=1, t=1.8e9 + number / 1e5, seq=number)
        journal.append(encode(event), event)
        if number % BATCH == BATCH - 1:
            journal.flush()
    journal.close()
    query = parse(words)
    assert query is not None
    scan = Scan([query])
    began = time.perf_counter()
    scan.add(1, journal.lines(channel))
    scan.start()
    while not scan.complete:
        time.sleep(LOOK)
    seconds = time.perf_counter() - began
    scan.stop()
assert scan.total() > 0, "nothing was found"
result.write_text(str(seconds))
