"""What the tests of the API have: SAGE's module paths served in this process, and a runtime of their own."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any, TypeVar

import pytest
from support.waiting import SOON

from sage_runtime import engine, sage_imports
from sage_runtime.api import console, environment
from sage_runtime.api.jobs import JobManager
from sage_runtime.engine.threads.engine import ThreadEngine
from sage_runtime.events import Event

Kind = TypeVar("Kind", bound=Event)


class Published(list[Event]):
    """A publisher that keeps the events."""

    publish = list.append

    def of(self, kind: type[Kind]) -> list[Kind]:
        """The events of one type."""
        return [event for event in self if isinstance(event, kind)]


@pytest.fixture
def served() -> Iterator[None]:
    """`sage.*` is served, and forgotten afterwards."""
    path = list(sys.path)
    sage_imports.install()
    yield
    sage_imports.uninstall()
    sys.path[:] = path


@pytest.fixture
def seen() -> list[Any]:
    """Where a sink puts what arrives."""
    return []


@pytest.fixture
def published() -> Published:
    """The events of the runtime of this test."""
    return Published()


@pytest.fixture
def runtime(published: Published) -> Iterator[ThreadEngine]:
    """A fresh runtime, consoles and job manager for each test."""
    fresh = ThreadEngine(published)
    engine.set_current(fresh)
    environment._announced = False
    console.Switch.console = console.Switch.debug = True
    JobManager.instance = None
    yield fresh
    fresh.stop()
    assert fresh.wait(SOON)
    engine.set_current(None)
