"""Messages that are no events: the pipe's own, never journaled or shown, and the commands that flow back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from sage_runtime.events.types import Event
from sage_runtime.frozen import Frozen


class Flush(Frozen):
    """On the event pipe: the worker waits for an `Ack` with this id, having read all that was written before it."""

    type: ClassVar[str] = "flush"
    id: int


class Hello(Frozen):
    """The worker's first line: its interpreter is up and it waits for `Start`."""

    type: ClassVar[str] = "hello"
    pid: int
    python: str


class Modules(Frozen):
    """Files of modules that the script has loaded so far: what the session may watch."""

    type: ClassVar[str] = "modules"
    files: tuple[str, ...]


class FilesWritten(Frozen):
    """Files that the script has opened for writing: a change of these is the run's own doing."""

    type: ClassVar[str] = "wrote"
    files: tuple[str, ...]


class Goodbye(Frozen):
    """The worker's last line: Python ends in order. Without it the process was ended at once or lost its pipes."""

    type: ClassVar[str] = "goodbye"


class Command(Frozen):
    """What flows back to the worker, a JSON line with `command` and the fields of its class."""

    command: ClassVar[str] = ""


class Start(Command):
    """Run the script now (the interpreter is started ahead while the old run ends). `paused`: gate the sources."""

    command: ClassVar[str] = "start"
    paused: bool = False


class Stop(Command):
    """Close the sources, wake every waiting thread, interrupt the main thread."""

    command: ClassVar[str] = "stop"


class WakeMainThread(Command):
    """The worker was sent SIGINT: see that its main thread, which may just be falling asleep, takes notice."""

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
    """Follow the next `count` records of a source (any if None) through the operators, as `trace` events."""

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


COMMANDS: Mapping[str, type[Command]] = {
    cls.command: cls for cls in (Start, Stop, WakeMainThread, Pause, Resume, Step, Inspect, Follow, Input, Ack)
}
MESSAGES: Mapping[str, type[Flush] | type[Hello] | type[Modules] | type[FilesWritten] | type[Goodbye]] = {
    Flush.type: Flush,
    Hello.type: Hello,
    Modules.type: Modules,
    FilesWritten.type: FilesWritten,
    Goodbye.type: Goodbye,
}

Message = Event | Flush | Hello | Modules | FilesWritten | Goodbye
"""What a worker's event pipe carries."""
