"""Starting a worker's interpreter, with pipes to it. Imports little: it is what a session does first."""

from __future__ import annotations

import fcntl
import os
import subprocess
from pathlib import Path
from typing import NamedTuple

from sage_runtime.worker.launch import WorkerConfig, command_line

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
