"""The pipeline of `sage-tui --demo`: a script that comes with the package and needs nothing else."""

from __future__ import annotations

from pathlib import Path


def demo_script() -> Path:
    """Where the script is."""
    return Path(__file__).with_name("help_desk.py")
