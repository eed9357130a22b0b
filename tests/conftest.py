"""What every test has: a place of its own for session folders, and an environment that decides nothing."""

from __future__ import annotations

import gc
import signal
import tempfile
from collections.abc import Iterator
from itertools import count

import hypothesis
import pytest
from support.leaks import nothing_outlives
from support.recorder import close_all

# hundreds of dashboards are made: looking for cycles as often as usual takes a third of the time
gc.set_threshold(20_000, 10, 50)

# how long an example takes says nothing about it, and what once failed becomes a test of its own
hypothesis.settings.register_profile("suite", deadline=None, database=None, print_blob=True)
hypothesis.settings.load_profile("suite")


@pytest.fixture(scope="session", autouse=True)
def own_environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Sessions and temporary files are kept in a folder of this process; no CI, virtual environment or colour setting
    of the outside counts."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SAGE_PROJECT_ROOT", str(tmp_path_factory.mktemp("sage")))
        patch.setenv("TMPDIR", str(tmp_path_factory.mktemp("tmp")))
        patch.setattr(tempfile, "tempdir", None)  # it is found anew
        for name in ("CI", "VIRTUAL_ENV", "NO_COLOR", "FORCE_COLOR", "PYTHONPATH"):
            patch.delenv(name, raising=False)
        yield


@pytest.fixture(scope="session", autouse=True)
def default_signals() -> Iterator[None]:
    """Signals mean what they do in a terminal's foreground, though a shell's background job ignores some of them."""
    before = {signum: signal.signal(signum, signal.SIG_DFL) for signum in (signal.SIGQUIT, signal.SIGHUP)}
    before[signal.SIGINT] = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    for signum, meaning in before.items():
        signal.signal(signum, meaning)


_numbers = count()


@pytest.fixture(autouse=True)
def nothing_is_left_behind(
    own_environment: None, default_signals: None, testrun_uid: str, worker_id: str
) -> Iterator[None]:
    """No thread, descriptor, process or temporary file outlives a test; journals that it wrote are closed for it."""
    with nothing_outlives(f"{testrun_uid}-{worker_id}-{next(_numbers)}"):
        yield
        close_all()
