"""source → map → filter → sink with Streamz: `python four_streamz.py RECORDS RESULT`."""

import sys
import time
from pathlib import Path

from streamz import Stream

RECORDS = int(sys.argv[1])
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


def count(value):
    global seen
    seen += 1


source = Stream()
source.map(lambda value: value + 1).filter(lambda value: value & 1 == 0).sink(count)
began = time.perf_counter()
for number in iter(Numbers().execute, None):
    source.emit(number)
seconds = time.perf_counter() - began
assert seen == RECORDS // 2
Path(sys.argv[2]).write_text(str(seconds))
