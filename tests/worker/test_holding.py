"""Locks that an interrupted thread must not leave behind."""

from __future__ import annotations

import sys
import threading

import pytest

from sage_runtime.worker.encoder import Origin
from sage_runtime.worker.event_bus import EventBus
from sage_runtime.worker.stdio.line_assembler import LineAssembler

pytestmark = pytest.mark.skipif(sys.version_info < (3, 14), reason="`with` was safe by itself")


class Interrupted:
    """A lock whose `with` is interrupted after it is taken and before its block begins."""

    def __init__(self, lock: threading.RLock) -> None:
        self.lock = lock
        self._is_owned = lock._is_owned  # type: ignore[attr-defined]
        self._recursion_count = lock._recursion_count  # type: ignore[attr-defined]
        self.release = lock.release

    def __enter__(self) -> None:
        self.lock.acquire()
        raise KeyboardInterrupt

    def __exit__(self, *_: object) -> None:
        self.lock.release()


def is_free(lock: threading.RLock) -> bool:
    """Whether another thread can take it."""
    found: list[bool] = []
    thread = threading.Thread(target=lambda: found.append(lock.acquire(blocking=False)))
    thread.start()
    thread.join()
    return found == [True]


def test_an_interrupt_while_the_turn_is_taken_leaves_it_free() -> None:
    bus = EventBus(1, lambda data: None, at_once=len)
    turn = bus._turn
    bus._turn = Interrupted(turn)  # type: ignore[assignment]
    bus.put_text(Origin("stdout", None, None), "line\n")
    with pytest.raises(KeyboardInterrupt):
        bus._write_through(len)
    bus._turn = turn
    assert is_free(turn)
    bus.close()


def test_an_interrupt_while_a_line_is_fed_leaves_it_to_be_finished() -> None:
    bus = EventBus(1, lambda data: None)
    line = LineAssembler(bus, Origin("stdout", None, None))
    lock = line.lock
    line.lock = Interrupted(lock)  # type: ignore[assignment]
    with pytest.raises(KeyboardInterrupt):
        line.feed("half")
    line.lock = lock
    assert is_free(lock)
    bus.close()
