"""A fault: a script or an event around it, and how the command must react."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from textwrap import dedent, indent

HERE = "# here"
"""Marks the line of a script that its failure must name."""

READY = "ready"
"""What a script prints when it runs, if it must be stopped or something is done to it."""

WAYS = ("plain", "json", "tui")
"""The modes in which the command runs."""


@dataclass(frozen=True)
class Trial:
    """One fault in one mode, in a folder of its own for the script and the session."""

    folder: Path
    script: Path
    way: str
    pid: int = 0
    """The command's process, while it runs."""

    @property
    def root(self) -> Path:
        """The command's `$SAGE_PROJECT_ROOT`."""
        return self.folder / "root"

    def sessions(self) -> list[Path]:
        """The session folders that exist."""
        return sorted(self.root.glob(".sage/logs/jobmanager/session_*"))

    def kept(self) -> bytes:
        """Everything below the root, file by file."""
        return b"".join(path.read_bytes() for path in sorted(self.root.rglob("*")) if path.is_file())


Prepare = Callable[[Trial], None]
Check = Callable[[Trial], str]
"""Returns what is wrong, or an empty text."""


@dataclass(frozen=True)
class Fault:
    """A fault, and the right reaction.

    `wrap`, `options`, `environment`, `says` and `prints` may name `{folder}`, the trial's own.
    """

    name: str
    what: str
    """A description."""
    script: str | bytes | None
    """The text of the script; None if `prepare` makes what is run."""
    status: int = 0
    """The exit status of `--plain` and `--json`."""
    failure: str = ""
    """The exception of the first failure. It must name the line marked with `HERE`, if there is one."""
    errors: int | None = None
    """Records and service calls that count as failed."""
    prints: str = ""
    """Text that must be on stdout."""
    says: str = ""
    """Text that must be on stderr with `--plain`, and in an event with `--json`."""
    like_python: bool = False
    """Whether stdout must be exactly what plain Python prints."""
    interrupts: int = 0
    """How often ctrl+c must be pressed to end it without a dashboard. In the dashboard, `r` and `q` must suffice."""
    act: Check | None = None
    """An action once the script is `READY`. Returns what is wrong then."""
    then: str = ""
    """What must be printed after that, before a key is pressed."""
    prepare: Prepare | None = None
    check: Check | None = None
    """A check after the command has ended."""
    screen: str = ""
    """The state that the dashboard shows; by default it follows from the status and the failure."""
    again: str | None = None
    """The state after `r`, by default the same; "" if the command has ended by then."""
    left_with: int | None = None
    """The exit status of the dashboard after `q`; by default that of a run that is stopped or has ended."""
    wrap: tuple[str, ...] = ()
    """The program that starts the command."""
    options: tuple[str, ...] = ()
    arguments: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    file: str = "{name}.py"
    """The command's arguments; `{name}` is the fault's."""
    ways: tuple[str, ...] = WAYS
    lacks: str = ""
    """What this machine lacks for it."""
    keeps: bool = True
    """Whether a session's folder exists afterwards."""
    modes_stay: bool = False
    """Whether nobody is left to restore the terminal."""
    quick: bool = True
    """Whether the test suite tries it with `--plain`. The others are tried on demand."""

    def __str__(self) -> str:
        return self.name

    @cached_property
    def line(self) -> int | None:
        """The line that the failure must name, from 1."""
        text = self.script.decode("latin-1") if isinstance(self.script, bytes) else self.script or ""
        return next((number for number, line in enumerate(text.splitlines(), 1) if HERE in line), None)

    @property
    def goes_on(self) -> bool:
        """Whether the script must be stopped."""
        return self.interrupts > 0

    @property
    def state(self) -> str:
        """The word that the dashboard's header must show."""
        if self.screen:
            return self.screen
        if self.goes_on:
            return "RUNNING"
        if self.failure.startswith("SIG"):
            return "KILLED"
        return "FAILED" if self.status else "FINISHED"

    @property
    def state_again(self) -> str:
        """The word that it must show after `r`; empty if no key is pressed any more."""
        return self.state if self.again is None else self.again

    @property
    def dashboard_status(self) -> int:
        """The exit status that the dashboard must have."""
        if self.left_with is not None:
            return self.left_with
        return 0 if self.state_again == "RUNNING" else self.status


HEAD = """\
import os, signal, subprocess, sys, threading, time
from sage.core.api.local_environment import LocalEnvironment
from sage.core.api.function.batch_function import BatchFunction
from sage.core.api.function.source_function import SourceFunction
from sage.core.api.function.map_function import MapFunction
from sage.core.api.function.filter_function import FilterFunction
from sage.core.api.function.flatmap_function import FlatMapFunction
from sage.core.api.function.keyby_function import KeyByFunction
from sage.core.api.function.sink_function import SinkFunction
from sage.core.api.service.base_service import BaseService
class Numbers(BatchFunction):
    def __init__(self, count=5, **options):
        super().__init__(**options)
        self.count, self.number = count, 0
    def execute(self):
        if self.number == self.count:
            return None
        self.number += 1
        return self.number
class Work(MapFunction):
    def execute(self, number):
        return number
class Show(SinkFunction):
    def execute(self, value):
        print("got", value)
"""
"""The start of a pipeline: the numbers 1 to 5, an operator that passes them on, and a sink that prints them."""

FLOW = "env.from_batch(Numbers).map(Work).sink(Show)"


def pipeline(classes: str = "", flow: str = FLOW, *, submit: str = "env.submit(autostop=True)", after: str = "") -> str:
    """A pipeline that runs to its end. `classes` come before it and may replace those of `HEAD`."""
    return (
        "\n".join(
            [
                HEAD + dedent(classes).strip("\n"),
                'env = LocalEnvironment("flow")',
                dedent(flow).strip("\n"),
                submit,
                after,
            ]
        )
        + "\n"
    )


def at_third(body: str, before: str = "") -> str:
    """A pipeline whose operator does something to the third of five records."""
    head = "class Work(MapFunction):\n    def execute(self, number):\n        if number == 3:\n"
    work = head + indent(dedent(body).strip("\n"), " " * 12) + "\n        return number\n"
    return pipeline(dedent(before) + work)


def serving(service: str) -> str:
    """A pipeline whose operator calls `go` of a service for each of five records."""
    ask = (
        "class Work(MapFunction):\n    def execute(self, number):\n        return self.call_service['svc'].go(number)\n"
    )
    return pipeline(dedent(service) + ask, f'env.register_service("svc", Svc)\n{FLOW}')
