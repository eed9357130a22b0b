"""What tells an exhausted source from a quiet one."""

from __future__ import annotations

import collections
import functools
import io
import queue
import random
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from sage_runtime.api.exhaustion import ask_watched, others_at_work
from sage_runtime.api.functions import SourceFunction


class Base(SourceFunction):
    def __init__(self) -> None:
        self.count = 3
        self.items: list[int] = []
        self.later: collections.deque[int] = collections.deque()
        self.inbox: queue.Queue[int] = queue.Queue()
        self.nested = {"asked": 0}

    def execute(self) -> Any: ...


class Counted(Base):
    def execute(self) -> Any:
        return self.count if self.count < len("abc") else None


class Emptied(Base):
    def execute(self, data: Any = None) -> Any:
        try:
            return self.items.pop(0)
        except IndexError:
            return self.take()

    def take(self) -> Any:
        return self.later.popleft() if self.later else None


class Iterated(Base):
    def __init__(self) -> None:
        super().__init__()
        self.rows: Iterator[int] = iter([])
        self.made: Iterator[int] = (row for row in self.items)

    def execute(self) -> Any:
        return next(self.rows, next(self.made, None))


class Clock(Base):
    def execute(self) -> Any:
        return 1 if time.time() < 0 else None


class Chance(Base):
    def execute(self) -> Any:
        return 1 if random.random() > 1 else None


class Inbox(Base):
    def execute(self) -> Any:
        try:
            return self.inbox.get_nowait()
        except queue.Empty:
            return None


class Tail(Base):
    def __init__(self) -> None:
        self.file = io.StringIO()

    def execute(self) -> Any:
        for line in self.file:
            return line
        return None


class Wrapped(Base):
    def __init__(self) -> None:
        self.look = functools.partial(next, io.StringIO(), None)

    def execute(self) -> Any:
        return self.look()


class Locked(Base):
    def __init__(self) -> None:
        self.lock = threading.Lock()

    def execute(self) -> Any:
        with self.lock:
            return None


class Patient(Base):
    def execute(self) -> Any:
        self.count += 1
        return 1 if self.count > 1_000_000 else None


class Growing(Base):
    def execute(self) -> Any:
        self.again = True


@pytest.mark.parametrize("make", [Counted, Emptied, Iterated])
def test_a_source_that_only_looks_at_itself_and_changes_nothing_is_exhausted(make: Callable[[], Base]) -> None:
    assert ask_watched(make().execute) == (None, True)


@pytest.mark.parametrize("make", [Clock, Chance, Inbox, Tail, Wrapped, Locked, Patient, Growing])
def test_a_source_that_looks_elsewhere_or_changes_may_speak_again(make: Callable[[], Base]) -> None:
    assert ask_watched(make().execute) == (None, False)


def test_a_callable_without_state_of_its_own_is_never_exhausted() -> None:
    assert ask_watched(lambda: None) == (None, False)


def test_an_answer_is_handed_on() -> None:
    source = Emptied()
    source.items.append(7)
    assert ask_watched(source.execute) == (7, False)


def test_what_it_raises_comes_out_and_the_profiler_is_put_back() -> None:
    def profiler(*event: Any) -> None:
        """Somebody's."""

    sys.setprofile(profiler)
    try:
        with pytest.raises(AttributeError):
            ask_watched(Emptied.__new__(Emptied).execute)
        assert sys.getprofile() is profiler
    finally:
        sys.setprofile(None)


def test_a_thread_inside_the_script_s_code_is_at_work() -> None:
    begun, done = threading.Event(), threading.Event()

    def work() -> None:
        begun.set()
        done.wait()

    thread = threading.Thread(target=work)
    thread.start()
    begun.wait()
    others = [ident for ident in sys._current_frames() if ident != thread.ident]
    assert others_at_work(*others)
    done.set()
    thread.join()
    assert not others_at_work(*others)


def test_a_thread_that_only_waits_inside_threading_is_not() -> None:
    done = threading.Event()
    thread = threading.Thread(target=done.wait)
    thread.start()
    others = [ident for ident in sys._current_frames() if ident != thread.ident]
    assert not others_at_work(*others)
    done.set()
    thread.join()
