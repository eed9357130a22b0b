"""What the tests of the API have: SAGE's module paths served in this process, and a runtime of their own."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any, TypeVar

import pytest
from support.reference_engine import ReferenceEngine
from support.waiting import SOON

from sage_runtime import engine, sage_imports
from sage_runtime.api import environment, logger
from sage_runtime.api.jobs import JobManager
from sage_runtime.engine.protocol import Engine
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


NOT_ON_THE_REFERENCE = {
    "test_a_checkpointed_source_goes_on_after_it_raised": "a source that is started again",
    "test_a_pipeline_may_be_the_service_of_another": "two pipelines that run at the same time",
    "test_before_era_3_the_pipeline_waits_and_a_notice_names_the_source": "a notice after some time",
    "test_both_call_styles_work": "asynchronous calls",
    "test_close_forgets_the_pipeline": "a submit that returns",
    "test_messages_of_a_topic_arrive_once_with_their_keys": "a submit that returns",
    "test_of_batches_though_one_is_late": "sources that run at the same time",
    "test_submit_returns_an_id_and_stop_ends_a_stream": "a submit that returns",
    "test_a_job_tells_its_tasks_and_services": "a submit that returns",
    "test_of_a_stream_that_runs_and_is_stopped": "a submit that returns",
    "test_the_job_manager_knows_every_submit": "a submit that returns",
    "test_though_one_of_them_is_slow": "replicas that work at the same time",
    "test_what_takes_long_is_not_waited_for": "a submit that returns",
}
"""Tests of pipelines that one thread can't run, each with what they need."""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run what uses `runtime` on the thread engine and, where one thread can, on the reference engine."""
    if "runtime" in metafunc.fixturenames:
        alone = metafunc.function.__name__ in NOT_ON_THE_REFERENCE
        metafunc.parametrize("runtime", ["threads"] if alone else ["threads", "reference"], indirect=True)


@pytest.fixture
def runtime(request: pytest.FixtureRequest, published: Published) -> Iterator[Engine]:
    """A fresh engine, consoles and job manager for each test."""
    fresh: Engine = ReferenceEngine(published) if request.param == "reference" else ThreadEngine(published)
    engine.set_current(fresh)
    environment._announced = False
    logger.Switch.console = logger.Switch.debug = True
    JobManager.instance = None
    yield fresh
    fresh.stop()
    assert fresh.wait(SOON)
    engine.set_current(None)
