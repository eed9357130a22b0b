"""Writes the README's film: the demo run for real, its dashboard used for half a minute, saved as an animated SVG.

    python screenshots/film.py [--stills FOLDER]      screenshots/demo.svg; and every fifth frame on its own, to look at

A row of the screen is written once for as long as it stays the same, so the file holds what changes, not frames.
"""

from __future__ import annotations

import argparse
import asyncio
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import NamedTuple

from rich.cells import cell_len
from rich.segment import Segment

from sage_tui.dashboard.app import SageApp
from sage_tui.dashboard.base.theme import DARK
from sage_tui.demo import demo_script
from sage_tui.session import Session, SessionOptions

FILE = Path(__file__).resolve().parent / "demo.svg"
COLUMNS, ROWS = 104, 30
FRAMES_A_SECOND = 2.0
CELL, LINE, SIZE, MARGIN = 8.4, 18, 14, 12
BACKGROUND, FOREGROUND = DARK.background or "#000000", DARK.foreground or "#ffffff"


SAVE = "save"
"""In place of a key: the script is saved with twice as many letters a second."""


class Scene(NamedTuple):
    """Keys that are pressed one after another, what a reader is told meanwhile, and for how many seconds they look."""

    keys: tuple[str, ...]
    words: str
    seconds: float


SCENES = (
    Scene((), "sage-tui --demo: the pipeline, what it prints, what its services answer", 6),
    Scene(("2", "end", "up", "up", "up", "enter"), "Enter on an operator: where does its time go?", 4),
    Scene(("escape", "2", "home", "t"), "t follows one record: before and after each operator", 3.5),
    Scene(("t",), "t again: the next one", 3),
    Scene(("escape", "6"), "6: what failed, grouped, with a count", 2.5),
    Scene(("enter",), "Enter: the record that failed, and why", 3.5),
    Scene(("escape", "p"), "p holds the sources back; what is in flight goes on", 2.5),
    Scene(("2", "home", "s"), "s lets one record through", 3),
    Scene(("s",), "and another", 2.5),
    Scene(("escape", "p", "c"), "c: rates, latency and queues over time", 4),
    Scene(("escape", "3", SAVE), "Save the script, and the new version runs", 4.5),
)

Row = tuple[tuple[str, str, str, bool], ...]
"""Pieces of a row: text, colour, background, bold."""


class Frame(NamedTuple):
    """The screen at a moment, in seconds from the beginning, and the words below it."""

    t: float
    rows: tuple[Row, ...]
    words: str


@dataclass(frozen=True)
class Shown:
    """Something at a line of the picture from `begin` to `end`, in seconds."""

    line: int
    begin: float
    end: float
    what: Row | str


def row_of(segments: Sequence[Segment]) -> Row:
    """The pieces of a strip, neighbours of one look joined."""
    pieces: list[tuple[str, str, str, bool]] = []
    for text, style, _ in segments:
        colour = style.color.get_truecolor().hex if style and style.color else FOREGROUND
        background = style.bgcolor.get_truecolor().hex if style and style.bgcolor else BACKGROUND
        if style and style.reverse:
            colour, background = background, colour
        look = (colour, background, bool(style and style.bold))
        if pieces and pieces[-1][1:] == look:
            pieces[-1] = (pieces[-1][0] + text, *look)
        else:
            pieces.append((text, *look))
    return tuple(pieces)


async def shoot(root: Path) -> list[Frame]:
    """Run the demo and play the scenes."""
    script = Path(shutil.copy(demo_script(), root))  # tracebacks show where it lies
    session = Session(SessionOptions(script=script, root=root))
    app = SageApp(session)
    frames: list[Frame] = []
    try:
        async with app.run_test(size=(COLUMNS, ROWS), notifications=True) as pilot:
            begin = asyncio.get_running_loop().time()
            for scene in SCENES:
                for key in scene.keys:
                    if key == SAVE:
                        text = script.read_text(encoding="utf-8")
                        script.write_text(text.replace("A_SECOND = 8", "A_SECOND = 16"), encoding="utf-8")
                    else:
                        await pilot.press(key)
                end = asyncio.get_running_loop().time() + scene.seconds
                while (now := asyncio.get_running_loop().time()) < end:
                    strips = app.screen._compositor.render_strips()
                    frames.append(Frame(now - begin, tuple(row_of(list(strip)) for strip in strips), scene.words))
                    await asyncio.sleep(1 / FRAMES_A_SECOND)
            await pilot.press("q")
    finally:
        session.close()
    return frames


