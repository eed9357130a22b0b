"""The quick faults of the catalogue, each with the real command and `--plain`.

`python -m faults` tries all of them in all three modes. Slow ones are marked `faults` and run on demand.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from faults.catalogue import FAULTS
from faults.catalogue.fault import Fault
from faults.trying import attempt

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="what is left behind is looked for in /proc")

PLAIN = [
    pytest.param(fault, id=fault.name, marks=() if fault.quick else pytest.mark.faults)
    for fault in FAULTS
    if "plain" in fault.ways
]


@pytest.mark.parametrize("fault", PLAIN)
def test_a_fault_is_taken_as_it_should_be(fault: Fault, tmp_path: Path) -> None:
    if fault.lacks:
        pytest.skip(f"this machine lacks {fault.lacks}")
    assert attempt(fault, "plain", tmp_path / "trial").wrong == []


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
