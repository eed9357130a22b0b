"""Running a file as `__main__`, as `python script.py` does, and reporting how it ended."""

# Paths are joined and shown as the interpreter does; pathlib would normalize them, and takes milliseconds to import.
# ruff: noqa: PTH109, PTH113, PTH116, PTH117, PTH118, PTH120, PTH123, PTH208

from __future__ import annotations

import builtins
import os
import re
import stat
import sys
from importlib import import_module
from importlib.machinery import FrozenImporter, SourceFileLoader, SourcelessFileLoader
from types import CodeType, ModuleType, TracebackType

from sage_runtime.engine.failures import beneath, traceback_text
from sage_runtime.events import Failure
from sage_runtime.safe_repr.preview import exception_message, exception_name
from sage_runtime.worker.event_bus import EventBus

_MAIN = "__main__"
_NAMED_LINE = re.compile(r" on line (\d+), but no encoding declared")
_OURS = os.path.dirname(os.path.dirname(os.path.realpath(__file__))) + "/"

_reserve = [bytearray(16 << 20)]
"""Freed to report how a script ended, for it may have left no memory. The pages are never touched, so it costs none."""


class Script:
    """A script file and its arguments. The main thread uses it once, in the order of its methods."""

    def __init__(self, script: str, argv: tuple[str, ...]) -> None:
        self.name = script
        self.argv = argv
        self.path = _absolute(script)
        self.folder = os.path.dirname(os.path.realpath(script))
        if _is_folder(script):
            self.folder = self.path
            self.path = os.path.join(self.path, "__main__.py")
        self.code: CodeType | None = None

    def prepare(self, bare: frozenset[str]) -> ModuleType:
        """Set up `sys.argv`, `sys.path` and a fresh `__main__`, and make the script's own modules importable.

        `bare` names the modules that an interpreter has loaded before it runs anything.
        """
        sys.argv = [self.name, *self.argv]
        sys.orig_argv = [sys.executable, *sys.argv]
        if not sys.flags.safe_path:
            sys.path.insert(0, self.folder)
        forget_hidden(bare)
        module = ModuleType(_MAIN)
        names = module.__dict__
        names["__builtins__"] = builtins
        names["__file__"] = self.path
        names["__loader__"] = self._loader()
        names["__spec__"] = None
        if sys.version_info < (3, 14):
            names["__annotations__"] = {}
        if sys.version_info < (3, 15):
            names["__cached__"] = None
        sys.modules[_MAIN] = module
        return module

    def compile(self) -> CodeType:
        """The script's code, read from a `.pyc` as it is.

        Raises:
            OSError: the file can't be read.
            SyntaxError: with the message and the place that Python gives.
            RuntimeError: the `.pyc` is another Python's, or none.
        """
        loader = self._loader()
        if isinstance(loader, SourcelessFileLoader):
            try:
                self.code = loader.get_code(_MAIN)
            except (ImportError, EOFError) as error:
                raise RuntimeError(f"{self.path} can't be run by this Python: {error}") from None
            assert self.code is not None
            return self.code
        with open(self.path, "rb") as file:
            source = file.read()
        self.code = compile_source(source, self.path)
        return self.code

    def _loader(self) -> SourceFileLoader | SourcelessFileLoader:
        kind = SourcelessFileLoader if self.path.endswith(".pyc") else SourceFileLoader
        return kind(_MAIN, self.path)

    def cut(self, error: BaseException) -> TracebackType | None:
        """The traceback of an error from the script's first frame on; None if the error is not from the script."""
        step = error.__traceback__
        while step is not None and step.tb_frame.f_code is not self.code:
            step = step.tb_next
        return step


def compile_source(source: bytes, path: str) -> CodeType:
    """Compile a script's bytes as the interpreter compiles a file, with its encoding cookie and the same errors.

    Raises:
        SyntaxError: as from `python script.py`.
    """
    try:
        code: CodeType = compile(source, path, "exec", dont_inherit=True)
    except (SyntaxError, ValueError) as error:
        raise _as_from_file(error, source, path) from None
    return code


def _as_from_file(error: SyntaxError | ValueError, source: bytes, path: str) -> SyntaxError:
    """The error that the interpreter raises for a file, if the one for a string in memory differs."""
    nul = source.find(b"\0")
    message = error.msg if isinstance(error, SyntaxError) else str(error)
    if "null bytes" in message and nul >= 0:
        line = source.count(b"\n", 0, nul) + 1
        text = source.split(b"\n")[line - 1].split(b"\0")[0].decode(errors="replace")
        return SyntaxError("source code cannot contain null bytes", (path, line, None, text))
    if not isinstance(error, SyntaxError):
        return SyntaxError(message)
    if message.startswith(("(unicode error) 'utf-8' codec", "Non-UTF-8 code starting with")):
        try:
            source.decode()
        except UnicodeDecodeError as wrong:
            line = source.count(b"\n", 0, wrong.start) + 1
            words = (
                f"Non-UTF-8 code starting with '\\x{source[wrong.start]:02x}' in file {path} on line {line}, "
                "but no encoding declared; see https://peps.python.org/pep-0263/ for details"
            )
            if sys.version_info < (3, 14):
                return SyntaxError(words)
            error.msg, error.lineno = words, line
    elif not error.lineno and sys.version_info < (3, 14):
        return SyntaxError(message.replace("unknown encoding", "encoding problem"))
    return error


