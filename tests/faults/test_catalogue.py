"""The faults of the catalogue that take but a moment, each by the real command with `--plain`.

`python -m faults` tries all of them in all three ways. Those that are slow are marked `faults` and run on demand.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from faults.catalogue import FAULTS
from faults.catalogue.fault import Fault
from faults.trying import Seen, attempt

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="what is left behind is looked for in /proc")

PLAIN = [
    pytest.param(fault, id=fault.name, marks=() if fault.quick else pytest.mark.faults)
    for fault in FAULTS
    if "plain" in fault.ways
]


@pytest.fixture(scope="module")
def seen(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Seen]]:
    """What was seen of each fault that is asked for: tried several at a time, before the first one is looked at."""
    asked = [item.callspec.params["fault"] for item in request.session.items if _is_ours(item)]  # type: ignore[attr-defined]
    folder = tmp_path_factory.mktemp("faults")

    def see(fault: Fault) -> Seen:
        return attempt(fault, "plain", folder / fault.name)

    with ThreadPoolExecutor(2 * (os.cpu_count() or 1)) as pool:
        tried = pool.map(see, [fault for fault in asked if not fault.lacks])
        yield dict(zip([fault.name for fault in asked if not fault.lacks], tried, strict=True))


def _is_ours(item: pytest.Item) -> bool:
    return getattr(item, "originalname", "") == test_a_fault_is_taken_as_it_should_be.__name__


@pytest.mark.parametrize("fault", PLAIN)
def test_a_fault_is_taken_as_it_should_be(fault: Fault, seen: dict[str, Seen]) -> None:
    if fault.lacks:
        pytest.skip(f"this machine lacks {fault.lacks}")
    assert seen[fault.name].wrong == []


def test_each_fault_has_a_name_of_its_own_and_marks_one_line_at_most() -> None:
    assert len({fault.name for fault in FAULTS}) == len(FAULTS)
    for fault in FAULTS:
        if isinstance(fault.script, str):
            assert fault.script.count("# here") <= 1, fault.name
            assert not (fault.line and not fault.failure), fault.name


def test_what_is_wrong_is_found(tmp_path: Path) -> None:
    wrong = Fault("wrong", "a fault that isn't taken as its entry says", "print('on')\n1/0\n", 3, prints="off")
    found = attempt(wrong, "plain", tmp_path)
    assert len(found.wrong) == 2
    json = attempt(Fault("wrong", "", "raise ValueError\n", 1, "KeyError"), "json", tmp_path / "json")
    assert json.wrong == ["failure: 'ValueError' instead of 'KeyError'"]
