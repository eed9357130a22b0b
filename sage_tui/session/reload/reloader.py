"""From a save to the request for a run: whether what was saved compiles, and what to do then."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterable
from pathlib import Path

from sage_runtime.events import ReloadFailed
from sage_tui.session.control import RunControl, RunRequest
from sage_tui.session.run_history import RunHistory

CHECK_SECONDS = 10.0
"""How long checking the syntax may take."""

_CHECK = """\
import json, sys, warnings
warnings.simplefilter("ignore")
for path in sys.argv[1:]:
    try:
        with open(path, "rb") as file:
            source = file.read()
        compile(source, path, "exec", dont_inherit=True)
    except SyntaxError as error:
        found = (error.lineno, error.msg)
    except ValueError as error:
        found = (None, str(error))
    except (OSError, RecursionError, MemoryError):
        continue
    else:
        continue
    print(json.dumps({"file": path, "line": found[0], "message": found[1]}))
    break
"""


def check_syntax(python: str, files: Iterable[Path]) -> ReloadFailed | None:
    """The first syntax error in `files`, those that are Python, or None.

    The user's Python is asked, in a process of its own (15 ms): only that one knows its grammar, warnings would be
    printed into our terminal, and some sources crash the compiler. If the check itself fails there is no error.
    """
    paths = [str(path) for path in files if path.suffix in (".py", ".pyw", "")]
    if not paths:
        return None
    try:
        done = subprocess.run(
            [python, "-I", "-S", "-c", _CHECK, *paths],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=CHECK_SECONDS,
            check=False,
        )
        found = json.loads(done.stdout) if done.stdout else None
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return None
    if found is None:
        return None
    return ReloadFailed(file=found["file"], line=found["line"], message=found["message"])


class Reloader:
    """Takes what the watcher reports (a `ChangeListener`) and asks the control for runs. The watcher's thread calls."""

    def __init__(self, python: str, control: RunControl, history: RunHistory) -> None:
        self.error: ReloadFailed | None = None
        """The syntax error that keeps the current run going."""
        self._python = python
        self._control = control
        self._history = history

    def suspect(self) -> None:
        self._control.prepare()

    def check(self, files: tuple[Path, ...]) -> ReloadFailed | None:
        return check_syntax(self._python, files)

    def broken(self, error: ReloadFailed) -> None:
        self.error = error
        self._control.drop_prepared()
        current = self._history.current
        if current is not None:
            current.publish(error)

    def changed(self, files: tuple[Path, ...]) -> None:
        if self._history.expect_run():
            self.error = None
            self._control.request(RunRequest("reload", tuple(map(str, files))))
