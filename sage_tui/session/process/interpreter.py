"""Which Python runs the script: the user's own, where there is one."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path

from sage_tui.session.options import SessionError


def _runs(path: Path) -> bool:
    return path.is_file() and os.access(path, os.X_OK)


def choose_python(wanted: str | None, script: Path, environment: Mapping[str, str], folder: Path) -> str:
    """The absolute path of the interpreter for `script`.

    It is `wanted` (a path, a command on the PATH, or a virtual environment's folder), else the active virtual
    environment's, else that of a `.venv` beside the script or in `folder`, else our own. Symbolic links are kept:
    a virtual environment's `python` is one.

    Raises:
        SessionError: `wanted`, or the one that a virtual environment should have, is not there or can't be run.
    """
    if wanted is not None:
        return _wanted(wanted, environment)
    active = environment.get("VIRTUAL_ENV")
    if active:
        python = Path(active, "bin", "python").absolute()
        if python.exists() or python.is_symlink():
            return _checked(python, f"the Python of the active virtual environment {active}")
    for beside in (script.absolute().parent, folder):
        python = (beside / ".venv" / "bin" / "python").absolute()
        if python.exists() or python.is_symlink():
            return _checked(python, f"the Python of {beside / '.venv'}")
    return sys.executable


def _checked(python: Path, what: str) -> str:
    if not _runs(python):
        raise SessionError(f"{what} can't be run: {python} (mend the environment, or name another with --python)")
    return str(python)


def _wanted(wanted: str, environment: Mapping[str, str]) -> str:
    path = Path(os.path.expanduser(wanted))  # noqa: PTH111 - Path raises for a user that isn't
    if path.is_dir():
        path = path / "bin" / "python"
    if os.sep not in wanted and not path.exists():
        import shutil

        found = shutil.which(wanted, path=environment.get("PATH"))
        if found is None:
            raise SessionError(f"no Python called {wanted} on the PATH (--python takes a path or a command's name)")
        return str(Path(found).absolute())
    if not _runs(path):
        raise SessionError(f"{wanted} is not a Python that can be run (--python)")
    return str(path.absolute())
