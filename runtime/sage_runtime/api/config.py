"""`load_config`: a script's configuration file, found near the script and read as YAML, JSON or TOML."""

from __future__ import annotations

import os
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

_MARKS = ("setup.py", "pyproject.toml", ".git", "config")
"""What makes a folder the root of a project."""


def load_config(path: str | Path | None = None) -> dict[str, Any]:
    """The configuration in `path`, relative to the project of the calling file; a bare name is in its `config` folder.

    Then come the file that `SAGE_CONFIG` names, the project's `config/config.yaml`, the user's and the system's. The
    project's root is the nearest folder above the caller with a setup.py, pyproject.toml, .git or config.

    Raises:
        FileNotFoundError: none of them exists.
        ImportError: it is a YAML file and the script's Python has no PyYAML.
    """
    root = _project_of(sys._getframe(1).f_globals.get("__file__"))
    candidates = [file for file in (_given(path, root), _named_by_environment(root)) if file is not None]
    candidates += [root / "config" / "config.yaml", *_default_files()]
    for file in candidates:
        if file.is_file():
            config: dict[str, Any] = _read(file)
            return config
    raise FileNotFoundError("No config found. Checked:\n" + "\n".join(str(file) for file in candidates))


def _project_of(file: str | None) -> Path:
    if not file:
        return Path.cwd()
    folder = Path(file).resolve().parent
    while folder.parent != folder:
        if any((folder / mark).exists() for mark in _MARKS):
            return folder
        folder = folder.parent
    return folder


def _given(path: str | Path | None, root: Path) -> Path | None:
    if not path:
        return None
    given = Path(path)
    return root / "config" / given if given.parent == Path() and not given.is_absolute() else root / given


def _named_by_environment(root: Path) -> Path | None:
    named = os.environ.get("SAGE_CONFIG")
    return root / named if named else None


def _default_files() -> list[Path]:
    if sys.platform == "darwin":
        folders = [Path.home() / "Library" / "Application Support", Path("/Library/Application Support")]
    else:
        folders = [Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"), Path("/etc/xdg")]
    return [folder / "sage" / "config.yaml" for folder in folders]


def _read(file: Path) -> Any:
    text = file.read_text(encoding="utf-8")
    if file.suffix == ".json":
        return import_module("json").loads(text)
    if file.suffix == ".toml":
        return import_module("tomllib").loads(text)
    try:
        yaml = import_module("yaml")  # the script's own, if it has one
    except ImportError as error:
        raise ImportError(
            f"{file} is YAML, and {sys.executable} has no PyYAML: pip install pyyaml there, or use JSON or TOML"
        ) from error
    return yaml.safe_load(text)
