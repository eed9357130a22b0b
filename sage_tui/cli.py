"""The command `sage-tui`: from arguments to a session, shown in the dashboard or written to the standard streams.

Everything heavy is imported where it is needed: `--help` and `--version` load none of the other packages, and Textual
is loaded only when a dashboard opens.
"""

from __future__ import annotations

import gc
import os
import stat
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from sage_tui import exit_codes
from sage_tui.arguments import Invocation, parse

if TYPE_CHECKING:
    from sage_tui.session.protocol import SessionWithHistory
    from sage_tui.settings import Settings


class UsageError(Exception):
    """The command line asks for something that can't be done; the message says what."""


def choose_mode(wanted: str | None, *, terminals: Sequence[bool], ci: str | None, term: str | None) -> str:
    """The mode to run in: what is `wanted`, else the dashboard where it can be seen.

    Args:
        wanted: plain, json, tui or None.
        terminals: whether stdin, stdout and stderr each are terminals.
        ci: the environment's CI; a value, whatever it is, means that nobody watches.
        term: the environment's TERM.
    """
    if wanted:
        return wanted
    return "tui" if all(terminals) and not ci and term != "dumb" else "plain"


def _terminals() -> list[bool]:
    return [stream is not None and stream.isatty() for stream in (sys.stdin, sys.stdout, sys.stderr)]


def is_script(path: Path) -> bool:
    """Whether the file is a Python script, compiled or not, by its name or else by its first line.

    Raises:
        UsageError: it can't be read.
    """
    try:
        with path.open("rb") as file:
            first = file.readline(200)
    except OSError as error:
        raise UsageError(f"{path} can't be read: {error.strerror}") from None
    return path.suffix in (".py", ".pyw", ".pyc") or (first.startswith(b"#!") and b"python" in first)


def find_python(wanted: str) -> str:
    """The interpreter that `--python` names: a path, a command, or the folder of a virtual environment.

    Raises:
        UsageError: there is none.
    """
    import shutil

    inside = Path(wanted, "bin", "python")
    found = shutil.which(str(inside) if os.path.exists(inside) else wanted)  # noqa: PTH110 - Path may raise
    if found is None:
        raise UsageError(f"--python: {wanted} is no Python that can be run")
    return str(Path(found).absolute())


def _mode(path: Path, missing: str) -> int:
    """The mode of what is at `path`; says that it is `missing`, or why it can't be looked at.

    Raises:
        UsageError: one of both.
    """
    try:
        return path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        raise UsageError(f"{missing}: {path}") from None
    except OSError as error:
        raise UsageError(f"{path} can't be read: {error.strerror}") from None


def _check(call: Invocation) -> None:
    """Raise `UsageError` for what can be seen to fail before anything has started."""
    try:
        Path.cwd()
    except OSError as error:
        raise UsageError(f"the current folder can't be used: {error.strerror}") from None
    mode = _mode(call.file, "no such file")
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        raise UsageError(f"{call.file} is neither a file nor a folder")
    for path in call.watch:
        _mode(path, "--watch: no such file or folder")
    if call.record is not None:
        missing = "--record: no such folder"
        if not stat.S_ISDIR(_mode(call.record.absolute().parent, missing)):
            raise UsageError(f"{missing}: {call.record.absolute().parent}")
        try:
            there = call.record.stat().st_mode
        except FileNotFoundError:
            return
        except OSError as error:
            raise UsageError(f"--record: {call.record} can't be written: {error.strerror}") from None
        if stat.S_ISDIR(there):
            raise UsageError(f"--record: {call.record} is a folder")
        if not stat.S_ISREG(there):  # a recording takes the place of what is there: not of /dev/null
            raise UsageError(f"--record: {call.record} is not a regular file")


def _open_script(call: Invocation, mode: str, settings: Settings | None) -> SessionWithHistory:
    from sage_tui.session.options import JOURNAL_LIMIT, SessionError, SessionOptions
    from sage_tui.session.process.bootstrap import Bootstrap

    options = SessionOptions(
        script=call.file,
        argv=call.arguments,
        python=find_python(call.python) if call.python else None,
        watch=call.watch if settings is None else (*call.watch, *settings.watch),
        reload=call.reload and (mode == "tui" or bool(call.watch)),
        interactive=mode == "tui",
        journal_limit=JOURNAL_LIMIT if settings is None else settings.journal_limit,
    )
    try:
        opening = Bootstrap(options, ahead=True)
    except SessionError as error:
        raise UsageError(str(error)) from None
    from sage_tui.session.session import Session  # the worker's interpreter starts meanwhile

    return Session(options, opening)


