"""The pipeline in the dashboard while keys are pressed, era 1: `python watched_sage.py MODE`.

MODE: idle (one record per second), flood (records, and lines as fast as they can be printed), spin (four operators that
compute without end).
"""

import sys
import time

from sage.core.api.function.map_function import MapFunction
from sage.core.api.function.sink_function import SinkFunction
from sage.core.api.function.source_function import SourceFunction
from sage.core.api.local_environment import LocalEnvironment

MODE = sys.argv[1]


class Numbers(SourceFunction):
    number = 0

    def execute(self):
        if MODE == "idle":
            time.sleep(1)
        self.number += 1
        return self.number


class Spin(MapFunction):
    def execute(self, value):
        while MODE == "spin":
            pass
        return value


class Show(SinkFunction):
    def execute(self, value):
        print("line", value)


environment = LocalEnvironment(MODE)
numbers = environment.from_source(Numbers)
numbers.map(Spin, parallelism=4 if MODE == "spin" else 1).sink(Show)
environment.submit()
