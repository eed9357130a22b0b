"""Other shapes of pipelines, era 1: `python shapes_sage.py RECORDS RESULT SHAPE [SIZE]`; the result is seconds.

SHAPE: row (SIZE operators, 10), fan (one source, SIZE sinks, 10), shuffle (keyed, SIZE replicas, 4), join, blocking
(SIZE replicas that sleep 10 ms per record, 8), services (each record calls one of SIZE services, 1).
"""

import sys
import time
from pathlib import Path

from sage.core.api.function.batch_function import BatchFunction
from sage.core.api.function.join_function import BaseJoinFunction
from sage.core.api.function.keyby_function import KeyByFunction
from sage.core.api.function.map_function import MapFunction
from sage.core.api.function.sink_function import SinkFunction
from sage.core.api.local_environment import LocalEnvironment
from sage.core.api.service.base_service import BaseService

RECORDS, SHAPE = int(sys.argv[1]), sys.argv[3]
USUAL = {"row": 10, "fan": 10, "shuffle": 4, "join": 2, "blocking": 8, "services": 1}
SIZE = int(sys.argv[4]) if len(sys.argv) > 4 else USUAL[SHAPE]
seen = 0


class Numbers(BatchFunction):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.next = 0

    def execute(self):
        number = self.next
        if number >= RECORDS:
            return None
        self.next = number + 1
        return number


class Increment(MapFunction):
    def execute(self, value):
        return value + 1


class Sleep(MapFunction):
    def execute(self, value):
        time.sleep(0.01)
        return value


class Key(KeyByFunction):
    def execute(self, value):
        return value & 63


class Key4(KeyByFunction):
    def execute(self, value):
        return value


class Echo(BaseService):
    def echo(self, value):
        return value


class Ask(MapFunction):
    def execute(self, value):
        return self.call_service[f"echo{value % SIZE}"].echo(value)


class Pair(BaseJoinFunction):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.waiting = {}

    def execute(self, payload, key, tag):
        if key in self.waiting:
            return [(self.waiting.pop(key), payload)]
        self.waiting[key] = payload
        return []


class Count(SinkFunction):
    def execute(self, value):
        global seen
        seen += 1


def build(environment):
    source = environment.from_batch(Numbers)
    if SHAPE == "row":
        for _ in range(SIZE - 2):
            source = source.map(Increment)
        source.sink(Count)
    elif SHAPE == "fan":
        for _ in range(SIZE):
            source.sink(Count)
    elif SHAPE == "shuffle":
        source.keyby(Key).map(Increment, parallelism=SIZE).sink(Count)
    elif SHAPE == "join":
        other = environment.from_batch(Numbers)
        source.keyby(Key4).connect(other.keyby(Key4)).join(Pair).sink(Count)
    elif SHAPE == "services":
        for number in range(SIZE):
            environment.register_service(f"echo{number}", Echo)
        source.map(Ask).sink(Count)
    else:
        source.map(Sleep, parallelism=SIZE).sink(Count)


environment = LocalEnvironment("shapes")
build(environment)
began = time.perf_counter()
environment.submit(autostop=True)
seconds = time.perf_counter() - began
Path(sys.argv[2]).write_text(str(seconds))
