"""Snapshots that earlier versions wrote are read, and damaged ones are refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from sage_tui.state import RunState, StateError

KEPT = Path(__file__).with_name("snapshots") / "version-1.json"
"""The snapshot of a run with failures, services, feedback and ended pipelines, as version 0.1 wrote it."""


@pytest.fixture
def snapshot() -> dict[str, Any]:
    data: dict[str, Any] = json.loads(KEPT.read_text())
    return data


def test_a_kept_snapshot_is_read_whole_and_written_as_it_was(snapshot: dict[str, Any]) -> None:
    assert json.loads(json.dumps(RunState.from_json(snapshot).to_json())) == snapshot


def test_a_kept_snapshot_shows_what_the_run_was(snapshot: dict[str, Any]) -> None:
    view = RunState.from_json(snapshot).view(0.0)
    pipeline = view.pipelines[0]
    assert (view.phase, view.exit_code, view.failures_total) == ("failed", 3, 15)
    assert [operator.records_out for operator in pipeline.operators] == [207, 207, 207]
    assert {service.name: service.calls for service in pipeline.services} == {"llm": 92, "db": 23}


@pytest.mark.parametrize(
    ("where", "value"),
    [
        ("seq", 1.5),
        ("phase", 7),
        ("begin", float("nan")),
        ("first_t", 10**400),
        ("evicted", [3]),
        ("lines", {"output": "many"}),
        ("started", {"type": "notice"}),
        ("pipelines", [{}]),
        ("past", []),
        ("slowest", [[0, 0.0]]),
    ],
)
def test_a_damaged_snapshot_is_refused(snapshot: dict[str, Any], where: str, value: object) -> None:
    with pytest.raises(StateError, match="not a snapshot of a run"):
        RunState.from_json({**snapshot, where: value})
