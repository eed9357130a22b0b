"""A session that shows scripted views and lines, and notes the commands that the dashboard sends."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from support.waiting import SOON

from sage_runtime import events
from sage_runtime.events import (
    Command,
    EdgeInfo,
    Event,
    Failure,
    Latency,
    Log,
    Notice,
    Output,
    ReloadFailed,
    RunFinished,
    ServiceCall,
    replace,
)
from sage_tui.journal.lines import Line, LineQuery, lines_of
from sage_tui.session.reload.versions import FileChange
from sage_tui.state.series import Span
from sage_tui.state.views import (
    Bottleneck,
    Charts,
    FailureGroup,
    MethodView,
    OperatorView,
    PipelineView,
    RunSummary,
    RunView,
    ServiceView,
    SessionView,
)

NOON = 1_700_049_600.0
"""12:00:00 UTC on an arbitrary day."""


class FakeLines:
    """A channel in memory."""

    def __init__(self) -> None:
        self.lines: list[Line] = []
        self.dropped = 0
        self.reads: list[tuple[int, int]] = []

    def add(self, *events: Event) -> None:
        """Append the lines of some events."""
        for event in events:
            self.lines += lines_of(event, len(self.lines))

    def count(self) -> int:
        return len(self.lines)

    def first(self) -> int:
        return self.dropped

    def read(self, start: int, stop: int) -> list[Line]:
        self.reads.append((start, stop))
        return self.lines[max(start, self.dropped) : stop]

    def pick(self, start: int, stop: int, wanted: LineQuery) -> list[int]:
        return wanted.pick(self.read(start, stop))


class FakeSession:
    """Shows `view`, and notes everything that is sent or asked in `done`."""

    def __init__(self, view: SessionView) -> None:
        self.view = view
        self.channels: dict[tuple[int, str], FakeLines] = {}
        self.past: dict[tuple[int, str | None, Span], Charts] = {}
        self.earlier: dict[int, RunView] = {}
        self.edits: dict[tuple[int, int], tuple[FileChange, ...]] = {}
        self.done: list[object] = []
        self.closed = threading.Event()
        self.may_close = threading.Event()
        self.may_close.set()
        self.folder = Path("session_20261124_120000")
        self.python = "python3"

    def start(self) -> None:
        self.done.append("start")

    def subscribe(self, listener: Callable[[bytes, Event], None]) -> None:
        raise NotImplementedError

    def snapshot(self) -> SessionView:
        return self.view

    def lines(self, channel: str) -> FakeLines:
        return self.channels.setdefault((self.view.shown.run, channel), FakeLines())

    def charts(self, key: str | None, span: Span) -> Charts | None:
        return self.run_charts(self.view.shown.run, key, span)

    def run_charts(self, run: int, key: str | None, span: Span) -> Charts | None:
        return self.past.get((run, key, span))

    def run_view(self, run: int) -> RunView | None:
        return self.view.shown if run == self.view.shown.run else self.earlier.get(run)

    def changes(self, run: int, before: int) -> tuple[FileChange, ...] | None:
        return self.edits.get((run, before))

    def run_lines(self, run: int, channel: str) -> FakeLines | None:
        return self.lines(channel) if run == self.view.shown.run else self.channels.get((run, channel))

    def send(self, command: Command) -> None:
        self.done.append(command)

    def signal(self, signum: int) -> None:
        self.done.append(signum)

    def reload(self, reason: str = "restart", changed: tuple[str, ...] = ()) -> None:
        self.done.append("reload")

    def stop(self) -> None:
        self.done.append("stop")

    def wait(self, timeout: float | None = None) -> RunFinished | None:
        return None

    def exit_status(self) -> int:
        return 0

    def close(self) -> None:
        self.may_close.wait(SOON)
        self.done.append("close")
        self.closed.set()

    # --- what tests say ----------------------------------------------------------------------------------------------

    def show(self, **changes: Any) -> None:
        """Change fields of the shown run, the current one."""
        run = replace(self.view.shown, **changes)
        self.view = replace(self.view, shown=run, current=run)

    def print(self, *texts: str, source: str | None = "PrintSink", stream: str = "stdout", end: str = "\n") -> None:
        """Lines of output."""
        lines = self.lines("output")
        for text in texts:
            lines.add(Output(t=NOON, stream=stream, source=source, text=text, end=end))

    def log(self, level: str, message: str, source: str | None = "UpperCaseMap") -> None:
        """One log record."""
        self.lines("log").add(Log(t=NOON + 1.5, level=level, logger="sage.hello", source=source, message=message))

    def call(self, number: int, error: str | None = None, arguments: str = "") -> None:
        """One service call."""
        result = None if error else "None"
        self.lines("service_call").add(
            ServiceCall(
                t=NOON + 1 + number / 8,
                id=number,
                pipeline="hello",
                service="hello_service",
                method="hello",
                caller="UpperCaseMap",
                arguments=arguments,
                result=result,
                error=error,
                waited=0.0001,
                duration=0.0014 if number % 20 == 16 else 0.00028 + 0.00002 * (number % 7),
            )
        )

    def fail(self, failure: Failure, count: int = 1) -> None:
        """A group of `count` failures, one of them kept."""
        lines = self.lines("failure")
        lines.add(failure)
        group = FailureGroup(
            group=f"{failure.source}/{failure.exception}/{failure.line}",
            pipeline=failure.pipeline,
            source=failure.source,
            kind=failure.kind,
            exception=failure.exception,
            message=failure.message,
            file=failure.file,
            line=failure.line,
            count=count,
            first_t=NOON,
            last_t=NOON + 3,
            sent=1,
            positions=(lines.count() - 1,),
        )
        self.show(failures=(*self.view.shown.failures, group), errors=self.view.shown.errors + count)


# --- views -----------------------------------------------------------------------------------------------------------

LATENCY = Latency(p50=0.0003, p95=0.00038, p99=0.0004, max=0.002)


def operator(name: str, kind: str, pipeline: str = "hello", **fields: Any) -> OperatorView:
    """A running operator."""
    values: dict[str, Any] = {
        "key": f"{pipeline}/{name}",
        "pipeline": pipeline,
        "id": name,
        "name": name,
        "kind": kind,
        "class_": name,
        "parallelism": 1,
        "file": "hello_service_world.py",
        "line": 12,
        "state": "running",
        "records_in": 14_400,
        "records_out": 14_400,
        "rate": 1234.0,
        "history": tuple(800.0 + 60 * (i * 7 % 11) for i in range(30)),
        "queue": 3,
        "queue_capacity": 1024,
        "busy": 0.07,
        "idle": 0.93,
        "latency": LATENCY,
    }
    return OperatorView(**{**values, **fields})


def edge(source: str, target: str, **fields: Any) -> EdgeInfo:
    """A stream between two operators."""
    return EdgeInfo(f"{source}→{target}", source, target, **fields)


def service(name: str, callers: Sequence[str], pipeline: str = "hello", **fields: Any) -> ServiceView:
    """A service with one method, `hello`."""
    counts = dict.fromkeys(callers, 14_398)
    method = MethodView(
        method="hello",
        calls=14_398,
        errors=fields.get("errors", 0),
        rate=1233.0,
        in_flight=1,
        waiting=0,
        latency=LATENCY,
        callers=counts,
    )
    values: dict[str, Any] = {
        "key": f"{pipeline}/{name}",
        "pipeline": pipeline,
        "name": name,
        "class_": "HelloService",
        "file": None,
        "line": None,
        "calls": 14_398,
        "rate": 1233.0,
        "in_flight": 1,
        "latency": LATENCY,
        "callers": counts,
        "methods": (method,),
    }
    return ServiceView(**{**values, **fields})


def hello_pipeline() -> PipelineView:
    """HelloBatch → UpperCaseMap → PrintSink. The map calls a service and is slow."""
    return PipelineView(
        id="hello",
        name="hello",
        era=1,
        status="running",
        started=NOON + 0.3,
        duration=None,
        operators=(
            operator("HelloBatch", "batch", records_in=0, queue_capacity=0, queue=0, blocked=0.6, idle=0.33),
            operator(
                "UpperCaseMap",
                "map",
                busy=0.36,
                waiting=0.57,
                idle=0.07,
                queue=812,
                services=("hello_service",),
                latency=events.replace(LATENCY, p99=0.0009),
            ),
            operator("PrintSink", "sink", records_out=0),
        ),
        edges=(edge("HelloBatch", "UpperCaseMap"), edge("UpperCaseMap", "PrintSink")),
        services=(service("hello_service", ["UpperCaseMap"]),),
    )


def run_view(run: int = 1, **fields: Any) -> RunView:
    """A run that has just started, with nothing submitted."""
    values: dict[str, Any] = {
        "run": run,
        "seq": 1,
        "phase": "starting",
        "script": "hello_service_world.py",
        "python": "python3",
        "engine": "sage_runtime",
        "reason": "start" if run == 1 else "reload",
        "changed": () if run == 1 else ("hello_service_world.py",),
        "started": NOON,
        "elapsed": 0.2,
        "exit_code": None,
        "signal": None,
        "errors": 0,
        "rate": 0.0,
        "in_flight": 0,
        "pipelines": (),
        "failures": (),
        "bottleneck": None,
        "notices": (),
        "lines": {},
        "left_out": {},
        "prompt": None,
    }
    return RunView(**{**values, **fields})


def session_view(run: RunView, **fields: Any) -> SessionView:
    """A live session that shows its current run."""
    summary = RunSummary(run.run, run.reason, run.changed, run.phase, run.started, run.elapsed, run.errors)
    values: dict[str, Any] = {
        "script": "examples/hello_service_world.py",
        "folder": "session_20261124_120000",
        "live": True,
        "current": run,
        "shown": run,
        "runs": (summary,),
        "watching": 3,
        "watch_paused": None,
        "reload_error": None,
        "reloading": False,
    }
    return SessionView(**{**values, **fields})


def hello_session() -> FakeSession:
    """The tutorial's pipeline in the middle of its third run, with lines in every pane."""
    run = run_view(
        3,
        phase="running",
        elapsed=12.4,
        rate=1234.0,
        in_flight=815,
        pipelines=(hello_pipeline(),),
        bottleneck=Bottleneck("hello", "UpperCaseMap", None, 0.93, "busy 93%"),
    )
    session = FakeSession(session_view(run))
    for number in range(1, 60):
        session.print(f"HELLO, WORLD! #{number}")
        session.print("hello service!!!", source="hello_service")
        session.call(number)
    session.print("the script itself prints too", source=None)
    session.print("a warning on stderr", source="UpperCaseMap", stream="stderr")
    session.log("INFO", "Service hello_service started", "hello_service")
    session.log("WARNING", "queue of UpperCaseMap is over half full")
    session.log("ERROR", "could not greet\nTraceback (most recent call last):\n  …")
    return session


