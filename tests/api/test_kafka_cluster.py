"""A Kafka source reads over the wire: from the mock cluster that librdkafka brings along."""

from __future__ import annotations

import json
from typing import Any

import pytest

from sage_runtime.api.environment import KernelLocalEnvironment
from sage_runtime.api.io.kafka import KafkaSourceFunction

pytestmark = pytest.mark.foreign

pytest.importorskip("kafka", reason="the extra kafka is not installed")
confluent_kafka = pytest.importorskip("confluent_kafka", reason="librdkafka's mock cluster is not installed")

MOCK_VERSION = (2, 1)
"""The protocol that the mock cluster speaks; asked for its version in newer words it answers what nobody can read."""


@pytest.mark.usefixtures("runtime")
def test_messages_of_a_topic_arrive_once_with_their_keys(seen: list[Any]) -> None:
    producer = confluent_kafka.Producer({"bootstrap.servers": "", "test.mock.num.brokers": 1})
    (broker,) = producer.list_topics(timeout=10).brokers.values()
    for number in range(20):
        producer.produce("numbers", value=json.dumps({"n": number}), key=f"key {number}")
    producer.flush(10)

    made: list[KafkaSourceFunction] = []

    class Source(KafkaSourceFunction):
        def __init__(self, **options: Any) -> None:
            super().__init__(**options)
            made.append(self)

    env = KernelLocalEnvironment("kafka")
    address = f"{broker.host}:{broker.port}"
    stream = env.from_kafka_source(
        Source, address, "numbers", "group", auto_offset_reset="earliest", api_version=MOCK_VERSION
    )

    def take(message: Any) -> None:
        seen.append((message["value"]["n"], message["key"]))
        if len(seen) == 20:
            env._job.close_sources()  # type: ignore[union-attr]

    stream.sink(take)
    env.submit(autostop=True)
    made[0].close()
    assert sorted(seen) == [(number, f"key {number}") for number in range(20)]
