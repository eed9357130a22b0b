"""What the command line of `sage-tui` asks for. Most of it is read without argparse, which takes a while to load."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sage_runtime.frozen import Frozen
from sage_tui import __version__

if TYPE_CHECKING:
    import argparse

_DESCRIPTION = "Run a SAGE pipeline and watch it live in the terminal; saving the script runs the new version."

_EPILOG = """\
Everything after FILE belongs to the script, also what looks like an option; a first -- there is left out.

examples:
  sage-tui pipeline.py                   run it and watch it; save the file to reload it
  sage-tui pipeline.py --topic news      the script's own options come after its name
  sage-tui --plain pipeline.py           just the script's output, then a summary on stderr
  sage-tui --json pipeline.py | jq .     every event of the run, one JSON object a line
  sage-tui --record run.sagerun pipeline.py
  sage-tui --demo                        see all of it at work, without a script of yours
  sage-tui run.sagerun                   replay a recording, or a session's folder

exit status:
  0 finished   1 the script or a pipeline failed   2 wrong usage, or no such file   130 interrupted
  141 stdout was closed   otherwise the status that the script gave to sys.exit
"""


class Invocation(Frozen):
    """What the command line asks for. `mode`: plain, json, tui, or None for what suits the streams."""

    file: Path
    arguments: tuple[str, ...]
    mode: str | None = None
    reload: bool = True
    watch: tuple[Path, ...] = ()
    python: str | None = None
    record: Path | None = None
    exit_on_finish: bool = False
    fail_on_error: bool = False


def _parser() -> argparse.ArgumentParser:
    import argparse

    parser = argparse.ArgumentParser(
        prog="sage-tui",
        usage="sage-tui [OPTIONS] FILE [ARGUMENTS]...\n       sage-tui --demo",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
        add_help=False,
    )
    to_run = parser.add_argument_group("what to run")
    to_run.add_argument(
        "file", metavar="FILE", nargs="?", help="a pipeline script, a recording (.sagerun) or a session's folder"
    )
    to_run.add_argument("arguments", metavar="ARGUMENTS", nargs="*", default=[], help="the script's own, its sys.argv")
    to_run.add_argument("--demo", action="store_true", help="in place of FILE: a pipeline that comes with sage-tui")
    what = parser.add_argument_group("how to show it", "by default the dashboard in a terminal, otherwise plain")
    mode = what.add_mutually_exclusive_group()
    mode.add_argument("--tui", dest="mode", action="store_const", const="tui", help="the dashboard")
    mode.add_argument(
        "--plain",
        dest="mode",
        action="store_const",
        const="plain",
        help="the script's own output, byte for byte; a summary on stderr at the end",
    )
    mode.add_argument(
        "--json",
        dest="mode",
        action="store_const",
        const="json",
        help="the events of the run on stdout, one JSON object a line",
    )
    run = parser.add_argument_group("how to run it")
    run.add_argument("--no-reload", action="store_true", help="don't run again when files are saved")
    run.add_argument(
        "--watch",
        metavar="PATH",
        action="append",
        default=[],
        help="reload on changes of this file or folder too; with --plain and --json, reload at all (repeatable)",
    )
    run.add_argument(
        "--python",
        metavar="PATH",
        help="the interpreter that runs the script (by default the active virtual environment's, else that of a .venv "
        "beside the script or in the current folder)",
    )
    run.add_argument("--record", metavar="FILE", help="keep all runs in one file, for replaying them later")
    run.add_argument("--exit-on-finish", action="store_true", help="close the dashboard when the run has ended")
    run.add_argument("--fail-on-error", action="store_true", help="exit with status 1 if any record failed")
    more = parser.add_argument_group("more")
    more.add_argument("--version", action="version", version=f"sage-tui {__version__}", help="show our version")
    more.add_argument("--help", "-h", action="help", help="show this text")
    return parser


def _split(argv: Sequence[str], parser: argparse.ArgumentParser) -> tuple[list[str], list[str]]:
    """Our own arguments, FILE included, and the script's: an argument after FILE is never ours."""
    takes_value = {option for action in parser._actions if action.nargs is None for option in action.option_strings}
    at = 0
    while at < len(argv):
        if argv[at] == "--":
            at += 1
            break
        if not argv[at].startswith("-") or argv[at] == "-":
            break
        at += 2 if argv[at] in takes_value else 1
    ours, script = list(argv[: at + 1]), list(argv[at + 1 :])
    return ours, script[1:] if script[:1] == ["--"] else script


_FLAGS: dict[str, tuple[str, Any]] = {
    "--tui": ("mode", "tui"),
    "--plain": ("mode", "plain"),
    "--json": ("mode", "json"),
    "--no-reload": ("reload", False),
    "--exit-on-finish": ("exit_on_finish", True),
    "--fail-on-error": ("fail_on_error", True),
}


def _parse_simple(argv: Sequence[str]) -> Invocation | None:
    """The invocation in `argv` where there are but flags before FILE, each once; None for anything else.

    So most commands go without argparse, which takes some milliseconds to load.
    """
    found: dict[str, Any] = {}
    for at, word in enumerate(argv):
        if word in _FLAGS:
            name, value = _FLAGS[word]
            if name in found:
                return None
            found[name] = value
        elif word.startswith("-"):
            return None
        else:
            rest = argv[at + 1 :]
            return Invocation(file=Path(word), arguments=tuple(rest[1:] if rest[:1] == ["--"] else rest), **found)
    return None


def parse(argv: Sequence[str]) -> Invocation:
    """The invocation in `argv` (without the command's own name).

    Raises:
        SystemExit: with status 0 after `--help` or `--version`, 2 after a message about wrong usage.
    """
    simple = _parse_simple(argv)
    if simple is not None:
        return simple
    parser = _parser()
    ours, script = _split(argv, parser)
    found = parser.parse_args(ours)
    if found.demo and found.file is not None:
        parser.error("--demo takes the place of FILE")
    if not found.demo and found.file is None:
        parser.error("the following arguments are required: FILE")
    if found.demo:
        from sage_tui.demo import demo_script

        found.file = demo_script()
    return Invocation(
        file=Path(found.file),
        arguments=tuple(script),
        mode=found.mode,
        reload=not found.no_reload,
        watch=tuple(Path(path) for path in found.watch),
        python=found.python,
        record=Path(found.record) if found.record else None,
        exit_on_finish=found.exit_on_finish,
        fail_on_error=found.fail_on_error,
    )