def forget_hidden(bare: frozenset[str]) -> None:
    """Forget modules that we have imported if the script would find another one of the same name.

    With `queue.py` beside the script, `import queue` must find that file as in plain Python, although the library's
    `queue` is loaded already. We keep our references; modules that we load on demand are loaded now.
    """
    hidden = _hidden(bare)
    if not hidden:
        return
    _load_ours()
    for name in list(sys.modules):
        if name.partition(".")[0] in hidden:
            del sys.modules[name]


def _hidden(bare: frozenset[str]) -> set[str]:
    """Names of standard modules that a file earlier on `sys.path` shadows."""
    library = os.path.dirname(os.__file__)
    found: set[str] = set()
    for folder in sys.path:
        if folder.startswith(library):
            break
        try:
            entries = set(os.listdir(folder or "."))
        except OSError:
            continue
        for name in {entry.partition(".")[0] for entry in entries} & sys.stdlib_module_names:
            ours = f"{name}.py" in entries or os.path.isfile(f"{folder}/{name}/__init__.py")
            if ours and name not in bare and name not in sys.builtin_module_names:
                found.add(name)
    return {name for name in found if FrozenImporter.find_spec(name) is None}


def _load_ours() -> None:
    """Import all our modules while only the standard library is visible: later they could find the script's modules."""
    library = os.path.dirname(os.__file__)
    before = sys.path[:]
    sys.path[:] = [path for path in before if path.startswith(library) and not path.endswith("-packages")]
    try:
        _import_ours()
    finally:
        sys.path[:] = before


def _import_ours() -> None:
    root = os.path.dirname(os.path.dirname(os.path.realpath(__file__)))
    for folder, _, files in os.walk(root):
        package = ["sage_runtime", *os.path.relpath(folder, root).split("/")]
        for file in sorted(files):
            if not file.endswith(".py") or "served" in package:
                continue
            try:
                import_module(".".join(part for part in (*package, file[:-3]) if part not in (".", "__init__")))
            except ImportError:  # its package is optional and not installed
                pass


def _absolute(path: str) -> str:
    """The absolute path as the interpreter shows it, not normalized."""
    if os.path.isabs(path):
        return path
    return f"{os.getcwd()}/{path}"


def _is_folder(path: str) -> bool:
    try:
        return stat.S_ISDIR(os.stat(path).st_mode)
    except OSError:
        return False


# --- how it ended ---


def exit_status(error: SystemExit) -> int:
    """The status that `sys.exit(…)` asks for; a message goes to stderr and is status 1."""
    code = error.code
    if code is None:
        return 0
    if isinstance(code, int):
        return int(code) & 0xFF if -(2**63) <= code < 2**63 else 0xFF
    print(code, file=sys.stderr)
    return 1


def report(error: BaseException, script: Script, bus: EventBus | None) -> None:
    """Print an exception that the script didn't catch as Python does, and publish it as a failure."""
    _reserve.clear()
    remove_ours(error, script.cut(error))
    trace = error.__traceback__
    sys.last_type, sys.last_value, sys.last_traceback = type(error), error, trace
    if sys.version_info >= (3, 12):
        sys.last_exc = error
    try:
        sys.excepthook(type(error), error, trace)
    except BaseException as other:  # noqa: BLE001 - as the interpreter does: a broken hook is reported, too
        print("Error in sys.excepthook:", file=sys.stderr)
        sys.__excepthook__(type(other), other, other.__traceback__)
        print("\nOriginal exception was:", file=sys.stderr)
        sys.__excepthook__(type(error), error, trace)
    if bus is not None:
        bus.finish_lines()
        place = _place(error, script)
        bus.publish(_failure(error, place))


def remove_ours(error: BaseException, trace: TracebackType | None) -> None:
    """Set the traceback of `error` to `trace`, and remove this package's frames from it and from its causes."""
    error.__traceback__ = _without_ours(trace)
    seen = {id(error)}
    others = beneath(error)
    while others:
        other = others.pop()
        if id(other) not in seen:
            seen.add(id(other))
            other.__traceback__ = _without_ours(other.__traceback__)
            others += beneath(other)


def _without_ours(trace: TracebackType | None) -> TracebackType | None:
    steps = []
    while trace is not None:
        steps.append(trace)
        trace = trace.tb_next
    if not any(step.tb_frame.f_code.co_filename.startswith(_OURS) for step in steps):
        return steps[0] if steps else None
    for step in reversed(steps):
        if not step.tb_frame.f_code.co_filename.startswith(_OURS):
            trace = TracebackType(trace, step.tb_frame, step.tb_lasti, step.tb_lineno)
    return trace


def _failure(error: BaseException, place: tuple[str | None, int | None]) -> Failure:
    name = exception_name(error)
    file, line = place
    return Failure(
        kind="script",
        group=f"script|{name}|{file or '?'}:{line or 0}",
        exception=name,
        message=exception_message(error),
        traceback=traceback_text(error),
        file=file,
        line=line,
    )


def _place(error: BaseException, script: Script) -> tuple[str | None, int | None]:
    """The innermost line in the script's folder, or else the innermost of all."""
    if isinstance(error, SyntaxError) and error.filename:
        return error.filename, error.lineno
    if isinstance(error, SyntaxError) and (named := _NAMED_LINE.search(error.msg or "")) is not None:
        return script.path, int(named[1])  # if a file is not UTF-8, only the message names the line
    steps: list[tuple[str, int | None]] = []
    step = error.__traceback__
    while step is not None:
        steps.append((step.tb_frame.f_code.co_filename, step.tb_lineno))
        step = step.tb_next
    ours = [place for place in steps if place[0].startswith((script.folder, script.path))]
    return (ours or steps or [(script.path, None)])[-1]
