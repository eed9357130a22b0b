"""What tests of the state have: a run that has just begun."""

from __future__ import annotations

import pytest
from support.folded import Run, hello_run


@pytest.fixture
def run() -> Run:
    return hello_run()
