"""Whatever goes wrong, nothing is left behind: a check after every test of this folder."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from support.leaks import nothing_outlives


@pytest.fixture(autouse=True)
def nothing_is_left_behind() -> Iterator[None]:
    """No thread, descriptor or child process outlives a test."""
    with nothing_outlives():
        yield
