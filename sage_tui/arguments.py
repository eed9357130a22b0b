"""What the command line of `sage-tui` asks for, out of one table of options.

The table is read without argparse, which takes some milliseconds to load; argparse, made from the same table, is left
with help and with what is wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from sage_runtime.frozen import Frozen
from sage_tui import __version__

if TYPE_CHECKING:
    import argparse

_DESCRIPTION = "Run a SAGE pipeline and watch it live in the terminal; saving the script runs the new version."

_EPILOG = """\
Everything after FILE belongs to the script, even if it looks like an option; a first -- there is left out.

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


def _path(text: str) -> Path | None:
    return Path(text) if text else None


class Option(Frozen):
    """An option: what it sets in the `Invocation`, to `value` or, where it has a `metavar`, to what follows it.

    A `repeatable` one collects what follows it. Of the options that set the same field only one may be given.
    """

    name: str
    group: str
    field: str
    help: str
    value: Any = True
    metavar: str | None = None
    make: Callable[[str], Any] = str
    repeatable: bool = False


_TO_RUN, _SHOWN, _RUN = "what to run", "how to show it", "how to run it"
_GROUPS = {_TO_RUN: None, _SHOWN: "by default the dashboard in a terminal, otherwise plain", _RUN: None}

OPTIONS = (
    Option("--demo", _TO_RUN, "demo", "in place of FILE: a pipeline that comes with sage-tui"),
    Option("--tui", _SHOWN, "mode", "the dashboard", "tui"),
    Option(
        "--plain", _SHOWN, "mode", "the script's own output, byte for byte; a summary on stderr at the end", "plain"
    ),
    Option("--json", _SHOWN, "mode", "the events of the run on stdout, one JSON object a line", "json"),
    Option("--no-reload", _RUN, "reload", "don't run again when files are saved", False),
    Option(
        "--watch",
        _RUN,
        "watch",
        "reload on changes of this file or folder too; with --plain and --json, reload at all (repeatable)",
        metavar="PATH",
        make=Path,
        repeatable=True,
    ),
    Option(
        "--python",
        _RUN,
        "python",
        "the interpreter that runs the script (by default the active virtual environment's, else that of a .venv "
        "beside the script or in the current folder)",
        metavar="PATH",
    ),
    Option(
        "--record", _RUN, "record", "keep all runs in one file, for replaying them later", metavar="FILE", make=_path
    ),
    Option("--exit-on-finish", _RUN, "exit_on_finish", "close the dashboard when the run has ended"),
    Option("--fail-on-error", _RUN, "fail_on_error", "exit with status 1 if any record failed"),
)
"""Every option but `--version` and `--help`; a new one needs a row here, and a field of `Invocation`."""

_BY_NAME = {option.name: option for option in OPTIONS}


def _is_option(word: str) -> bool:
    return word.startswith("-") and word not in ("-", "--")


def _read(argv: Sequence[str]) -> tuple[dict[str, Any], int]:
    """What the options before FILE set, and where they end: at FILE, or at an option that is wrong."""
    found: dict[str, Any] = {}
    at = 0
    while at < len(argv) and _is_option(argv[at]):
        name, equals, text = argv[at].partition("=")
        option = _BY_NAME.get(name)
        if option is None:
            break
        if option.metavar is None:
            if equals or found.get(option.field, option.value) != option.value:
                break
            found[option.field] = option.value
            at += 1
            continue
        if not equals:
            if at + 1 == len(argv) or argv[at + 1] == "--" or _is_option(argv[at + 1]):
                break
            at += 1
            text = argv[at]
        value = option.make(text)
        found[option.field] = (*found.get(option.field, ()), value) if option.repeatable else value
        at += 1
    return found, at


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
    groups = {title: parser.add_argument_group(title, text) for title, text in _GROUPS.items()}
    groups[_TO_RUN].add_argument(
        "file", metavar="FILE", nargs="?", help="a pipeline script, a recording (.sagerun) or a session's folder"
    )
    groups[_TO_RUN].add_argument("arguments", metavar="ARGUMENTS", nargs="*", help="the script's own, its sys.argv")
    one_mode = groups[_SHOWN].add_mutually_exclusive_group()
    for option in OPTIONS:
        group = one_mode if option.field == "mode" else groups[option.group]
        if option.metavar is None:
            group.add_argument(option.name, action="store_true", help=option.help)
        else:
            group.add_argument(option.name, metavar=option.metavar, help=option.help)
    more = parser.add_argument_group("more")
    more.add_argument("--version", action="version", version=f"sage-tui {__version__}", help="show our version")
    more.add_argument("--help", "-h", action="help", help="show this text")
    return parser


def _refuse(argv: Sequence[str], message: str = "") -> NoReturn:
    """Let argparse answer `--help` and `--version`, and say what is wrong with the options."""
    parser = _parser()
    if not message:
        parser.parse_args(argv)
    parser.error(message or f"{argv[-1]} can't be used like that")


def parse(argv: Sequence[str]) -> Invocation:
    """The invocation in `argv` (without the command's own name).

    Raises:
        SystemExit: with status 0 after `--help` or `--version`, 2 after a message about wrong usage.
    """
    found, at = _read(argv)
    if at < len(argv) and _is_option(argv[at]):
        _refuse(argv[: at + 2])
    rest = list(argv[at + 1 :] if argv[at : at + 1] == ["--"] else argv[at:])
    if found.pop("demo", False):
        if rest:
            _refuse(argv, "--demo takes the place of FILE")
        from sage_tui.demo import demo_script

        rest = [str(demo_script())]
    if not rest:
        _refuse(argv, "the following arguments are required: FILE")
    file, *arguments = rest
    return Invocation(Path(file), tuple(arguments[1:] if arguments[:1] == ["--"] else arguments), **found)
