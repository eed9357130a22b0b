"""What a session begins with: its Python, its folder, and the first worker's interpreter, which starts meanwhile.

An interpreter needs some fifty milliseconds before it can run a script, and the rest of a session takes as long to
load. So whoever opens a session makes a `Bootstrap` first and imports `Session` after that; this module imports little.
"""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from sage_runtime.worker.launch import WorkerConfig, command_line
from sage_tui.session.folder import SessionFolder, sage_root
from sage_tui.session.options import SessionError, SessionOptions


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


EVENT_PIPE_BYTES = 1024 * 1024
RAW_PIPE_BYTES = 256 * 1024


class Spawned(NamedTuple):
    """A worker's process and our ends of its pipes."""

    process: subprocess.Popen[bytes]
    run: int
    events_fd: int
    stdout_fd: int
    stderr_fd: int
    commands_fd: int


def spawn(
    python: str, script: Path, argv: tuple[str, ...], run: int, *, logs: Path | None, interactive: bool
) -> Spawned:
    """Start an interpreter that waits for `Start`.

    Raises:
        OSError: it can't be started.
    """
    pipes: list[int] = []
    try:
        events = _pipe(EVENT_PIPE_BYTES)
        pipes += events
        commands = _pipe()
        pipes += commands
        stdout, stderr = _pipe(RAW_PIPE_BYTES), _pipe(RAW_PIPE_BYTES)
        pipes += (*stdout, *stderr)
        config = WorkerConfig(
            script=str(script),
            argv=argv,
            run=run,
            events_fd=events[1],
            commands_fd=commands[0],
            logs=str(logs) if logs is not None else "",
            ask_input=interactive,
            keep_streaming=interactive,
        )
        process = subprocess.Popen(
            command_line(python, config),
            stdin=subprocess.DEVNULL if interactive else None,
            stdout=stdout[1],
            stderr=stderr[1],
            pass_fds=(events[1], commands[0]),
            start_new_session=True,
        )
    except BaseException:
        for fd in pipes:
            os.close(fd)
        raise
    for fd in (events[1], commands[0], stdout[1], stderr[1]):
        os.close(fd)
    return Spawned(process, run, events[0], stdout[0], stderr[0], commands[1])


def _pipe(size: int | None = None) -> tuple[int, int]:
    """A pipe, larger where the system lets us; neither end is inherited."""
    reading, writing = os.pipe()
    if size is not None and hasattr(fcntl, "F_SETPIPE_SZ"):
        try:
            fcntl.fcntl(reading, fcntl.F_SETPIPE_SZ, size)
        except OSError:
            pass  # the user's pages for pipes are used up: the usual size does
    return reading, writing


class Bootstrap:
    """The first steps of a session; `Session` goes on from here, and owns what was made.

    With `ahead` the first worker is started: on Linux it lives no longer than the thread that made it, so this must be
    one that lives as long as the session. It waits for `Start`, and ends if that never comes. None could be started:
    `spawned` is None, and the session tries again.

    Raises:
        SessionError: there is no Python to run the script with.
    """

    def __init__(self, options: SessionOptions, *, ahead: bool) -> None:
        self.python = choose_python(options.python, options.script, os.environ, Path.cwd())
        about = {"script": str(options.script.absolute()), "pid": os.getpid()}
        self.folder = SessionFolder(sage_root(os.environ, options.root), about, time.time())
        self.logs = self.folder.path if self.folder.usable else None
        self.spawned: Spawned | None = None
        if ahead:
            try:
                self.spawned = spawn(
                    self.python, options.script, options.argv, 1, logs=self.logs, interactive=options.interactive
                )
            except OSError:
                pass  # the run will say so
