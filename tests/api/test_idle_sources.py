"""Sources that answer nothing but `None` under `submit(autostop=True)`: they end in era 3, else a notice names them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import pytest

from sage_runtime import engine
from sage_runtime.api.environment import (
    BaseEnvironment,
    KernelLocalEnvironment,
    LocalEnvironment,
    RuntimeLocalEnvironment,
)
from sage_runtime.api.functions import MapFunction, SourceFunction
from sage_runtime.api.pipeline import build_graph
from sage_runtime.engine.threads import idle_sources
from sage_runtime.events import Notice
from sage_runtime.graph import EndOfStream

from .conftest import Published
from .pipelines import Collect


class Dry(SourceFunction):
    """Gives two records and then nothing, for ever."""

    def __init__(self) -> None:
        self.values = [1, 2]

    def execute(self) -> Any:
        return self.values.pop() if self.values else None


class DryUntilNoticed(Dry):
    """Ends once people have been told of it."""

    published: ClassVar[Published]

    def execute(self) -> Any:
        return EndOfStream() if self.published.of(Notice) else super().execute()


class Fed(SourceFunction):
    """Gives what others put into the class, and has no state of its own."""

    waiting: ClassVar[list[Any]] = []

    def execute(self) -> Any:
        return self.waiting.pop() if self.waiting else None


class Feeder(MapFunction):
    """Lets the source ask many times before it feeds it again."""

    def execute(self, data: Any) -> Any:
        engine.current().jobs[-1].wait(0.2)
        if data < 3:
            Fed.waiting.append(data + 1)
        return data


@pytest.fixture
def few_rounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(idle_sources, "ROUNDS", 3)


@pytest.mark.usefixtures("runtime", "few_rounds")
def test_in_era_3_a_pipeline_whose_sources_have_nothing_more_ends(seen: list[Any]) -> None:
    env = RuntimeLocalEnvironment()
    env.from_source(Dry, delay=5.0).sink(Collect, seen)
    env.from_source(Dry).sink(Collect, seen)
    env.from_batch([3]).sink(Collect, seen)
    env.submit(autostop=True)
    assert sorted(seen) == [1, 1, 2, 2, 3]


@pytest.mark.usefixtures("runtime", "few_rounds")
def test_in_era_3_a_source_is_waited_for_while_an_operator_may_feed_it(seen: list[Any]) -> None:
    Fed.waiting[:] = [1]
    env = RuntimeLocalEnvironment()
    env.from_source(Fed).map(Feeder).sink(Collect, seen)
    env.submit(autostop=True)
    assert seen == [1, 2, 3]


@pytest.mark.usefixtures("runtime")
@pytest.mark.parametrize("make", [LocalEnvironment, KernelLocalEnvironment])
def test_before_era_3_the_pipeline_waits_and_a_notice_names_the_source(
    make: Callable[[], BaseEnvironment], seen: list[Any], published: Published, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(idle_sources, "NOTICE_SECONDS", 0.05)
    monkeypatch.setattr(DryUntilNoticed, "published", published, raising=False)
    env = make()
    env.from_source(DryUntilNoticed).sink(Collect, seen)
    env.submit(autostop=True)
    [notice] = published.of(Notice)
    assert "source DryUntilNoticed_0 has answered None" in notice.message
    assert sorted(seen) == [1, 2]


def test_in_era_3_an_explicit_delay_is_the_wait_after_none_unless_the_script_waits() -> None:
    env = RuntimeLocalEnvironment()
    env.from_source(Dry, delay=5.0)
    assert build_graph(env, autostop=True).operators[0].idle_delay == 0.01
    assert build_graph(env).operators[0].idle_delay == 5.0
