"""What SAGE's operators send one another: `StopSignal` in its three forms, `Packet`, and the metronome of era 1.

All forms of `StopSignal` end the source that returns them: they derive from the engine's `EndOfStream`.
"""

from __future__ import annotations

import threading
import time
from typing import Any

from sage_runtime.graph import EndOfStream


class StopSignal(EndOfStream):
    """The end of a stream, as eras 1 (from 0.1.3) and 2 have it: every argument is optional.

    `name` is the message and `source` defaults to it; `timestamp` is in nanoseconds since the epoch.
    """

    def __init__(self, message: str = "Stop", source: str | None = None, payload: Any = None) -> None:
        self.message = message
        self.name = message
        self.source = message if source is None else source
        self.payload = payload
        self.timestamp = time.time_ns()

    def __str__(self) -> str:
        return f"StopSignal({self.message})"

    def __repr__(self) -> str:
        return f"StopSignal(message={self.message!r}, source={self.source!r})"


class EarlyStopSignal(StopSignal):
    """The end of a stream as 0.1.2 has it in `sage.core.communication.stop_signal`: a name, and perhaps a payload."""

    def __init__(self, name: str, payload: Any = None) -> None:
        super().__init__(name, payload=payload)

    def __repr__(self) -> str:
        return f"<StopSignal {self.name}>"


class RuntimeStopSignal(EndOfStream):
    """The end of a stream as era 3 has it: the name is required, and signals with the same fields are equal."""

    __slots__ = ("name", "source", "timestamp")
    __hash__ = None  # type: ignore[assignment]  # mutable and compared by value, as SAGE's dataclass is

    def __init__(self, name: str, source: str | None = None, timestamp: int | None = None) -> None:
        self.name = name
        self.source = source
        self.timestamp = time.time_ns() if timestamp is None else timestamp

    def __repr__(self) -> str:
        return f"StopSignal(name={self.name!r}, source={self.source!r}, timestamp={self.timestamp})"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, RuntimeStopSignal):
            return NotImplemented
        return (self.name, self.source, self.timestamp) == (other.name, other.source, other.timestamp)


for _signal in (EarlyStopSignal, RuntimeStopSignal):
    _signal.__name__ = _signal.__qualname__ = "StopSignal"


class Packet:
    """A record with its routing: what SAGE sends between operators. Ours does not use it; scripts may make some.

    `input_index` tells the inputs of a comap or join apart, `partition_key` and `partition_strategy` route;
    `timestamp` is in nanoseconds since the epoch.
    """

    def __init__(
        self,
        payload: Any,
        input_index: int = 0,
        partition_key: Any = None,
        partition_strategy: str | None = None,
    ) -> None:
        self.payload = payload
        self.input_index = input_index
        self.partition_key = partition_key
        self.partition_strategy = partition_strategy
        self.timestamp = time.time_ns()

    def is_keyed(self) -> bool:
        """Whether it carries a key."""
        return self.partition_key is not None

    def inherit_partition_info(self, new_payload: Any) -> Packet:
        """A new packet with another payload and the same routing."""
        return Packet(new_payload, self.input_index, self.partition_key, self.partition_strategy)

    def update_key(self, new_key: Any, new_strategy: str | None = None) -> Packet:
        """A new packet with another key and, if given, another strategy."""
        return Packet(self.payload, self.input_index, new_key, new_strategy or self.partition_strategy)

    def copy(self) -> Packet:
        """A packet equal to this one, with the same timestamp."""
        packet = self.inherit_partition_info(self.payload)
        packet.timestamp = self.timestamp
        return packet

    def _fields(self) -> tuple[Any, ...]:
        return self.payload, self.input_index, self.partition_key, self.partition_strategy

    def __eq__(self, other: object) -> bool:
        return self._fields() == other._fields() if isinstance(other, Packet) else NotImplemented

    __hash__ = object.__hash__

    def __repr__(self) -> str:
        key = f"key={self.partition_key!r}" if self.is_keyed() else "unkeyed"
        return f"<Packet input={self.input_index} {key} payload_type={type(self.payload).__name__}>"


class Metronome:
    """A lock that is released once per record. It starts locked. Any thread may call any method."""

    def __init__(self, name: str = "global_metronome") -> None:
        self.name = name
        self._condition = threading.Condition()
        self._locked = True
        self._waiting = 0

    def wait_for_release(self, timeout: float | None = None) -> bool:
        """Wait until it is released, `timeout` seconds at most; false if it was not."""
        with self._condition:
            self._waiting += 1
            try:
                return self._condition.wait_for(lambda: not self._locked, timeout)
            finally:
                self._waiting -= 1

    def release_once(self) -> None:
        """Let one record pass."""
        with self._condition:
            self._locked = False
            self._condition.notify()

    def lock_after_send(self) -> None:
        """Hold the next record."""
        with self._condition:
            self._locked = True


_PATIENCE_S = 30.0
"""How long a source waits for its release, in seconds, before it goes on without."""


def keep_time(function: Any, kind: str) -> None:
    """Pace a function by its metronome, if it uses one."""
    metronome = getattr(function, "metronome", None)
    if not getattr(function, "use_metronome", False) or not isinstance(metronome, Metronome):
        return
    execute = function.execute

    def wait_and_make() -> Any:
        metronome.wait_for_release(_PATIENCE_S)
        record = execute()
        if record is not None:
            metronome.lock_after_send()
        return record

    def take_and_release(record: Any) -> None:
        try:
            execute(record)
        finally:
            metronome.release_once()

    if kind in ("source", "batch"):
        function.execute = wait_and_make
    elif kind == "sink":
        function.execute = take_and_release


def create_metronome(name: str) -> Metronome:
    """A new metronome."""
    return Metronome(name)
