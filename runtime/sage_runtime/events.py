"""The typed events of a run and the commands that answer them, with their JSON lines.

This is the contract between the two halves: the worker publishes events, the session reads them, and the pipe, the
journal, a recording and `--json` carry the same lines. An event is one JSON object on one line, UTF-8, with the
fields of its class; the field `class_` is spelled `class` in JSON. Consumers ignore what they don't know: an unknown
type decodes to `UnknownEvent`, an unknown field is dropped, a missing field takes its default.

Totals are cumulative, durations are seconds, shares lie between 0 and 1, previews are short safe strings.
"""

from __future__ import annotations

import json
import math
import types
import typing
from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, field, fields
from typing import Any, ClassVar, TypeVar

PROTOCOL = 1
"""The version of this contract, sent in `run_started`."""

MAX_LINE_BYTES = 4 * 1024 * 1024
"""Longer lines are refused by `decode`; the producers stay far below it."""

MAX_TEXT = 64 * 1024
"""Characters in one `output` event at most."""


class EventError(ValueError):
    """A line that is no event: not JSON, not an object, too long, or a field of the wrong type."""


# --- latency buckets -------------------------------------------------------------------------------------------------

BUCKET_GROWTH = 1.04
"""Each bucket is 4% wider than the one before, so a quantile is off by 2% at most (DDSketch's logarithmic mapping)."""

_LOG_GROWTH = math.log(BUCKET_GROWTH)
SHORTEST = 1e-7
"""Durations up to this many seconds share bucket 0."""


def bucket_of(seconds: float) -> int:
    """The bucket of a duration in seconds: 0 up to `SHORTEST`, then one for each 4%."""
    if seconds <= SHORTEST:
        return 0
    return math.ceil(math.log(seconds / SHORTEST) / _LOG_GROWTH)


def bucket_seconds(bucket: int) -> float:
    """The duration in seconds that stands for a bucket: its middle, within 2% of all it holds."""
    if bucket <= 0:
        return SHORTEST
    return SHORTEST * math.exp((bucket - 0.5) * _LOG_GROWTH)


# --- parts of events -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class OperatorInfo:
    """An operator as it was built. `kind`: source, batch, map, filter, flatmap, keyby, comap, join, sink or future."""

    id: str
    name: str = ""
    kind: str = ""
    class_: str = ""
    parallelism: int = 1
    file: str | None = None
    line: int | None = None


@dataclass(frozen=True, slots=True)
class EdgeInfo:
    """A stream between two operators. `partition`: forward, hash, broadcast or round_robin."""

    id: str
    source: str
    target: str
    input: int = 0
    partition: str = "forward"
    feedback: bool = False


@dataclass(frozen=True, slots=True)
class ServiceInfo:
    """A registered service as it was built."""

    name: str
    class_: str = ""
    file: str | None = None
    line: int | None = None


@dataclass(frozen=True, slots=True)
class Latency:
    """A distribution of durations in seconds; `buckets` are pairs of `bucket_of` index and count, ascending."""

    p50: float = 0.0
    p95: float = 0.0
    p99: float = 0.0
    max: float = 0.0
    buckets: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, slots=True)
class ReplicaStats:
    """What `OperatorStats` says of the whole operator, for one of its replicas."""

    replica: int
    state: str = "running"
    records_in: int = 0
    records_out: int = 0
    errors: int = 0
    queue: int = 0
    queue_capacity: int = 0
    busy: float = 0.0
    waiting: float = 0.0
    idle: float = 0.0
    blocked: float = 0.0
    paused: float = 0.0
    cpu: float = 0.0
    latency: Latency = Latency()


