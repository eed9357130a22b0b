"""What a fault is: a script, or what happens around it, and how the command has to take it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from textwrap import dedent, indent

HERE = "# here"
"""Marks the line of a script that its failure has to name."""

READY = "ready"
"""What a script prints that has to be stopped, or to which something is done: it is under way."""

WAYS = ("plain", "json", "tui")
"""The ways in which the command is run."""


@dataclass(frozen=True)
class Trial:
    """One fault tried in one way: a folder of its own, in which the script and the session's folder lie."""

    folder: Path
    script: Path
    way: str
    pid: int = 0
    """The command's process, while it runs."""

    @property
    def root(self) -> Path:
        """What the command takes for `$SAGE_PROJECT_ROOT`."""
        return self.folder / "root"

    def sessions(self) -> list[Path]:
        """The folders of sessions that were made."""
        return sorted(self.root.glob(".sage/logs/jobmanager/session_*"))

    def kept(self) -> bytes:
        """All that was written below the root, one file after the other."""
        return b"".join(path.read_bytes() for path in sorted(self.root.rglob("*")) if path.is_file())


Prepare = Callable[[Trial], None]
Check = Callable[[Trial], str]
"""Says what is wrong, or nothing."""


@dataclass(frozen=True)
class Fault:
    """A fault, and what is right.

    `wrap`, `options`, `environment`, `says` and `prints` may name `{folder}`, the trial's own.
    """

    name: str
    what: str
    """In a person's words."""
    script: str | bytes | None
    """The text of the script; None where `prepare` makes what is run."""
    status: int = 0
    """The exit status of `--plain` and `--json`."""
    failure: str = ""
    """The exception of the first failure, whose place is the line marked with `HERE` if there is one."""
    errors: int | None = None
    """Records and service calls that count as failed."""
    prints: str = ""
    """Something that has to be on stdout."""
    says: str = ""
    """Something that has to be on stderr with `--plain`, and told by an event with `--json`."""
    like_python: bool = False
    """Whether stdout has to be, byte for byte, what plain Python prints."""
    interrupts: int = 0
    """How often ctrl+c has to be pressed to end it without a dashboard; in it, `r` and `q` have to do."""
    act: Check | None = None
    """Done once the script is `READY`; says what is wrong then."""
    then: str = ""
    """What has to be printed after that, before anything is pressed."""
    prepare: Prepare | None = None
    check: Check | None = None
    """Looked at once the command has ended."""
    screen: str = ""
    """The state that the dashboard shows; by default what the status and the failure suggest."""
    again: str | None = None
    """The state after `r`, by default the same; "" where the command has ended by then."""
    left_with: int | None = None
    """The exit status of the dashboard after `q`; by default that of a run that is stopped, or has ended."""
    wrap: tuple[str, ...] = ()
    """What the command is started by."""
    options: tuple[str, ...] = ()
    arguments: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    file: str = "{name}.py"
    """What the command is given; `{name}` is the fault's."""
    ways: tuple[str, ...] = WAYS
    lacks: str = ""
    """What this machine lacks to try it."""
    keeps: bool = True
    """Whether there is a session's folder afterwards."""
    modes_stay: bool = False
    """Whether nobody is left to give the terminal back."""
    quick: bool = True
    """Whether the test suite tries it, with `--plain`; the others are tried on demand."""

    def __str__(self) -> str:
        return self.name

    @cached_property
    def line(self) -> int | None:
        """The line that the failure has to name, from 1."""
        text = self.script.decode("latin-1") if isinstance(self.script, bytes) else self.script or ""
        return next((number for number, line in enumerate(text.splitlines(), 1) if HERE in line), None)

    @property
    def goes_on(self) -> bool:
        """Whether the script has to be stopped."""
        return self.interrupts > 0

    @property
    def state(self) -> str:
        """The word that the dashboard's header has to show."""
        if self.screen:
            return self.screen
        if self.goes_on:
            return "RUNNING"
        if self.failure.startswith("SIG"):
            return "KILLED"
        return "FAILED" if self.status else "FINISHED"

    @property
    def state_again(self) -> str:
        """The word that it has to show after `r`; empty where nothing is pressed any more."""
        return self.state if self.again is None else self.again

    @property
    def dashboard_status(self) -> int:
        """The exit status that the dashboard has to have."""
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
"""What pipelines begin with: the numbers 1 to 5, an operator that passes them on, and a sink that prints them."""

FLOW = "env.from_batch(Numbers).map(Work).sink(Show)"


def pipeline(classes: str = "", flow: str = FLOW, *, submit: str = "env.submit(autostop=True)", after: str = "") -> str:
    """A pipeline that is run to its end; `classes` go before it, and may be written over those of `HEAD`."""
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
    """A pipeline whose operator does something with the third of five records."""
    head = "class Work(MapFunction):\n    def execute(self, number):\n        if number == 3:\n"
    work = head + indent(dedent(body).strip("\n"), " " * 12) + "\n        return number\n"
    return pipeline(dedent(before) + work)


def serving(service: str) -> str:
    """A pipeline whose operator calls `go` of a service for each of five records."""
    ask = (
        "class Work(MapFunction):\n    def execute(self, number):\n        return self.call_service['svc'].go(number)\n"
    )
    return pipeline(dedent(service) + ask, f'env.register_service("svc", Svc)\n{FLOW}')
