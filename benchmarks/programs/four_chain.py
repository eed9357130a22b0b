"""source → map → filter → sink as plain calls in one thread: `python four_chain.py RECORDS RESULT`."""

import sys
import time
from pathlib import Path

seen = 0


class Numbers:
    def __init__(self, count):
        self.count = count
        self.next = 0

    def execute(self):
        number = self.next
        if number >= self.count:
            return None
        self.next = number + 1
        return number


class Increment:
    def execute(self, value):
        return value + 1


class Even:
    def execute(self, value):
        return value & 1 == 0


class Count:
    def execute(self, value):
        global seen
        seen += 1


def main():
    records = int(sys.argv[1])
    source, add, keep, count = Numbers(records).execute, Increment().execute, Even().execute, Count().execute
    began = time.perf_counter()
    while True:
        value = source()
        if value is None:
            break
        value = add(value)
        if value is not None and keep(value):
            count(value)
    seconds = time.perf_counter() - began
    assert seen == records // 2
    Path(sys.argv[2]).write_text(str(seconds))


main()
