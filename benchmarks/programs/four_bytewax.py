"""source → map → filter → sink with Bytewax: `python four_bytewax.py RECORDS RESULT BATCH`."""

import sys
import time
from itertools import islice
from pathlib import Path

import bytewax.operators as op
from bytewax.dataflow import Dataflow
from bytewax.inputs import DynamicSource, StatelessSourcePartition
from bytewax.outputs import DynamicSink, StatelessSinkPartition
from bytewax.testing import run_main

RECORDS, BATCH = int(sys.argv[1]), int(sys.argv[3])
seen = 0


class Numbers:
    def __init__(self):
        self.next = 0

    def execute(self):
        number = self.next
        if number >= RECORDS:
            return None
        self.next = number + 1
        return number


class Partition(StatelessSourcePartition):
    def __init__(self):
        self.numbers = iter(Numbers().execute, None)

    def next_batch(self):
        batch = list(islice(self.numbers, BATCH))
        if not batch:
            raise StopIteration
        return batch


class Source(DynamicSource):
    def build(self, step_id, worker_index, worker_count):
        return Partition()


class Count(StatelessSinkPartition):
    def write_batch(self, items):
        global seen
        for _ in items:
            seen += 1


class Sink(DynamicSink):
    def build(self, step_id, worker_index, worker_count):
        return Count()


flow = Dataflow("four")
stream = op.input("source", flow, Source())
stream = op.map("map", stream, lambda value: value + 1)
stream = op.filter("filter", stream, lambda value: value & 1 == 0)
op.output("sink", stream, Sink())
began = time.perf_counter()
run_main(flow)
seconds = time.perf_counter() - began
assert seen == RECORDS // 2
Path(sys.argv[2]).write_text(str(seconds))
