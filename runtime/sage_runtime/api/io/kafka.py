"""Kafka topics as sources, with the client kafka-python (the extra `kafka`), whose option names SAGE's scripts use."""

from __future__ import annotations

import json
import weakref
from collections import deque
from collections.abc import Callable
from importlib import import_module
from typing import Any

from sage_runtime.api.functions import SourceFunction

_POLL_MS = 200
"""How long one poll waits for messages, in milliseconds: a stop waits no longer."""

_DESERIALIZERS: dict[str, Callable[[bytes], Any]] = {
    "json": json.loads,
    "string": lambda value: value.decode("utf-8"),
    "bytes": lambda value: value,
}


class KafkaSourceFunction(SourceFunction):
    """A topic's messages, as dictionaries: value, key (text), timestamp (milliseconds), partition, offset.

    It connects with the first record that is asked for. `value_deserializer` is json, string, bytes or a callable; a
    message it fails on is reported in the log and left out. `max_poll_records` are fetched at once and no more before
    they are used, so backpressure reaches the broker; `buffer_size` is accepted and not needed. All other options go
    to the client.

    Raises:
        ValueError: an unknown deserializer.
    """

    def __init__(
        self,
        bootstrap_servers: str | list[str],
        topic: str,
        group_id: str | None,
        auto_offset_reset: str = "latest",
        value_deserializer: str | Callable[[bytes], Any] = "json",
        buffer_size: int = 10000,
        max_poll_records: int = 500,
        **kafka_config: Any,
    ) -> None:
        super().__init__()
        if isinstance(value_deserializer, str) and value_deserializer not in _DESERIALIZERS:
            raise ValueError(f"no deserializer {value_deserializer!r}; there are {', '.join(_DESERIALIZERS)}")
        self.bootstrap_servers = bootstrap_servers
        self.topic = topic
        self.group_id = group_id
        self.auto_offset_reset = auto_offset_reset
        self.value_deserializer = value_deserializer
        self.buffer_size = buffer_size
        self.max_poll_records = max_poll_records
        self.kafka_config = kafka_config
        self._consumer: Any = None
        self._messages: deque[Any] = deque()

    def execute(self, data: Any = None) -> dict[str, Any] | None:
        """The next message, or `None` when none came.

        Raises:
            ImportError: kafka-python is not installed.
        """
        if not self._messages:
            self._poll()
        while self._messages:
            message = self._messages.popleft()
            try:
                value = None if message.value is None else self._deserialize(message.value)
            except ValueError as error:
                self.logger.error(f"{self.topic}[{message.partition}] at {message.offset} cannot be read: {error}")
                continue
            return {
                "value": value,
                "key": None if message.key is None else message.key.decode("utf-8", "replace"),
                "timestamp": message.timestamp,
                "partition": message.partition,
                "offset": message.offset,
            }
        return None

    def close(self) -> None:
        """Leave the group."""
        if self._consumer is not None:
            self._consumer.close()
            self._consumer = None

    def _deserialize(self, value: bytes) -> Any:
        deserialize = self.value_deserializer
        return (_DESERIALIZERS[deserialize] if isinstance(deserialize, str) else deserialize)(value)

    def _poll(self) -> None:
        if self._consumer is None:
            self._consumer = _connect(
                self.topic,
                bootstrap_servers=self.bootstrap_servers,
                group_id=self.group_id,
                auto_offset_reset=self.auto_offset_reset,
                max_poll_records=self.max_poll_records,
                **self.kafka_config,
            )
            weakref.finalize(self, self._consumer.close)
        for messages in self._consumer.poll(timeout_ms=_POLL_MS).values():
            self._messages.extend(messages)


def _connect(topic: str, **options: Any) -> Any:
    try:
        client = import_module("kafka")
    except ImportError as error:
        raise ImportError(
            "Kafka sources need the client kafka-python: pip install kafka-python, for the Python that runs the script"
        ) from error
    return client.KafkaConsumer(topic, **options)


class KafkaSource(KafkaSourceFunction):
    """The same, from a `config`: bootstrap_servers (localhost:9092), topic, group_id (sage_consumer), other options.

    In SAGE this class is a placeholder that emits nothing.
    """

    def __init__(self, config: dict[str, Any] | None = None, **kwargs: Any) -> None:
        self.config = {"bootstrap_servers": ["localhost:9092"], "group_id": "sage_consumer", **(config or {}), **kwargs}
        if not self.config.get("topic"):
            raise ValueError("KafkaSource needs a config with a topic")
        super().__init__(**self.config)
