"""Era 2's checkpoint strategy: a source that raised goes on from its state, a few times."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from sage_runtime.api.environment import KernelLocalEnvironment, LocalEnvironment
from sage_runtime.api.factories import Recovering, recovery_attempts
from sage_runtime.api.functions import SourceFunction
from sage_runtime.api.pipeline import build_graph

CONFIG = {"fault_tolerance": {"strategy": "checkpoint", "max_recovery_attempts": 3}}


class Failing(SourceFunction):
    def __init__(self) -> None:
        self.count = 0

    def execute(self) -> Any:
        self.count += 1
        if self.count % 2 == 0:
            raise RuntimeError(self.count)
        return self.count


def create(env: Any) -> Any:
    context: Any = SimpleNamespace(pipeline="p", operator="Failing", logger=env.logger.logger)
    return build_graph(env).operators[0].create(context)


def test_it_goes_on_with_the_state_of_the_failed_one() -> None:
    env = KernelLocalEnvironment(config=CONFIG)
    env.from_source(Failing)
    source = create(env)
    first = source.execute()
    with pytest.raises(RuntimeError) as failure:
        source.execute()
    assert isinstance(source.execute, Recovering)
    assert source.execute.recover(failure.value)
    assert (first, source.execute()) == (1, 3)


def test_the_last_failure_is_final() -> None:
    recovering = Recovering(Failing(), Failing, attempts=3)
    assert [recovering.recover(RuntimeError()) for _ in range(3)] == [True, True, False]
    assert not Recovering(Failing(), Failing, attempts=3).recover(KeyboardInterrupt())


def test_other_configurations_and_eras_start_nothing_again() -> None:
    early = LocalEnvironment(config=CONFIG)
    early.from_source(Failing)
    assert not isinstance(create(early).execute, Recovering)
    assert [recovery_attempts(config) for config in (CONFIG, {}, {"fault_tolerance": {"strategy": "restart"}})] == [
        3,
        0,
        0,
    ]
