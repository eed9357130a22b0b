"""source → map → filter → sink with Pathway: `python four_pathway.py RECORDS RESULT`."""

import sys
import time
from pathlib import Path

import pathway as pw

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


class Subject(pw.io.python.ConnectorSubject):
    def run(self):
        for number in iter(Numbers().execute, None):
            self.next(value=number)


class Schema(pw.Schema):
    value: int


def count(key, row, time, is_addition):
    global seen
    seen += 1


table = pw.io.python.read(Subject(), schema=Schema)
table = table.select(value=pw.apply_with_type(lambda value: value + 1, int, pw.this.value))
table = table.filter(pw.apply_with_type(lambda value: value & 1 == 0, bool, pw.this.value))
pw.io.subscribe(table, on_change=count)
began = time.perf_counter()
pw.run(monitoring_level=pw.MonitoringLevel.NONE)
seconds = time.perf_counter() - began
assert seen == RECORDS // 2
Path(sys.argv[2]).write_text(str(seconds))
