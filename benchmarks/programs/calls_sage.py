"""Calls to a service that does nothing, era 1: `python calls_sage.py CALLS RESULT`; the result is the p50."""

import statistics
import sys
import time
from pathlib import Path

from sage.core.api.function.batch_function import BatchFunction
from sage.core.api.function.sink_function import SinkFunction
from sage.core.api.local_environment import LocalEnvironment
from sage.core.api.service.base_service import BaseService

CALLS = int(sys.argv[1])
times = []


class Numbers(BatchFunction):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.next = 0

    def execute(self):
        self.next += 1
        return self.next if self.next <= CALLS else None


class Caller(SinkFunction):
    def execute(self, value):
        began = time.perf_counter()
        self.call_service["echo"].echo(value)
        times.append(time.perf_counter() - began)


class Echo(BaseService):
    def __init__(self):
        super().__init__()

    def echo(self, value):
        return value


environment = LocalEnvironment("calls")
environment.register_service("echo", Echo)
environment.from_batch(Numbers).sink(Caller)
environment.submit(autostop=True)
assert len(times) == CALLS
Path(sys.argv[2]).write_text(str(statistics.median(times)))
