"""Writes the README's pictures: each example run for real, its dashboard drawn without a terminal, saved as an SVG.

    python screenshots/make.py [NAME]...        all of them, or those of the examples named

Rates and times are those of the machine that runs it, so every picture differs a little each time.
"""

from __future__ import annotations

import asyncio
import os
import re
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from sage_tui.dashboard.app import SageApp
from sage_tui.session import Session, SessionOptions
from sage_tui.state.views import RunView

FOLDER = Path(__file__).resolve().parent
EXAMPLES = FOLDER.parent / "examples"
SIZES = ((120, 36), (80, 24))
PATIENCE = 60.0
"""Seconds after which an example that isn't ready for its picture is given up."""

_FONT_FACE = re.compile(r"@font-face \{.*?\}\s*", re.DOTALL)
"""Fonts to fetch from elsewhere: a picture is drawn with what there is."""


def ran(seconds: float) -> Callable[[RunView], bool]:
    """Ready when the run has gone on for so long, or has ended."""
    return lambda run: run.elapsed >= seconds or run.phase in ("finished", "failed", "stopped")


@dataclass(frozen=True)
class Picture:
    """An example, when it is worth a picture, and what to press before."""

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


async def take(picture: Picture, columns: int, lines: int, root: Path) -> str:
    """Run the example and return its dashboard as an SVG."""
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
            svg = app.export_screenshot(title=f"sage-tui examples/{picture.example}.py")
            await pilot.press("q")
    finally:
        session.close()
    svg = _FONT_FACE.sub("", svg)
    return svg.replace("<svg ", '<svg xml:space="preserve" ', 1)  # some viewers drop spaces that a picture needs


def main(wanted: list[str]) -> None:
    """Take the pictures of the examples named, or of all."""
    os.chdir(FOLDER.parent)
    with tempfile.TemporaryDirectory() as root:
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
