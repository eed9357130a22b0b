"""Start real workers with pipes, read their events and raw descriptors, and answer as a session does."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Self, TypeVar

from support.waiting import SOON

from sage_runtime.events import (
    Ack,
    Command,
    Event,
    Failure,
    Flush,
    Hello,
    Message,
    Output,
    RunStateChanged,
    Start,
    decode,
    encode_command,
)
from sage_runtime.worker.launch import WorkerConfig, command_line

PYTHON = os.environ.get("SAGE_TUI_TEST_PYTHON", sys.executable)
"""The workers' Python; set it to test another version."""

_M = TypeVar("_M", bound=Message)


class Run:
    """One worker. Its event pipe is read on a thread, raw bytes before each batch of lines, as the session does.

    `timeline` is the visible output in order: `("stdout", text)` pieces, including raw bytes.
    """

    def __init__(
        self,
        script: Path | str,
        *argv: str,
        folder: Path | None = None,
        python: str = PYTHON,
        start: bool = True,
        paused: bool = False,
        stdin: int = subprocess.DEVNULL,
        ask_input: bool = False,
        keep_streaming: bool = False,
        logs: str = "",
        env: dict[str, str] | None = None,
    ) -> None:
        events, self._events = os.pipe()[::-1]
        self._commands, commands = os.pipe()[::-1]
        self._raw = {}
        ends = {}
        for name in ("stdout", "stderr"):
            self._raw[name], ends[name] = os.pipe()
            os.set_blocking(self._raw[name], False)
        config = WorkerConfig(
            script=str(script),
            argv=argv,
            run=1,
            events_fd=events,
            commands_fd=commands,
            logs=logs,
            ask_input=ask_input,
            keep_streaming=keep_streaming,
        )
        self.process = subprocess.Popen(
            command_line(python, config),
            stdin=stdin,
            stdout=ends["stdout"],
            stderr=ends["stderr"],
            pass_fds=(events, commands),
            cwd=folder,
            start_new_session=True,
            env=_environment() | (env or {}),
        )
        for descriptor in (events, commands, *ends.values()):
            os.close(descriptor)
        self.messages: list[Message] = []
        self.timeline: list[tuple[str, str]] = []
        self._changed = threading.Condition()
        self._reading = True
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        if start:
            self.send(Start(paused=paused))

    # --- reading ---

    def _read(self) -> None:
        rest = b""
        while data := os.read(self._events, 1 << 20):
            self._read_raw()
            *lines, rest = (rest + data).split(b"\n")
            for line in lines:
                message = decode(line)
                with self._changed:
                    self.messages.append(message)
                    if isinstance(message, Output):
                        self.timeline.append((message.stream, message.text + message.end))
                    self._changed.notify_all()
                if isinstance(message, Flush):
                    self._read_raw()
                    self.send(Ack(id=message.id))
        with self._changed:
            self._reading = False
            self._changed.notify_all()

    def _read_raw(self) -> None:
        for name, descriptor in self._raw.items():
            while True:
                try:
                    data = os.read(descriptor, 1 << 16)
                except BlockingIOError:
                    break
                if not data:
                    break
                with self._changed:
                    self.timeline.append((name, data.decode(errors="surrogateescape")))

    def wait_for(self, kind: type[_M], which: Callable[[_M], bool] = lambda message: True) -> _M:
        """Wait for the first matching message of a kind."""

        def found() -> _M | None:
            return next((m for m in self.messages if isinstance(m, kind) and which(m)), None)

        with self._changed:
            self._changed.wait_for(lambda: found() or not self._reading, SOON)
            message = found()
        assert message is not None, f"no such {kind.__name__} among {len(self.messages)} messages: {self.text[-500:]}"
        return message

    def wait_for_output(self, text: str) -> None:
        """Wait until the worker has printed `text`."""
        with self._changed:
            self._changed.wait_for(lambda: text in self.text or not self._reading, SOON)
            assert text in self.text, self.text

    def wait_for_end_of_stdout(self) -> None:
        """Wait until no process holds the worker's stdout."""
        descriptor = self._raw["stdout"]
        os.set_blocking(descriptor, True)
        ended = threading.Thread(target=lambda: list(iter(lambda: os.read(descriptor, 1 << 16), b"")), daemon=True)
        ended.start()
        ended.join(SOON)
        assert not ended.is_alive()

    # --- writing ---

    def send(self, command: Command) -> None:
        """Send a command, unless the worker has ended."""
        try:
            os.write(self._commands, encode_command(command))
        except OSError:
            pass

    def close_commands(self) -> None:
        """Close our end of the command pipe, like a session that dies."""
        os.close(self._commands)
        self._commands = os.open(os.devnull, os.O_WRONLY)

    # --- the end ---

    def end(self) -> Self:
        """Wait for the process and read what is left."""
        self.status = self.process.wait(SOON)
        self._reader.join(SOON)
        assert not self._reader.is_alive()
        self._read_raw()
        return self

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self._reader.join(SOON)
        for descriptor in (self._events, self._commands, *self._raw.values()):
            os.close(descriptor)

    # --- what came ---

    @property
    def text(self) -> str:
        """Everything written to stdout and stderr, in order of arrival."""
        return "".join(text for _, text in self.timeline)

    @property
    def stdout(self) -> str:
        """All of stdout."""
        return "".join(text for name, text in self.timeline if name == "stdout")

    @property
    def stderr(self) -> str:
        """All of stderr."""
        return "".join(text for name, text in self.timeline if name == "stderr")

    def of(self, kind: type[_M]) -> list[_M]:
        """All messages of a kind."""
        return [message for message in self.messages if isinstance(message, kind)]

    @property
    def events(self) -> list[Event]:
        """All numbered events."""
        return [message for message in self.messages if isinstance(message, Event)]

    @property
    def states(self) -> list[str]:
        """The states of the run, in order."""
        return [event.state for event in self.of(RunStateChanged)]

    @property
    def failures(self) -> list[Failure]:
        """The failures."""
        return self.of(Failure)

    @property
    def hello(self) -> Hello:
        """The worker's first line."""
        first = self.messages[0]
        assert isinstance(first, Hello)
        return first


class Scripts:
    """Write scripts into the test's folder and run them."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.folder = folder
        self._stack = stack

    def write(self, text: str | bytes, name: str = "script.py") -> Path:
        """Write the text to a file in the folder, without its indentation."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else textwrap.dedent(text).encode())
        return path

    def start(self, text: str | bytes, *argv: str, **options: Any) -> Run:
        """Start a worker that runs the text."""
        return self._stack.enter_context(Run(self.write(text), *argv, folder=self.folder, **options))

    def run(self, text: str | bytes, *argv: str, **options: Any) -> Run:
        """Run the text in a worker to its end."""
        return self.start(text, *argv, **options).end()


def _environment() -> dict[str, str]:
    """A UTF-8 locale, without variables that change Python's buffering or caching."""
    dropped = {"PYTHONUNBUFFERED", "PYTHONDONTWRITEBYTECODE"}
    return {key: value for key, value in os.environ.items() if key not in dropped} | {"LC_ALL": "C.UTF-8"}


def plain(script: Path | str, *argv: str, folder: Path | None = None, **options: Any) -> tuple[int, str, str]:
    """Run a script in plain Python. Returns its status, stdout and stderr."""
    done = subprocess.run(
        [PYTHON, str(script), *argv],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        cwd=folder,
        timeout=SOON,
        env=_environment(),
        check=False,
        **options,
    )
    return done.returncode, done.stdout.decode(errors="surrogateescape"), done.stderr.decode(errors="surrogateescape")
