"""Making sure that a new run does not import what an old one compiled."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping
from pathlib import Path


def forget_bytecode(files: Iterable[str], environment: Mapping[str, str]) -> None:
    """Delete the compiled versions of changed modules.

    Python takes a `.pyc` for that of a source file of the same size whose time of change is in the same second; two
    saves within a second may well be like that, and the second one would not be run.

    Args:
        files: source files that have changed; no worker may be running that could compile them.
        environment: the workers', for `PYTHONPYCACHEPREFIX`.
    """
    prefix = environment.get("PYTHONPYCACHEPREFIX")
    for file in files:
        source = Path(file).absolute()
        places = [source.parent / "__pycache__"]
        if prefix:
            places.append(Path(prefix).absolute().joinpath(*source.parent.parts[1:]))
        for place in places:
            with contextlib.suppress(OSError):
                for compiled in place.iterdir():
                    if compiled.suffix == ".pyc" and compiled.name.startswith(f"{source.stem}."):
                        compiled.unlink(missing_ok=True)
