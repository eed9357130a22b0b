"""The time of events."""

from __future__ import annotations

import time

import pytest

from sage_runtime.events import steady_clock


def test_it_reads_as_the_clock_of_the_machine() -> None:
    clock = steady_clock()
    before = time.time()
    now = clock()
    assert before - 0.01 <= now <= time.time() + 0.01


def test_it_does_not_leap_when_that_one_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = steady_clock()
    before, machine = clock(), time.time
    monkeypatch.setattr(time, "time", lambda: machine() - 86400.0)
    assert before <= clock() < before + 60.0
