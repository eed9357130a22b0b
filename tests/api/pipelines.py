"""What the tests that run pipelines share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from sage_runtime.api.environment import (
    BaseEnvironment,
    KernelLocalEnvironment,
    LocalEnvironment,
    RuntimeLocalEnvironment,
)
from sage_runtime.api.functions import BatchFunction, SinkFunction

Make = Callable[..., BaseEnvironment]
ERAS = pytest.mark.parametrize("make", [LocalEnvironment, KernelLocalEnvironment, RuntimeLocalEnvironment])
"""Run a test with the local environment of each era."""


class Counting(BatchFunction):
    def __init__(self, count: int = 3, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.count, self.next = count, 0

    def execute(self) -> Any:
        self.next += 1
        return self.next if self.next <= self.count else None


class Collect(SinkFunction):
    def __init__(self, into: list[Any]) -> None:
        self.into = into

    def execute(self, data: Any) -> None:
        self.into.append(data)