def misbehaving_session() -> FakeSession:
    """The same with failures."""
    session = hello_session()
    session.fail(
        Failure(
            t=NOON + 3,
            pipeline="hello",
            source="UpperCaseMap",
            exception="ValueError",
            message="invalid literal for int() with base 10: 'x7'",
            traceback=(
                "Traceback (most recent call last):\n"
                '  File "hello_service_world.py", line 31, in execute\n'
                "    return int(record)\n"
                "           ~~~^^^^^^^^\n"
                "ValueError: invalid literal for int() with base 10: 'x7'\n"
            ),
            record="'x7'",
            file="hello_service_world.py",
            line=31,
        ),
        count=1204,
    )
    session.fail(
        Failure(
            t=NOON + 3,
            pipeline="hello",
            source="hello_service",
            kind="service",
            exception="KeyError",
            message="'greeting'",
            traceback="Traceback (most recent call last):\n  …\nKeyError: 'greeting'\n",
            record=None,
            file="hello_service_world.py",
            line=9,
        ),
        count=7,
    )
    session.call(60, error="KeyError: 'greeting'", arguments="'x7'")
    return session


def notice(message: str, level: str = "warning") -> Notice:
    """A notice to the user."""
    return Notice(t=NOON, level=level, message=message)


def syntax_error() -> ReloadFailed:
    """A save that does not compile."""
    return ReloadFailed(
        t=NOON, file="/home/you/hello_service_world.py", line=12, message="SyntaxError: '(' was never closed"
    )


@dataclass(frozen=True)
class Size:
    """A terminal size that is tested."""

    width: int
    height: int

    def __str__(self) -> str:
        return f"{self.width}x{self.height}"


SIZES = (Size(80, 24), Size(120, 36))
"""The sizes of each screen's pictures. `SMALL` and `LARGE` are for screens whose layout differs there."""
SMALL, LARGE = Size(60, 20), Size(200, 50)
