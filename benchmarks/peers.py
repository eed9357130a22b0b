"""The other engines we compare with, each in a virtual environment of its own outside the repository."""

from __future__ import annotations

import subprocess
import sys
import venv
from pathlib import Path

PEERS = {
    "sage-0.1.2": ("isage-kernel==0.1.2", "isage-common==0.1.2"),
    "sage-0.3.2.4": ("isage==0.3.2.4",),
    "bytewax": ("bytewax",),
    "streamz": ("streamz",),
    "pathway": ("pathway",),
}
"""The packages to install, by the name of the environment."""

PROBES = {
    "sage-0.1.2": "import sage.core.api.local_environment",
    "sage-0.3.2.4": "import sage.runtime",
    "bytewax": "import bytewax.dataflow",
    "streamz": "import streamz",
    "pathway": "import pathway",
}


def python_of(peer: str, folder: Path) -> Path:
    """The path of a peer's interpreter, whether or not it exists."""
    return folder / peer / "bin" / "python"


def usable(peer: str, folder: Path) -> bool:
    """Whether a peer is installed and imports."""
    python = python_of(peer, folder)
    if not python.exists():
        return False
    return subprocess.run([python, "-c", PROBES[peer]], capture_output=True, check=False).returncode == 0


def install(folder: Path) -> dict[str, str]:
    """Install missing peers below `folder`. Returns those that failed, with pip's last line."""
    folder.mkdir(parents=True, exist_ok=True)
    failed = {}
    for peer, packages in PEERS.items():
        if usable(peer, folder):
            continue
        print(f"installing {peer} …", file=sys.stderr, flush=True)
        venv.create(folder / peer, with_pip=True, clear=True)
        command = [python_of(peer, folder), "-m", "pip", "install", "--quiet", "setuptools<80", *packages]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if not usable(peer, folder):
            words = [line for line in done.stderr.splitlines() if "ERROR" in line] or ["it can't be imported"]
            failed[peer] = words[-1]
    return failed


def versions(folder: Path) -> dict[str, str]:
    """The installed versions by peer."""
    found = {}
    for peer, packages in PEERS.items():
        if not usable(peer, folder):
            continue
        name = packages[0].partition("==")[0]
        code = f"from importlib.metadata import version; print(version({name!r}))"
        done = subprocess.run([python_of(peer, folder), "-c", code], capture_output=True, text=True, check=False)
        found[peer] = done.stdout.strip()
    return found
