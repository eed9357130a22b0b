"""Files that are no scripts, and unusual scripts."""

from __future__ import annotations

import os

from faults.catalogue.fault import Fault, Trial
from faults.catalogue.machine import UNPRIVILEGED

LINES = 50_000


def _folder(trial: Trial) -> None:
    trial.script.mkdir()


def _fifo(trial: Trial) -> None:
    os.mkfifo(trial.script)


def _unreadable(trial: Trial) -> None:
    trial.script.write_text("print(1)\n")
    trial.script.chmod(0)


def _dangling(trial: Trial) -> None:
    trial.script.symlink_to("nowhere.py")


def _loop(trial: Trial) -> None:
    trial.script.symlink_to(trial.script.name)


def _linked(trial: Trial) -> None:
    target = trial.folder / "elsewhere" / "target.py"
    target.parent.mkdir()
    target.write_text("print('through the link')\n")
    trial.script.symlink_to(target)


def _text(trial: Trial) -> None:
    trial.script.with_suffix(".txt").write_text("just text\n")


NO_SCRIPTS = (
    Fault("no_such_file", "a file that isn't there", None, 2, says="no such file", keeps=False),
    Fault("folder", "a folder", None, 2, prepare=_folder, says="neither a Python script nor a recording", keeps=False),
    Fault("fifo", "a named pipe", None, 2, prepare=_fifo, says="neither a file nor a folder", keeps=False),
    Fault(
        "unreadable",
        "a file that may not be read",
        None,
        2,
        prepare=_unreadable,
        says="can't be read: Permission denied",
        keeps=False,
        wrap=UNPRIVILEGED,
    ),
    Fault("dangling_link", "a link that leads nowhere", None, 2, prepare=_dangling, says="no such file", keeps=False),
    Fault("link_to_itself", "a link to itself", None, 2, prepare=_loop, says="Too many levels", keeps=False),
    Fault(
        "no_python",
        "a file that is no Python script",
        None,
        2,
        prepare=_text,
        file="{name}.txt",
        says="neither a Python script nor a recording",
        keeps=False,
    ),
)

SCRIPTS = (
    Fault("link", "a link to a script", None, prepare=_linked, prints="through the link"),
    Fault("empty", "an empty file", ""),
    Fault("comment_only", "nothing but a comment, without a newline", "# nothing"),
    Fault("latin_1", "a script that is not UTF-8", "print('é')\n".encode("latin-1"), 1, "SyntaxError"),
    Fault("utf_16", "a script in UTF-16", "print('x')\n".encode("utf-16"), 1, "SyntaxError"),
    Fault("nul", "a NUL byte in the script", b"print('x')\0\n", 1, "SyntaxError"),
    Fault("unknown_encoding", "an encoding that isn't known", "# -*- coding: nosuch -*-\n", 1, "SyntaxError"),
    Fault("bom", "a byte order mark", b"\xef\xbb\xbfprint('bom')\n1/0  # here\n", 1, "ZeroDivisionError", prints="bom"),
    Fault("crlf", "line ends of Windows", b"print('a')\r\n1/0  # here\r\n", 1, "ZeroDivisionError", prints="a"),
    Fault(
        "lines_50k",
        "50,000 lines",
        "x = 0\n" + "".join(f"x += {number}\n" for number in range(LINES - 2)) + "print(x)\n",
        prints=str(sum(range(LINES - 2))),
        quick=False,
    ),
    Fault(
        "lines_50k_fail",
        "50,000 lines, of which the last one fails",
        "x = 0\n" + "x += 1\n" * (LINES - 2) + "1/0  # here\n",
        1,
        "ZeroDivisionError",
        quick=False,
    ),
    Fault(
        "long_line",
        "a line of 2 MB",
        "x = [" + "1," * 1_000_000 + "]\nprint(len(x))\nraise ValueError(len(x))  # here\n",
        1,
        "ValueError",
        prints="1000000",
        quick=False,
    ),
    Fault("deep_nesting", "5,000 parentheses", "x = " + "(" * 5000 + "1" + ")" * 5000 + "  # here\n", 1, "SyntaxError"),
    Fault(
        "deletes_itself",
        "a script that deletes itself",
        "import os\nos.unlink(__file__)\nprint('gone')\n1/0  # here\n",
        1,
        "ZeroDivisionError",
        prints="gone",
        again="FAILED",
    ),
    Fault(
        "changes_folder",
        "a script that changes its folder and removes it",
        "import os, tempfile\nd = tempfile.mkdtemp()\nos.chdir(d)\nos.rmdir(d)\nimport json\nprint('on')\n",
        prints="on",
    ),
)

FAULTS = (*NO_SCRIPTS, *SCRIPTS)
