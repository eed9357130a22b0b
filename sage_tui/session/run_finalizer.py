"""How a run ended, and the final events that its worker could not send."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path

import sage_runtime
from sage_runtime.events import (
    Event,
    Failure,
    Goodbye,
    Hello,
    Message,
    OperatorStats,
    PipelineFinished,
    PipelineSubmitted,
    ServiceStats,
    replace,
)
from sage_runtime.frozen import Frozen

MAX_FAULT_BYTES = 64 * 1024
_OUR_RUNTIME = os.path.realpath(str(Path(sage_runtime.__file__).parent)) + os.sep
ENDED = frozenset({"finished", "failed"})


class Ending(Frozen):
    """How a run ended. `exit_code` and `signal` are the worker's; `status`: finished, failed or stopped."""

    status: str
    exit_code: int | None
    signal: str | None


class _Pipeline:
    __slots__ = ("operators", "services", "started")

    def __init__(self, started: float) -> None:
        self.started = started
        self.operators: dict[str, OperatorStats] = {}
        self.services: dict[tuple[str, str], ServiceStats] = {}


class RunFinalizer:
    """Follows a run's events, to synthesise the missing final ones. The thread that folds the events uses it."""

    def __init__(self) -> None:
        self._open: dict[str, _Pipeline] = {}
        self._said_hello = False
        self._said_goodbye = False
        self.submitted = False
        """Whether there was a pipeline."""
        self.pipeline_failed = False
        self.script_failed = False

    def note(self, event: Event) -> None:
        """Take an event of the worker in."""
        kind = type(event)
        if kind is OperatorStats:
            assert isinstance(event, OperatorStats)
            pipeline = self._open.get(event.pipeline)
            if pipeline is not None:
                pipeline.operators[event.operator] = event
        elif kind is ServiceStats:
            assert isinstance(event, ServiceStats)
            pipeline = self._open.get(event.pipeline)
            if pipeline is not None:
                pipeline.services[event.service, event.method] = event
        elif isinstance(event, PipelineSubmitted):
            self.submitted = True
            pipeline = self._open[event.pipeline] = _Pipeline(event.t)
            for operator in event.operators:
                pipeline.operators[operator.id] = OperatorStats(
                    pipeline=event.pipeline, operator=operator.id, state="starting"
                )
        elif isinstance(event, PipelineFinished):
            self._open.pop(event.pipeline, None)
            self.pipeline_failed |= event.status == "failed"
        elif isinstance(event, Failure):
            self.script_failed |= event.kind == "script"

    def hear(self, message: Message) -> None:
        """Take in a message of the worker that is no event."""
        self._said_hello |= isinstance(message, Hello)
        self._said_goodbye |= isinstance(message, Goodbye)

    def judge(self, code: int | None, *, stopped: bool, signals: frozenset[int]) -> Ending:
        """How the run ended.

        Args:
            code: the worker's exit status, negative for a signal, None where it could not be reaped.
            stopped: whether it was asked to stop.
            signals: those that were sent to it on behalf of whoever watches.
        """
        if code is None:
            return Ending("stopped" if stopped else "failed", None, None)
        if code < 0:
            ours = stopped or -code in signals
            return Ending("stopped" if ours else "failed", None, signal_name(-code))
        if stopped or (code == 128 + signal.SIGINT and signal.SIGINT in signals):
            return Ending("stopped", code, None)
        failed = code != 0 or self.pipeline_failed or self.script_failed or self._cut_off
        return Ending("failed" if failed else "finished", code, None)

    def finish(self, ending: Ending, now: float, faults: str) -> Iterator[Event]:
        """The missing events: why the worker died, the last numbers, the ends of pipelines.

        Args:
            ending: as `judge` found.
            now: Unix time.
            faults: what Python's `faulthandler` left behind, if anything.
        """
        failure = self._failure(ending, faults)
        if failure is not None:
            yield failure
        orderly = ending.status != "failed" or (ending.exit_code == 0 and not self._cut_off)
        for name, pipeline in self._open.items():
            for operator in pipeline.operators.values():
                if operator.state not in ENDED:
                    state = "finished" if orderly else "failed"
                    yield replace(operator, state=state, incomplete=True)
            for service in pipeline.services.values():
                yield replace(service, incomplete=True)
            status = "stopped" if orderly else "failed"
            yield PipelineFinished(pipeline=name, status=status, duration=max(0.0, now - pipeline.started))
        self._open.clear()

    @property
    def _cut_off(self) -> bool:
        """Whether the process ended abruptly: before the script began, or with pipelines that had not ended."""
        return not self._said_goodbye and (bool(self._open) or not self._said_hello)

    def _failure(self, ending: Ending, faults: str) -> Failure | None:
        if ending.status != "failed" or (ending.exit_code is None and ending.signal is None):
            return None
        if ending.signal is not None:
            file, line = crash_place(faults)
            return Failure(
                kind="worker",
                group=f"worker:{ending.signal}",
                exception=ending.signal,
                message=_killed_by(ending.signal),
                traceback=faults,
                file=file,
                line=line,
            )
        if self._said_goodbye or self.script_failed:
            return None
        if not self._said_hello:
            message = f"the interpreter ended with status {ending.exit_code} before it could run the script"
        elif self._open:
            message = f"the process ended at once with status {ending.exit_code} while pipelines were running"
        else:
            message = (
                f"the process ended at once with status {ending.exit_code}: "
                "by os._exit or a library, or because its pipes were closed"
            )
        return Failure(
            kind="worker", group="worker:exit", exception=f"exit status {ending.exit_code}", message=message,
            traceback=faults,
        )  # fmt: skip


