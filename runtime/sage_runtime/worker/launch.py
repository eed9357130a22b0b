"""The command line of a worker: how the session starts one, in any Python from 3.11 on, with our runtime last in line.

The worker's Python may be the user's own, in which `sage_runtime` is not installed. So the interpreter gets a few lines
that load this package from its folder and put nothing else of ours on `sys.path`. Meanwhile `PYTHONPATH` and
site-packages are hidden, so that our imports come from the standard library. What is loaded stays, so the garbage
collector need not look at it (`gc.freeze`), which halves the time of the interpreter's end.
"""

from __future__ import annotations

import json
import os
from typing import NamedTuple

# no pathlib and no dataclasses: a worker imports this before the script's first line
_FOLDER = os.path.dirname(os.path.dirname(os.path.realpath(__file__)))  # noqa: PTH120

_BOOTSTRAP = """\
import sys
bare = frozenset(sys.modules)
if sys.path and sys.path[0] == "": del sys.path[0]
if sys.version_info < (3, 11):
    words = (sys.executable,) + tuple(sys.version_info[:2])
    sys.exit("sage-tui: %s is Python %d.%d; 3.11 or newer is needed" % words)
import gc, os
collecting = gc.isenabled()
gc.disable()
paths, library = sys.path[:], os.path.dirname(os.__file__)
sys.path[:] = [path for path in paths if path.startswith(library) and not path.endswith("-packages")] or paths
from importlib.util import module_from_spec, spec_from_file_location
folder = sys.argv.pop(1)
spec = spec_from_file_location("sage_runtime", folder + "/__init__.py", submodule_search_locations=[folder])
package = module_from_spec(spec)
sys.modules["sage_runtime"] = package
spec.loader.exec_module(package)
from sage_runtime.worker.main import main
sys.path[:] = paths
gc.freeze()
if collecting: gc.enable()
main(sys.argv.pop(1), bare)
"""


class WorkerConfig(NamedTuple):
    """What a worker needs to know before it runs the script; passed as JSON on its command line.

    `events_fd` and `commands_fd` are inherited descriptors. With `ask_input`, `input()` asks over the event pipe;
    otherwise the worker reads the stdin that it inherits. With `keep_streaming` (the dashboard) streaming pipelines
    continue after the script has returned; otherwise their sources are closed then. `logs` is the session's folder.
    """

    script: str
    argv: tuple[str, ...]
    run: int
    events_fd: int
    commands_fd: int
    logs: str
    ask_input: bool = False
    keep_streaming: bool = False


def encode_config(config: WorkerConfig) -> str:
    """The configuration as one JSON argument."""
    return json.dumps(config._asdict())


def decode_config(text: str) -> WorkerConfig:
    """The configuration in a JSON argument made by `encode_config`."""
    data = json.loads(text)
    data["argv"] = tuple(data["argv"])
    return WorkerConfig(**data)


def command_line(python: str, config: WorkerConfig) -> list[str]:
    """The arguments that start a worker in the interpreter `python`."""
    return [python, "-c", _BOOTSTRAP, _FOLDER, encode_config(config)]