def _settings() -> Settings:
    """What the user's settings file says: of the dashboard only, the other modes are for scripts to rely on."""
    from sage_tui.settings import read_settings, settings_path

    return read_settings(settings_path())


def _open(call: Invocation, mode: str, settings: Settings | None) -> SessionWithHistory:
    """The session that the invocation asks for, not started."""
    if call.file.is_file() and is_script(call.file):
        return _open_script(call, mode, settings)
    if call.record is not None:
        raise UsageError("--record needs a script to run")
    from sage_tui.journal import RecordingError, is_recording

    try:
        if call.file.suffix != ".sagerun" and not is_recording(call.file):
            raise UsageError(f"{call.file} is neither a Python script nor a recording")
        from sage_tui.session.recorded.replay import open_replay

        return open_replay(call.file, playable=mode == "tui")
    except (RecordingError, OSError) as error:
        raise UsageError(str(error)) from None


def _keep_standard_descriptors() -> None:
    """Make descriptors 0, 1 and 2 exist, so that no file of ours is mistaken for one of them.

    A closed stdout becomes a pipe that nobody reads: writing to it fails, as it would.
    """
    for fd in (0, 1, 2):
        try:
            os.fstat(fd)
        except OSError:
            if fd == 1:
                reading, writing = os.pipe()
                os.close(reading)
                if writing != 1:
                    os.dup2(writing, 1)
                    os.close(writing)
            else:
                os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # as Python has it where the descriptor was closed
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: PTH123, SIM115 - pathlib is loaded later


def _fail(message: str) -> NoReturn:
    print(f"sage-tui: {message}", file=sys.stderr)
    raise SystemExit(exit_codes.USAGE)


def _show(session: SessionWithHistory, call: Invocation, mode: str, settings: Settings | None) -> int:
    """Run the session in the dashboard or on the standard streams; returns the exit status."""
    if settings is not None:
        from sage_tui.dashboard import run_dashboard

        ended = run_dashboard(session, settings, exit_on_finish=call.exit_on_finish)
        session.close()
        status = session.exit_status() if ended is None else ended
    else:
        from sage_tui.console import run_console

        status = run_console(session, mode, keep_going=bool(call.watch), exit_on_finish=call.exit_on_finish)
    if call.fail_on_error and status == 0 and session.snapshot().current.errors:
        return exit_codes.FAILED
    return status


def _record(session: SessionWithHistory, file: Path) -> bool:
    """Pack the session's runs into `file`; says on stderr why it can't, if so."""
    from sage_tui.journal import JournalError, RecordingError, pack
    from sage_tui.state import format as fmt

    try:
        pack(session.folder, file)
    except OSError as error:
        reason = f"{file} can't be written ({error.strerror or error}): the runs are kept in {session.folder}"
        print(f"sage-tui: --record: {fmt.clean(reason)}", file=sys.stderr)
        return False
    except (JournalError, RecordingError) as error:
        print(f"sage-tui: --record: {error}", file=sys.stderr)
        return False
    print(f"sage-tui: recorded in {fmt.clean(str(file))}", file=sys.stderr)
    return True


def _run(call: Invocation) -> int:
    terminals = _terminals()
    mode = choose_mode(call.mode, terminals=terminals, ci=os.environ.get("CI"), term=os.environ.get("TERM"))
    try:
        _check(call)
        if mode == "tui" and not (terminals[0] and terminals[2]):
            raise UsageError("the dashboard needs a terminal; --plain and --json do without")
        settings = _settings() if mode == "tui" else None
        session = _open(call, mode, settings)
    except UsageError as error:
        _fail(str(error))
    if not gc.isenabled():
        gc.freeze()
        gc.enable()
    try:
        status = _show(session, call, mode, settings)
    finally:
        session.close()
    if call.record is not None and not _record(session, call.record):
        return status or exit_codes.FAILED
    return status


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command with `argv` (by default that of the process) and return its exit status."""
    if argv is None:
        gc.disable()  # what is loaded until the session begins is for good: frozen then, and never looked at
    _keep_standard_descriptors()
    try:
        return _run(parse(sys.argv[1:] if argv is None else argv))
    except KeyboardInterrupt:
        return exit_codes.INTERRUPTED