# --- events ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """The header of every event; the bus or the session stamps it (`stamped`) when the event is published."""

    type: ClassVar[str] = ""
    run: int = 0
    t: float = 0.0
    worker: int = 0
    seq: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class UnknownEvent(Event):
    """An event of a later version: its type's name and its fields as they came."""

    type: ClassVar[str] = "?"
    name: str
    fields: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunStarted(Event):
    """The session started a worker. `reason`: start, reload or restart; `changed`: the files that caused it."""

    type: ClassVar[str] = "run_started"
    protocol: int = PROTOCOL
    script: str = ""
    argv: tuple[str, ...] = ()
    python: str = ""
    engine: str = ""
    reason: str = "start"
    changed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RunStateChanged(Event):
    """`state`: starting, running, paused or stopping."""

    type: ClassVar[str] = "run_state"
    state: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PipelineSubmitted(Event):
    """A pipeline's graph as it was built, before its first record."""

    type: ClassVar[str] = "pipeline_submitted"
    pipeline: str
    name: str = ""
    era: int = 1
    operators: tuple[OperatorInfo, ...] = ()
    edges: tuple[EdgeInfo, ...] = ()
    services: tuple[ServiceInfo, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorStats(Event):
    """Totals of one operator and how it spent the last interval.

    `busy`, `waiting` (inside service calls), `idle` and `blocked` (full output) add up to 1 over the time that was
    not paused; `paused` is the share of the interval spent paused. `cpu` is CPU time by wall time. `state`: starting,
    running, paused, finished or failed. `incomplete` marks last stats of a worker that died.
    """

    type: ClassVar[str] = "operator_stats"
    pipeline: str
    operator: str
    state: str = "running"
    records_in: int = 0
    records_out: int = 0
    errors: int = 0
    queue: int = 0
    queue_capacity: int = 0
    busy: float = 0.0
    waiting: float = 0.0
    idle: float = 0.0
    blocked: float = 0.0
    paused: float = 0.0
    cpu: float = 0.0
    latency: Latency = Latency()
    replicas: tuple[ReplicaStats, ...] = ()
    incomplete: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceStats(Event):
    """Totals of one method of one service; `callers` counts its calls by operator (or service) id."""

    type: ClassVar[str] = "service_stats"
    pipeline: str
    service: str
    method: str
    calls: int = 0
    errors: int = 0
    in_flight: int = 0
    waiting: int = 0
    latency: Latency = Latency()
    callers: Mapping[str, int] = field(default_factory=dict)
    incomplete: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceCall(Event):
    """One finished call. `parent` is the id of the call it was made in; `arguments`, `result`, `error` are previews.

    `waited` is the time in the service's queue, `duration` the time inside the method.
    """

    type: ClassVar[str] = "service_call"
    id: int
    parent: int | None = None
    pipeline: str
    service: str
    method: str
    caller: str | None = None
    replica: int | None = None
    arguments: str = ""
    result: str | None = None
    error: str | None = None
    waited: float = 0.0
    duration: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Output(Event):
    """What somebody printed: `text` then `end` are the very characters (undecodable bytes as lone surrogates)."""

    type: ClassVar[str] = "output"
    pipeline: str | None = None
    stream: str = "stdout"
    source: str | None = None
    text: str = ""
    end: str = "\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Log(Event):
    """One record of Python's logging or of SAGE's loggers."""

    type: ClassVar[str] = "log"
    pipeline: str | None = None
    level: str = "INFO"
    logger: str = ""
    source: str | None = None
    message: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Record(Event):
    """A preview of a record at an operator that somebody inspects; `port` is in or out, `sequence` counts there."""

    type: ClassVar[str] = "record"
    pipeline: str
    operator: str
    port: str
    preview: str
    sequence: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace(Event):
    """One step of a followed record; `calls` are the ids of the service calls made in it."""

    type: ClassVar[str] = "trace"
    trace: int
    pipeline: str
    operator: str
    before: str | None = None
    after: tuple[str, ...] = ()
    waited: float = 0.0
    duration: float = 0.0
    calls: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure(Event):
    """Something raised. `kind`: operator, service, script or worker; `group` names source, type and place."""

    type: ClassVar[str] = "failure"
    pipeline: str | None = None
    source: str | None = None
    kind: str = "operator"
    group: str = ""
    exception: str = ""
    message: str = ""
    traceback: str = ""
    record: str | None = None
    file: str | None = None
    line: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftOut(Event):
    """How many events of a sampled kind were not sent since the last such line. `group` is a failure's."""

    type: ClassVar[str] = "left_out"
    what: str
    pipeline: str | None = None
    source: str | None = None
    group: str | None = None
    count: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class InputRequested(Event):
    """The script waits in `input()`; an `Input` command answers it."""

    type: ClassVar[str] = "input_requested"
    prompt: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice(Event):
    """What people should know. `level`: info, warning or error."""

    type: ClassVar[str] = "notice"
    level: str = "info"
    message: str = ""
    pipeline: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReloadFailed(Event):
    """A changed file does not compile; the old run goes on."""

    type: ClassVar[str] = "reload_failed"
    file: str
    line: int | None = None
    message: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PipelineFinished(Event):
    """`status`: finished, failed or stopped."""

    type: ClassVar[str] = "pipeline_finished"
    pipeline: str
    status: str
    duration: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFinished(Event):
    """The worker is reaped and all it wrote is read. `signal` is a name such as SIGKILL; `errors` counts failures."""

    type: ClassVar[str] = "run_finished"
    status: str
    exit_code: int | None = None
    signal: str | None = None
    duration: float = 0.0
    errors: int = 0


EVENT_TYPES: Mapping[str, type[Event]] = {
    cls.type: cls
    for cls in (
        RunStarted,
        RunStateChanged,
        PipelineSubmitted,
        OperatorStats,
        ServiceStats,
        ServiceCall,
        Output,
        Log,
        Record,
        Trace,
        Failure,
        LeftOut,
        InputRequested,
        Notice,
        ReloadFailed,
        PipelineFinished,
        RunFinished,
    )
}


# --- messages that are no events: never journaled, never shown ------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Flush:
    """On the event pipe: the worker waits for an `Ack` with this id, having read all that was written before it."""

    type: ClassVar[str] = "flush"
    id: int


@dataclass(frozen=True, slots=True)
class Hello:
    """The worker's first line: its interpreter is up and it waits for `Start`."""

    type: ClassVar[str] = "hello"
    pid: int
    python: str


@dataclass(frozen=True, slots=True)
class Modules:
    """Files of modules that the script has loaded so far: what the session may watch."""

    type: ClassVar[str] = "modules"
    files: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Wrote:
    """Files that the script has opened for writing: a change of these is the run's own doing."""

    type: ClassVar[str] = "wrote"
    files: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Command:
    """What flows back to the worker, a JSON line with `command` and the fields of its class."""

    command: ClassVar[str] = ""


@dataclass(frozen=True, slots=True)
class Start(Command):
    """Run the script now (the interpreter is started ahead while the old run ends). `paused`: gate the sources."""

    command: ClassVar[str] = "start"
    paused: bool = False


@dataclass(frozen=True, slots=True)
class Stop(Command):
    """Close the sources, wake every waiting thread, interrupt the main thread."""

    command: ClassVar[str] = "stop"


@dataclass(frozen=True, slots=True)
class Pause(Command):
    """Gate the sources."""

    command: ClassVar[str] = "pause"


@dataclass(frozen=True, slots=True)
class Resume(Command):
    """Open the gate of the sources."""

    command: ClassVar[str] = "resume"


@dataclass(frozen=True, slots=True)
class Step(Command):
    """Release one record of `operator` (any source if None) and gate again when nothing is in flight."""

    command: ClassVar[str] = "step"
    operator: str | None = None


@dataclass(frozen=True, slots=True)
class Inspect(Command):
    """Send `record` previews for just these operators, each `pipeline/operator`, a few a second."""

    command: ClassVar[str] = "inspect"
    operators: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Follow(Command):
    """Follow the next `count` records of a source (any if None) through the operators, as `trace` events."""

    command: ClassVar[str] = "follow"
    operator: str | None = None
    count: int = 1


@dataclass(frozen=True, slots=True)
class Input(Command):
    """A line for `input()`, or end-of-file if None."""

    command: ClassVar[str] = "input"
    line: str | None = None


@dataclass(frozen=True, slots=True)
class Ack(Command):
    """Everything before the `Flush` of this id has been read."""

    command: ClassVar[str] = "ack"
    id: int = 0


_COMMANDS: Mapping[str, type[Command]] = {
    cls.command: cls for cls in (Start, Stop, Pause, Resume, Step, Inspect, Follow, Input, Ack)
}
_MESSAGES: Mapping[str, type[Flush] | type[Hello] | type[Modules] | type[Wrote]] = {
    Flush.type: Flush,
    Hello.type: Hello,
    Modules.type: Modules,
    Wrote.type: Wrote,
}

Message = Event | Flush | Hello | Modules | Wrote
"""What a worker's event pipe carries."""


# --- JSON ------------------------------------------------------------------------------------------------------------

_NAMES: dict[type[Any], tuple[tuple[str, str], ...]] = {}


def _names(cls: type[Any]) -> tuple[tuple[str, str], ...]:
    """The pairs of attribute and JSON key of a dataclass, in order."""
    names = _NAMES.get(cls)
    if names is None:
        names = _NAMES[cls] = tuple((f.name, f.name.rstrip("_")) for f in fields(cls))
    return names


def _plain(value: Any) -> Any:
    kind = type(value)
    if kind is str or kind is int or kind is float or value is None or kind is bool:
        return value
    if kind is tuple or kind is list:
        return [_plain(item) for item in value]
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    return {key: _plain(getattr(value, name)) for name, key in _names(kind)}


def _dump(data: dict[str, Any]) -> bytes:
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"), check_circular=False)
    try:
        return text.encode() + b"\n"
    except UnicodeEncodeError:  # a lone surrogate: undecodable bytes that a script wrote, escaped in ASCII
        return json.dumps(data, separators=(",", ":"), check_circular=False).encode() + b"\n"


def encode(message: Message) -> bytes:
    """The JSON line of an event or message, ending in a newline."""
    if isinstance(message, UnknownEvent):
        header = {name: getattr(message, name) for name in ("run", "t", "worker", "seq")}
        return _dump({"type": message.name, **header, **message.fields})
    return _dump({"type": message.type, **_plain(message)})


def encode_stamped(event: Event, *, run: int, t: float, worker: int, seq: int) -> bytes:
    """The JSON line of `stamped(event, …)`, made in one go."""
    data: dict[str, Any] = {"type": event.type, "run": run, "t": t, "worker": worker, "seq": seq}
    for name, key in _names(type(event))[len(data) - 1 :]:
        data[key] = _plain(getattr(event, name))
    return _dump(data)


def encode_command(command: Command) -> bytes:
    """The JSON line of a command, ending in a newline."""
    return _dump({"command": command.command, **_plain(command)})


_E = TypeVar("_E", bound=Event)


def stamped(event: _E, *, run: int, t: float, worker: int, seq: int) -> _E:
    """The event with its header filled in."""
    copy = object.__new__(type(event))
    put = object.__setattr__
    for name, _ in _names(type(event)):
        put(copy, name, getattr(event, name))
    put(copy, "run", run)
    put(copy, "t", t)
    put(copy, "worker", worker)
    put(copy, "seq", seq)
    return copy


_Check = Callable[[Any], Any]
_SCHEMAS: dict[type[Any], tuple[tuple[str, str, _Check, bool], ...]] = {}


def _wrong(expected: str) -> _Check:
    def check(value: Any) -> Any:
        raise TypeError(f"expected {expected}, found {type(value).__name__}")

    return check


def _check_for(hint: Any) -> _Check:
    """The function that turns a JSON value into a field of type `hint`, or raises `TypeError`."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if hint is float:
        refuse = _wrong("a number")
        return lambda v: float(v) if type(v) in (int, float) else refuse(v)
    if hint in (str, int, bool):
        refuse = _wrong(hint.__name__)
        return lambda v: v if type(v) is hint else refuse(v)
    if origin in (typing.Union, types.UnionType):
        (inner,) = (_check_for(a) for a in arguments if a is not type(None))
        return lambda v: None if v is None else inner(v)
    if origin is tuple and arguments[-1] is Ellipsis:
        item, refuse = _check_for(arguments[0]), _wrong("a list")
        return lambda v: tuple(item(x) for x in v) if type(v) is list else refuse(v)
    if origin is tuple:
        parts, refuse = tuple(_check_for(a) for a in arguments), _wrong(f"a list of {len(arguments)}")
        return lambda v: (
            tuple(part(x) for part, x in zip(parts, v, strict=True))
            if type(v) is list and len(v) == len(parts)
            else refuse(v)
        )
    if isinstance(origin, type) and issubclass(origin, Mapping):
        item, refuse = _check_for(arguments[1]), _wrong("an object")
        return lambda v: {k: item(x) for k, x in v.items()} if type(v) is dict else refuse(v)
    if isinstance(hint, type):
        refuse = _wrong("an object")
        return lambda v: _build(hint, v) if type(v) is dict else refuse(v)
    return lambda v: v


def _schema(cls: type[Any]) -> tuple[tuple[str, str, _Check, bool], ...]:
    schema = _SCHEMAS.get(cls)
    if schema is None:
        hints = typing.get_type_hints(cls)
        schema = _SCHEMAS[cls] = tuple(
            (
                f.name,
                f.name.rstrip("_"),
                _check_for(hints[f.name]),
                f.default is MISSING and f.default_factory is MISSING,
            )
            for f in fields(cls)
        )
    return schema


def _build(cls: type[Any], data: Mapping[str, Any]) -> Any:
    values: dict[str, Any] = {}
    for name, key, check, required in _schema(cls):
        if key in data:
            try:
                values[name] = check(data[key])
            except TypeError as error:
                raise TypeError(f"field {key!r}: {error}") from None
        elif required:
            raise TypeError(f"field {key!r} is missing")
    return cls(**values)


def _load(line: bytes | str) -> dict[str, Any]:
    if len(line) > MAX_LINE_BYTES:
        raise EventError(f"a line of {len(line)} bytes is longer than {MAX_LINE_BYTES}")
    try:
        data = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise EventError(f"not JSON: {error}") from None
    if type(data) is not dict:
        raise EventError(f"not a JSON object: {type(data).__name__}")
    return data


def decode(line: bytes | str) -> Message:
    """The event or message in a JSON line; an unknown type gives an `UnknownEvent`.

    Raises:
        EventError: the line is no JSON object with a `type`, or a field has the wrong type.
    """
    data = _load(line)
    name = data.get("type")
    if type(name) is not str:
        raise EventError("an event without a type")
    cls: type[Any] | None = EVENT_TYPES.get(name) or _MESSAGES.get(name)
    try:
        if cls is not None:
            message: Message = _build(cls, data)
            return message
        header = _build(Event, data)
    except TypeError as error:
        raise EventError(f"{name}: {error}") from None
    rest = {k: v for k, v in data.items() if k not in ("type", "run", "t", "worker", "seq")}
    return UnknownEvent(run=header.run, t=header.t, worker=header.worker, seq=header.seq, name=name, fields=rest)


def decode_command(line: bytes | str) -> Command:
    """The command in a JSON line.

    Raises:
        EventError: the line is no known command.
    """
    data = _load(line)
    name = data.get("command")
    cls = _COMMANDS.get(name) if type(name) is str else None
    if cls is None:
        raise EventError(f"unknown command {name!r}")
    try:
        command: Command = _build(cls, data)
        return command
    except TypeError as error:
        raise EventError(f"{name}: {error}") from None
