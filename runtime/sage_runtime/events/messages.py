"""What travels beside the events: the pipe's own messages, never journaled or shown, and the commands to the worker.

Each class registers itself when it is defined.
"""

from __future__ import annotations

from typing import Any, ClassVar

from sage_runtime.events.types import Event
from sage_runtime.frozen import Frozen

MESSAGES: dict[str, type[PipeMessage]] = {}
"""The pipe's own messages by their `type`."""

COMMANDS: dict[str, type[Command]] = {}
"""The commands by the value of `command`."""


class PipeMessage(Frozen):
    """A message from the worker to the session that is no event."""

    type: ClassVar[str] = ""

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        MESSAGES[cls.type] = cls


class Command(Frozen):
    """A message from the session to the worker: a JSON line with `command` and the fields of its class."""

    command: ClassVar[str] = ""

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        COMMANDS[cls.command] = cls


class Flush(PipeMessage):
    """The worker waits for an `Ack` with this id: the session has read all that was written before it."""

    type: ClassVar[str] = "flush"
    id: int


class Hello(PipeMessage):
    """The worker's first line: its interpreter is up and waits for `Start`."""

    type: ClassVar[str] = "hello"
    pid: int
    python: str


class Modules(PipeMessage):
    """Files of modules that the script has newly loaded: what the session may watch."""

    type: ClassVar[str] = "modules"
    files: tuple[str, ...]


class FilesWritten(PipeMessage):
    """Files that the script has opened for writing: the run itself causes their changes."""

    type: ClassVar[str] = "wrote"
    files: tuple[str, ...]


class Goodbye(PipeMessage):
    """The worker's last line: Python ends in order. Without it the process was ended at once or lost its pipes."""

    type: ClassVar[str] = "goodbye"


class Start(Command):
    """Run the script now: the interpreter is started while the old run still ends. `paused`: gate the sources."""

    command: ClassVar[str] = "start"
    paused: bool = False


class Stop(Command):
    """Close the sources, wake every waiting thread, interrupt the main thread."""

    command: ClassVar[str] = "stop"


class WakeMainThread(Command):
    """The worker was sent SIGINT: make sure that its main thread notices, even if it is just falling asleep."""

    command: ClassVar[str] = "nudge"


class Pause(Command):
    """Gate the sources."""

    command: ClassVar[str] = "pause"


class Resume(Command):
    """Open the gate of the sources."""

    command: ClassVar[str] = "resume"


class Step(Command):
    """Release one record of `operator` (any source if None) and gate again when nothing is in flight."""

    command: ClassVar[str] = "step"
    operator: str | None = None


class Inspect(Command):
    """Send `record` previews for just these operators, each `pipeline/operator`, a few a second."""

    command: ClassVar[str] = "inspect"
    operators: tuple[str, ...] = ()


class Follow(Command):
    """Trace the next `count` records of a source (any if None) through the operators, as `trace` events."""

    command: ClassVar[str] = "follow"
    operator: str | None = None
    count: int = 1


class Input(Command):
    """A line for `input()`, or end-of-file if None."""

    command: ClassVar[str] = "input"
    line: str | None = None


class Ack(Command):
    """Everything before the `Flush` of this id has been read."""

    command: ClassVar[str] = "ack"
    id: int = 0


Message = Event | PipeMessage
"""What a worker's event pipe carries."""
