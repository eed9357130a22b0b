"""source → map → filter → sink with SAGE's API, era 1 or 3: `python four_sage.py RECORDS RESULT [ERA]`."""

import sys
import time
from pathlib import Path

if sys.argv[3:] == ["3"]:
    from sage.foundation import BatchFunction, FilterFunction, MapFunction, SinkFunction
    from sage.runtime import LocalEnvironment
else:
    from sage.core.api.function.batch_function import BatchFunction
    from sage.core.api.function.filter_function import FilterFunction
    from sage.core.api.function.map_function import MapFunction
    from sage.core.api.function.sink_function import SinkFunction
    from sage.core.api.local_environment import LocalEnvironment

RECORDS = int(sys.argv[1])
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


class Even(FilterFunction):
    def execute(self, value):
        return value & 1 == 0


class Count(SinkFunction):
    def execute(self, value):
        global seen
        seen += 1


def main():
    environment = LocalEnvironment("four")
    environment.from_batch(Numbers).map(Increment).filter(Even).sink(Count)
    began = time.perf_counter()
    environment.submit(autostop=True)
    seconds = time.perf_counter() - began
    assert seen == RECORDS // 2, seen
    Path(sys.argv[2]).write_text(str(seconds))


main()
