"""Whether changed files compile, asked of the Python that will run them."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterable
from pathlib import Path

from sage_runtime.events import ReloadFailed

TIMEOUT = 10.0

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

    It takes a process of its own (15 ms): only the user's Python knows its grammar, warnings of ours would be
    printed into the terminal, and some sources crash the compiler. Where the check itself fails there is no error.
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
            timeout=TIMEOUT,
            check=False,
        )
        found = json.loads(done.stdout) if done.stdout else None
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return None
    if found is None:
        return None
    return ReloadFailed(file=found["file"], line=found["line"], message=found["message"])
