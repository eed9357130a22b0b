"""Era 3 with `autostop`: sources that go on answering `None` end, once all of them do."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from sage_runtime.api import patience
from sage_runtime.api.environments import LocalEnvironment, RuntimeLocalEnvironment
from sage_runtime.api.functions import SourceFunction
from sage_runtime.api.patience import ROUNDS, Patience
from sage_runtime.api.pipeline import build_graph
from sage_runtime.graph import EndOfStream

from .pipelines import Collect


def source(watcher: Patience, execute: Callable[[], Any], *, batch: bool = False) -> Callable[[], Any]:
    function = SimpleNamespace(execute=execute)
    watcher.watch(function, none_ends=batch)
    watched: Callable[[], Any] = function.execute
    return watched


def waiting_on(*, records: int = 0, taken: int = 0) -> Any:
    """A job with records in a lane or in an operator."""
    replica = SimpleNamespace(
        lanes=[SimpleNamespace(records=[None] * records)], meter=SimpleNamespace(taken=taken, done=0)
    )
    return SimpleNamespace(replicas=[replica])


@pytest.fixture
def watcher() -> Patience:
    watcher = Patience()
    watcher.job = waiting_on()
    return watcher


def ended(value: Any) -> bool:
    return isinstance(value, EndOfStream)


def test_a_source_ends_after_a_thousand_times_nothing(watcher: Patience) -> None:
    ask = source(watcher, lambda: None)
    answers = [ask() for _ in range(ROUNDS + 1)]
    assert not any(map(ended, answers[:-1]))
    assert ended(answers[-1])


def test_a_record_starts_the_count_again(watcher: Patience) -> None:
    values = iter([None] * ROUNDS + [1] + [None] * (ROUNDS + 1))
    ask = source(watcher, lambda: next(values))
    answers = [ask() for _ in range(2 * ROUNDS + 2)]
    assert [ended(answer) for answer in answers] == [False] * (2 * ROUNDS + 1) + [True]


@pytest.mark.parametrize("job", [None, waiting_on(records=1), waiting_on(taken=1)])
def test_a_source_waits_for_the_records_that_are_on_their_way(watcher: Patience, job: Any) -> None:
    watcher.job = job
    ask = source(watcher, lambda: None)
    assert not any(ended(ask()) for _ in range(3 * ROUNDS))
    watcher.job = waiting_on()
    assert any(ended(ask()) for _ in range(ROUNDS + 1))


def test_a_source_waits_for_the_others(watcher: Patience) -> None:
    idle, busy = source(watcher, lambda: None), source(watcher, iter([1, None]).__next__, batch=True)
    assert not any(ended(idle()) for _ in range(2 * ROUNDS))
    busy()
    assert not any(ended(idle()) for _ in range(2 * ROUNDS))
    assert busy() is None
    assert ended(idle())


def test_a_source_that_raised_is_not_waited_for(watcher: Patience) -> None:
    idle, broken = source(watcher, lambda: None), source(watcher, [].pop)
    with pytest.raises(IndexError):
        broken()
    assert any(ended(idle()) for _ in range(ROUNDS + 1))


class Dry(SourceFunction):
    def __init__(self) -> None:
        self.values = [1, 2]

    def execute(self) -> Any:
        return self.values.pop() if self.values else None


@pytest.mark.usefixtures("runtime")
def test_a_dry_pipeline_ends(seen: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "ROUNDS", 3)
    env = RuntimeLocalEnvironment()
    env.from_source(Dry, delay=5.0).sink(Collect, seen)
    env.from_batch([3]).sink(Collect, seen)
    env.submit(autostop=True)
    assert sorted(seen) == [1, 2, 3]


def test_only_era_3_with_autostop_gives_up() -> None:
    late, early = RuntimeLocalEnvironment(), LocalEnvironment()
    for env in (late, early):
        env.from_source(Dry, delay=5.0)
    assert (late.era.gives_up_idle_sources, early.era.gives_up_idle_sources) == (True, False)
    assert build_graph(late, Patience()).operators[0].idle_delay == 0.01
    assert build_graph(late).operators[0].idle_delay == 5.0
