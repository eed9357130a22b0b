"""Panes as text files: all that a pane shows, not only what is on the screen, in memory that doesn't grow with it."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path, PurePath

from sage_runtime.frozen import Frozen
from sage_tui.dashboard.log.as_json import event_json
from sage_tui.dashboard.log.query import Query
from sage_tui.dashboard.log.transcript import LONGEST_JOINED
from sage_tui.journal.lines import Line, LineSource

CHUNK = 512
"""Lines that are read at once."""
LONGEST_STEM = 160
"""Bytes of a script's name in that of a file: no file system takes more than 255 in all."""


class RunPart(Frozen):
    """The lines of a run up to now, under a rule (none above the first)."""

    rule: str
    source: LineSource
    stop: int


class Export(Frozen):
    """What a pane gives: `text` makes its lines, `events` (where it has them) JSON lines. Any thread may call them."""

    name: str
    text: Callable[[], Iterable[str]]
    events: Callable[[], Iterable[str]] | None = None

    def lines(self, path: PurePath) -> Iterable[str]:
        """The lines for a file: JSON for names that end so, text otherwise."""
        json = path.suffix.lower() in (".json", ".jsonl", ".ndjson")
        return self.events() if json and self.events is not None else self.text()


def text_lines(parts: Sequence[RunPart], queries: Sequence[Query], write: Callable[[Line], str]) -> Iterator[str]:
    """The lines of some runs that match all queries, as text."""
    for part in parts:
        if part.rule:
            yield f"── {part.rule}"
        yield from (write(line) for line in matching(part, queries))


def json_lines(parts: Sequence[RunPart], queries: Sequence[Query]) -> Iterator[str]:
    """The events of those lines, once each."""
    for part in parts:
        last: object = None
        for line in matching(part, queries):
            if line.event is not last:
                last = line.event
                yield event_json(line.event)


def matching(part: RunPart, queries: Sequence[Query]) -> Iterator[Line]:
    """The lines of a run that match; those that were written in pieces in one."""
    started: dict[tuple[str | None, str | None, str], Line] = {}
    position = part.source.first()
    while position < part.stop:
        stop = min(part.stop, position + CHUNK)
        for line in part.source.read(position, stop):
            key = (line.pipeline, line.source, line.kind)
            before = started.pop(key, None)
            if before is not None:
                line = _continued(before, line)
            if line.partial:
                started[key] = line
            elif all(query.matches(line) for query in queries):
                yield line
        position = stop
    yield from (line for line in started.values() if all(query.matches(line) for query in queries))


def _continued(before: Line, line: Line) -> Line:
    """A line with what it continues, unless it replaces that."""
    replaces = getattr(before.event, "end", "") == "\r" and bool(line.text)
    if replaces or len(before.text) > LONGEST_JOINED:
        return line
    return line._replace(text=before.text + line.text)


def suggested(script: str, pane: str, run: int, taken: Callable[[str], bool]) -> str:
    """A file name that is not taken: `hello-output-run3.txt`; of a long script's name the beginning."""
    stem = re.sub(r"[^\w.-]+", "_", PurePath(script).stem) or "pipeline"
    stem = stem.encode()[:LONGEST_STEM].decode(errors="ignore")
    name = f"{stem}-{pane}-run{run}"
    number = 1
    while taken(f"{name}{f'-{number}' if number > 1 else ''}.txt"):
        number += 1
    return f"{name}{f'-{number}' if number > 1 else ''}.txt"


def write_lines(path: Path, lines: Iterable[str], stopped: Callable[[], bool]) -> int | None:
    """Write a new file; returns how many lines it has, None if somebody `stopped` it.

    A file that is not whole is taken away again: nothing in it would tell that the rest is missing. Only its owner may
    read it, as with the journal that the lines come from.

    Raises:
        OSError: there is such a file already, or it can't be written.
    """
    file = open(path, "x", encoding="utf-8", errors="backslashreplace", opener=_private)  # noqa: SIM115 - closed below
    count, whole = 0, False
    try:
        with file:
            for line in lines:
                file.write(line + "\n")
                count += 1
                if count % CHUNK == 0 and stopped():
                    return None
        whole = True
    finally:
        if not whole:
            path.unlink(missing_ok=True)
    return count


def _private(name: str, flags: int) -> int:
    return os.open(name, flags | os.O_NOFOLLOW, 0o600)