_FRAME = re.compile(r'  File "(.+)", line (\d+) in ')
_STANDARD_LIBRARY = re.compile(r"/lib\d*/python3\.\d+t?/")


def crash_place(faults: str) -> tuple[str | None, int | None]:
    """The innermost line of the user's own code on the thread that crashed, as far as `faulthandler` wrote it."""
    _, _, stack = faults.partition("Current thread 0x")
    for text in stack.partition("\n\n")[0].splitlines()[1:]:
        found = _FRAME.match(text)
        if found is None:
            break
        file = found[1]
        if not (file.startswith((_OUR_RUNTIME, "<")) or _STANDARD_LIBRARY.search(file)):
            return file, int(found[2])
    return None, None


_FATAL = re.compile(r"^Fatal Python error: (.+)$", re.MULTILINE)
_CRASHES = {
    "Segmentation fault": "SIGSEGV",
    "Aborted": "SIGABRT",
    "Bus error": "SIGBUS",
    "Floating-point exception": "SIGFPE",
    "Floating point exception": "SIGFPE",
    "Illegal instruction": "SIGILL",
}
"""The words of `faulthandler`."""


def first_crash(ending: Ending, faults: str) -> Ending:
    """The ending with the signal that came first.

    Other threads keep running while the stacks are written, and may crash the process with another signal meanwhile.
    """
    found = _FATAL.search(faults)
    first = None if found is None else _CRASHES.get(found[1].strip())
    if first is None or ending.signal not in _CRASHES.values():
        return ending
    return replace(ending, signal=first)


def signal_name(number: int) -> str:
    """The name of a signal, such as SIGSEGV."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _killed_by(name: str) -> str:
    meaning = ""
    if name in signal.Signals.__members__:
        meaning = signal.strsignal(signal.Signals[name]) or ""
    hint = "; perhaps the system ran out of memory" if name == "SIGKILL" else ""
    return f"the worker was killed by {name}" + (f" ({meaning})" if meaning else "") + hint


def read_faults(logs: Path | None, run: int) -> str:
    """What `faulthandler` wrote in the worker of a run, cut to `MAX_FAULT_BYTES`; empty if there is nothing."""
    if logs is None:
        return ""
    try:
        with (logs / f"fault-{run}.log").open("rb") as file:
            return file.read(MAX_FAULT_BYTES).decode("utf-8", "replace")
    except OSError:
        return ""
