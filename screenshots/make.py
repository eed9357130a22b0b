"""Write the README's pictures: run each example, draw its dashboard without a terminal, and save it as SVG.

    python screenshots/make.py [NAME]...        all pictures, or those of the named examples; `demo` is the slide show

Rates and times are those of this machine, so every picture differs a little each time.
"""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from sage_tui.dashboard.app import SageApp
from sage_tui.demo import demo_script
from sage_tui.session import Session, SessionOptions
from sage_tui.state.views import RunView

FOLDER = Path(__file__).resolve().parent
EXAMPLES = FOLDER.parent / "examples"
SIZES = ((120, 36), (80, 24))
PATIENCE = 60.0
"""Seconds until an example that is not ready for its picture is given up."""

_FONT_FACE = re.compile(r"@font-face \{.*?\}\s*", re.DOTALL)
"""Fonts to download. A picture uses the fonts that are installed."""


def ran(seconds: float) -> Callable[[RunView], bool]:
    """Ready when the run has lasted so long, or has ended."""
    return lambda run: run.elapsed >= seconds or run.phase in ("finished", "failed", "stopped")


@dataclass(frozen=True)
class Picture:
    """An example, when to take its picture, and the keys to press before."""

    example: str
    ready: Callable[[RunView], bool] = field(default_factory=lambda: ran(12.0))
    keys: tuple[str, ...] = ()


PICTURES = (
    Picture("hello_service_world", ready=ran(1.6)),
    Picture("word_count"),
    Picture("retrieval_qa", ready=ran(25.0)),
    Picture("feedback_loop"),
    Picture("join_streams"),
    Picture("misbehaving", ready=ran(20.0), keys=("6",)),
)


SAVE = "save"
"""In place of a key: save the script with twice as many letters per second."""


class Scene(NamedTuple):
    """The keys to press, the caption, and the seconds to show the scene."""

    keys: tuple[str, ...]
    caption: str
    seconds: float


SCENES = (
    Scene((), "sage-tui --demo: the pipeline, what it prints, its service calls", 6),
    Scene(("2", "end", "up", "up", "up", "enter"), "Enter on an operator: where does its time go?", 4),
    Scene(("escape", "2", "home", "t"), "t traces one record: before and after each operator", 4),
    Scene(("escape", "6"), "6: the failures, grouped and counted", 3),
    Scene(("enter",), "Enter: the record that failed, and why", 4),
    Scene(("escape", "p", "2", "home", "s"), "p pauses the sources, s releases one record", 4),
    Scene(("escape", "p", "c"), "c: rates, latency and queues over time", 4),
    Scene(("escape", "3", SAVE), "Save the script, and the new version runs", 5),
)


def drawing(app: SageApp, title: str) -> str:
    """The screen as SVG, in the fonts that a viewer has."""
    svg = _FONT_FACE.sub("", app.export_screenshot(title=title))
    return svg.replace("<svg ", '<svg xml:space="preserve" ', 1)  # some viewers drop spaces that a picture needs


async def take(picture: Picture, columns: int, lines: int, root: Path) -> str:
    """Run the example and return its dashboard as SVG."""
    session = Session(SessionOptions(script=Path("examples", f"{picture.example}.py"), reload=True, root=root))
    app = SageApp(session)
    try:
        async with app.run_test(size=(columns, lines)) as pilot:
            async with asyncio.timeout(PATIENCE):
                while not picture.ready(session.snapshot().current):
                    await asyncio.sleep(0.1)
            if picture.keys:
                await pilot.press(*picture.keys)
            await asyncio.sleep(0.5)  # a frame or two after the keys
            svg = drawing(app, f"sage-tui examples/{picture.example}.py")
            await pilot.press("q")
    finally:
        session.close()
    return svg


async def demo(root: Path) -> str:
    """Run the demo, play the scenes, and return them as one animated SVG. Viewers that don't animate show the first."""
    script = Path(shutil.copy(demo_script(), root))  # tracebacks show its path
    session = Session(SessionOptions(script=script, reload=True, root=root))
    app = SageApp(session)
    slides = []
    try:
        async with app.run_test(size=(104, 30)) as pilot:
            for scene in SCENES:
                for key in scene.keys:
                    if key == SAVE:
                        text = script.read_text(encoding="utf-8")
                        script.write_text(text.replace("A_SECOND = 8", "A_SECOND = 16"), encoding="utf-8")
                    else:
                        await pilot.press(key)
                await asyncio.sleep(scene.seconds)
                slides.append(drawing(app, scene.caption))
            await pilot.press("q")
    finally:
        session.close()
    return slide_show(slides, [scene.seconds for scene in SCENES])


def slide_show(slides: list[str], seconds: list[float]) -> str:
    """Drawings of one size as one SVG that shows each for so many seconds."""
    length, begin, body = sum(seconds), 0.0, []
    for slide, duration in zip(slides, seconds, strict=True):
        at_first = "hidden" if begin else "visible"
        changes = [(0.0, at_first), *([(begin / length, "visible")] if begin else [])]
        begin += duration
        if begin < length:
            changes.append((begin / length, "hidden"))
        values, times = ";".join(value for _, value in changes), ";".join(f"{time:.4f}" for time, _ in changes)
        body.append(
            f'<g visibility="{at_first}"><animate attributeName="visibility" calcMode="discrete" dur="{length}s"'
            f' repeatCount="indefinite" values="{values}" keyTimes="{times}"/>{slide}</g>'
        )
    box = re.search(r'viewBox="[^"]*"', slides[0])
    assert box is not None
    return f'<svg xmlns="http://www.w3.org/2000/svg" {box[0]}>' + "\n".join(body) + "</svg>\n"


def main(wanted: list[str]) -> None:
    """Take the pictures of the named examples, or all."""
    os.chdir(FOLDER.parent)
    with tempfile.TemporaryDirectory() as root:
        if not wanted or "demo" in wanted:
            (FOLDER / "demo.svg").write_text(asyncio.run(demo(Path(root))), encoding="utf-8")
            print("screenshots/demo.svg")
        for picture in PICTURES:
            if wanted and picture.example not in wanted:
                continue
            for columns, lines in SIZES:
                svg = asyncio.run(take(picture, columns, lines, Path(root)))
                path = FOLDER / f"{picture.example}-{columns}x{lines}.svg"
                path.write_text(svg, encoding="utf-8")
                print(path.relative_to(FOLDER.parent))


if __name__ == "__main__":
    main(sys.argv[1:])