def shown(frames: Sequence[Frame]) -> Iterator[Shown]:
    """What is on each line of the picture, and for how long."""
    length = frames[-1].t + 1 / FRAMES_A_SECOND
    for line in range(ROWS + 1):
        since, what = 0.0, _on(frames[0], line)
        for frame in frames[1:]:
            now = _on(frame, line)
            if now != what:
                yield Shown(line, since, frame.t, what)
                since, what = frame.t, now
        yield Shown(line, since, length, what)


def _on(frame: Frame, line: int) -> Row | str:
    return frame.words if line == ROWS else frame.rows[line]


def picture(parts: Sequence[Shown], moment: float | None = None) -> str:
    """The film as SVG, or the still of a moment of it. Viewers that don't animate show the fifth second."""
    length = max(part.end for part in parts)
    still = 5.0 if moment is None else moment
    looks: dict[tuple[str, bool], str] = {}
    body: list[str] = []
    for part in parts:
        visible = part.begin <= still < part.end
        if moment is not None and not visible:
            continue
        inner = _words(part.what) if isinstance(part.what, str) else _row(part.what, part.line, looks)
        hidden = "" if visible else ' visibility="hidden"'
        animated = "" if moment is not None or part.end - part.begin >= length else _animation(part, length)
        body.append(f"<g{hidden}>{animated}{inner}</g>")
    width, height = COLUMNS * CELL + 2 * MARGIN, (ROWS + 2) * LINE + 2 * MARGIN
    styles = "".join(
        f".{name}{{fill:{colour}{';font-weight:bold' if bold else ''}}}" for (colour, bold), name in looks.items()
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" width="{width:.0f}">\n'
        f"<style>text{{font:{SIZE}px ui-monospace,'DejaVu Sans Mono',Menlo,Consolas,monospace;white-space:pre}}"
        f"{styles}</style>\n"
        f'<rect width="100%" height="100%" rx="8" fill="{BACKGROUND}"/>\n' + "\n".join(body) + "\n</svg>\n"
    )


def _animation(part: Shown, length: float) -> str:
    begin, end = part.begin / length, part.end / length
    values, times = ["visible", "hidden"], [begin, end]
    if begin > 0:
        values, times = ["hidden", *values], [0.0, *times]
    if end >= 1:
        values, times = values[:-1], times[:-1]
    joined = ";".join(f"{time:.4f}".rstrip("0").rstrip(".") for time in times)
    return (
        f'<animate attributeName="visibility" calcMode="discrete" dur="{length:.2f}s" repeatCount="indefinite" '
        f'values="{";".join(values)}" keyTimes="{joined}"/>'
    )


def _row(row: Row, line: int, looks: dict[tuple[str, bool], str]) -> str:
    top, x = MARGIN + line * LINE, 0
    rects, texts = [], []
    for text, colour, background, bold in row:
        width = cell_len(text)
        left = MARGIN + x * CELL
        if background != BACKGROUND:
            rects.append(
                f'<rect x="{left:.1f}" y="{top}" width="{width * CELL + 0.3:.1f}" height="{LINE}" fill="{background}"/>'
            )
        if text.strip():
            look = looks.setdefault((colour, bold), f"a{len(looks)}")
            start = left + (len(text) - len(text.lstrip())) * CELL
            kept = text.strip()
            texts.append(
                f'<tspan class="{look}" x="{start:.1f}" textLength="{cell_len(kept) * CELL:.1f}"'
                f' lengthAdjust="spacingAndGlyphs">{escape(kept)}</tspan>'
            )
        x += width
    return "".join(rects) + f'<text y="{top + SIZE - 0.5}" xml:space="preserve">{"".join(texts)}</text>'


def _words(words: str) -> str:
    x, y = MARGIN + COLUMNS * CELL / 2, MARGIN + (ROWS + 1) * LINE + SIZE - 2
    return f'<text x="{x:.0f}" y="{y}" text-anchor="middle" fill="{DARK.accent}">{escape(words)}</text>'


def main() -> None:
    """Shoot, and write the film."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--stills", type=Path, metavar="FOLDER", help="write every fifth frame there too")
    stills: Path | None = parser.parse_args().stills
    with tempfile.TemporaryDirectory() as root:
        frames = asyncio.run(shoot(Path(root)))
    parts = list(shown(frames))
    FILE.write_text(picture(parts), encoding="utf-8")
    print(f"{FILE.name}: {len(frames)} frames, {len(parts)} rows, {FILE.stat().st_size // 1024} KiB")
    if stills is not None:
        stills.mkdir(parents=True, exist_ok=True)
        for number, frame in enumerate(frames[::5]):
            (stills / f"{number:03}.svg").write_text(picture(parts, frame.t), encoding="utf-8")


if __name__ == "__main__":
    main()
