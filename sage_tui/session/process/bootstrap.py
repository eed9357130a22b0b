"""What a session begins with: its folder, its Python, and the first worker's interpreter, which starts meanwhile.

An interpreter needs some fifty milliseconds before it can run a script, and the rest of a session takes as long to
load: so whoever opens a session makes an `Bootstrap` first and imports `Session` after that.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

from sage_tui.session.folder import SessionFolder, sage_root
from sage_tui.session.options import SessionOptions
from sage_tui.session.process.interpreter import choose_python
from sage_tui.session.process.spawn import Spawned, spawn


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
