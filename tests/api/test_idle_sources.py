"""`submit(autostop=True)` and sources that go on answering `None`: when all of them have nothing more, they end."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, ClassVar

import pytest

from sage_runtime import engine
from sage_runtime.api import exhaustion
from sage_runtime.api import idle_sources as idle_policy
from sage_runtime.api.environment import BaseEnvironment
from sage_runtime.api.environments import KernelLocalEnvironment, LocalEnvironment, RuntimeLocalEnvironment
from sage_runtime.api.functions import MapFunction, SourceFunction
from sage_runtime.api.idle_sources import ROUNDS, IdleSourcePolicy
from sage_runtime.api.pipeline import build_graph
from sage_runtime.graph import EndOfStream

from .pipelines import Collect


class Job(SimpleNamespace):
    """A job as `IdleSourcePolicy` sees it, with one operator beside its sources."""

    def __init__(self) -> None:
        channel = SimpleNamespace(records=[])
        meter = SimpleNamespace(taken=0, done=0, records_out=0)
        self.operator = SimpleNamespace(spec=SimpleNamespace(is_source=False), channels=[channel], meter=meter)
        self.replicas: list[Any] = [self.operator]


class Source:
    """One of its sources."""

    channels = ()

    def __init__(self, job: Job) -> None:
        self.spec = SimpleNamespace(is_source=True, name="source")
        self.meter = SimpleNamespace(taken=0, done=0, records_out=0)
        self.ended = False
        job.replicas.append(self)


@pytest.fixture
def watcher() -> IdleSourcePolicy:
    watcher = IdleSourcePolicy()
    watcher.job = Job()  # type: ignore[assignment]
    return watcher


def answers(watcher: IdleSourcePolicy, source: Any, times: int) -> list[bool]:
    """Whether it is to end, each time that it has nothing."""
    return [isinstance(watcher.answer(source), EndOfStream) for _ in range(times)]


def test_a_source_ends_after_a_thousand_times_nothing(watcher: IdleSourcePolicy) -> None:
    assert answers(watcher, Source(watcher.job), ROUNDS + 1) == [False] * ROUNDS + [True]  # type: ignore[arg-type]


def test_a_record_starts_the_count_again(watcher: IdleSourcePolicy) -> None:
    source = Source(watcher.job)  # type: ignore[arg-type]
    assert not any(answers(watcher, source, ROUNDS))
    source.meter.records_out += 1
    assert answers(watcher, source, ROUNDS + 1) == [False] * ROUNDS + [True]


def test_a_source_waits_until_the_job_has_started(watcher: IdleSourcePolicy) -> None:
    source = Source(watcher.job)  # type: ignore[arg-type]
    job, watcher.job = watcher.job, None
    assert not any(answers(watcher, source, 3 * ROUNDS))
    watcher.job = job
    assert any(answers(watcher, source, ROUNDS + 1))


def test_a_source_waits_for_a_record_on_its_way_and_for_one_in_an_operator(watcher: IdleSourcePolicy) -> None:
    job: Any = watcher.job
    source = Source(job)
    job.operator.channels[0].records.append(1)
    assert not any(answers(watcher, source, 3 * ROUNDS))
    job.operator.channels[0].records.clear()
    job.operator.meter.taken = 1
    assert not any(answers(watcher, source, 3 * ROUNDS))
    job.operator.meter.done = 1
    assert any(answers(watcher, source, ROUNDS + 1))


def test_a_source_waits_for_the_others_unless_they_have_ended(watcher: IdleSourcePolicy) -> None:
    job: Any = watcher.job
    idle, busy = Source(job), Source(job)
    assert not any(answers(watcher, idle, 2 * ROUNDS))
    busy.meter.records_out += 1
    assert not any(answers(watcher, idle, 2 * ROUNDS))
    busy.ended = True
    assert any(answers(watcher, idle, ROUNDS + 1))


class Dry(SourceFunction):
    def __init__(self) -> None:
        self.values = [1, 2]

    def execute(self) -> Any:
        return self.values.pop() if self.values else None


class Slow(SourceFunction):
    """Gives its second record only after being asked for a while: it has to be waited for."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self.clock = clock
        self.left = [2, 1]

    def execute(self) -> Any:
        if not self.left:
            raise StopIteration
        due = self.left[-1] == 1 or self.clock() > 20
        return self.left.pop() if due else None


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A few rounds are enough; and threads that were there before the script, as pytest-xdist's, have no say in it."""
    monkeypatch.setattr(idle_policy, "ROUNDS", 3)
    monkeypatch.setattr(idle_policy, "EXHAUSTED_ROUNDS", 3)
    before = sys._current_frames().keys() - {threading.get_ident()}
    at_work = exhaustion.others_at_work
    monkeypatch.setattr(exhaustion, "others_at_work", lambda *besides: at_work(*besides, *before))


@pytest.mark.usefixtures("runtime", "impatient")
@pytest.mark.parametrize("make", [LocalEnvironment, KernelLocalEnvironment, RuntimeLocalEnvironment])
def test_a_dry_pipeline_ends_in_every_era(make: Callable[[], BaseEnvironment], seen: list[Any]) -> None:
    env = make()
    env.from_source(Dry, delay=5.0).sink(Collect, seen)
    env.from_source(Dry).sink(Collect, seen)
    env.from_batch([3]).sink(Collect, seen)
    env.submit(autostop=True)
    assert sorted(seen) == [1, 1, 2, 2, 3]


@pytest.mark.usefixtures("runtime", "impatient")
@pytest.mark.parametrize("make", [LocalEnvironment, KernelLocalEnvironment])
def test_a_source_that_looks_at_a_clock_is_waited_for_before_era_3(
    make: Callable[[], BaseEnvironment], seen: list[Any]
) -> None:
    env = make()
    env.from_source(Slow, iter(range(30)).__next__).sink(Collect, seen)
    env.submit(autostop=True)
    assert seen == [1, 2]


class Fed(SourceFunction):
    """Gives what others put into the class, and has no state of its own."""

    waiting: ClassVar[list[Any]] = []

    def execute(self) -> Any:
        return self.waiting.pop() if self.waiting else None


class Feeder(MapFunction):
    """Takes its time over a record, and then feeds the source again."""

    def execute(self, data: Any) -> Any:
        for _ in range(20):
            engine.current().jobs[-1].replicas[0].wakeup.wait(lambda: False, 0.01)
        if data < 3:
            Fed.waiting.append(data + 1)
        return data


@pytest.mark.usefixtures("runtime", "impatient")
def test_a_source_is_waited_for_while_an_operator_may_feed_it(seen: list[Any]) -> None:
    Fed.waiting[:] = [1]
    env = LocalEnvironment()
    env.from_source(Fed).map(Feeder).sink(Collect, seen)
    env.submit(autostop=True)
    assert seen == [1, 2, 3]


def test_an_explicit_delay_is_the_wait_after_none_only_where_nobody_gives_up() -> None:
    env = RuntimeLocalEnvironment()
    env.from_source(Dry, delay=5.0)
    assert build_graph(env, IdleSourcePolicy()).operators[0].idle_delay == 0.01
    assert build_graph(env).operators[0].idle_delay == 5.0
