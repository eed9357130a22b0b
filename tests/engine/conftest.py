"""What every test of the engine has: the promise that no thread of the engine outlives it."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from support.waiting import SOON


def engine_threads() -> list[threading.Thread]:
    """The engine's threads that are alive: of replicas, services, the sampler and timers."""
    marks = ("_worker", "service_", "sage_sampler", "_let_go_of_sources", "_abandon")
    return [thread for thread in threading.enumerate() if any(mark in thread.name for mark in marks)]


@pytest.fixture(autouse=True)
def no_thread_left() -> Iterator[None]:
    """Fail a test after which a thread of the engine does not end."""
    yield
    for thread in engine_threads():
        thread.join(SOON)
    assert engine_threads() == []
