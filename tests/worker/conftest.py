"""Workers that run a script given as text, ended after the test."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from support.workers import Scripts


@pytest.fixture
def scripts(tmp_path: Path) -> Iterator[Scripts]:
    with ExitStack() as stack:
        yield Scripts(tmp_path, stack)
