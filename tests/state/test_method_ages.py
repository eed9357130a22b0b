"""What a method of a service was like at each age of its run."""

from __future__ import annotations

import json

from sage_runtime.events import Latency, ServiceStats, replace
from sage_tui.state.run_state import RunState
from sage_tui.state.views import method_key

KEY = "p/store"


def a_run(seconds: int) -> RunState:
    """Two methods for so many seconds: `find` ten times a second, `put` once, failing from the fifth second on."""
    state = RunState(1)
    for second in range(seconds):
        for method, calls, errors in (("find", 10 * second, 0), ("put", second, max(0, second - 4))):
            latency = Latency(buckets=((40 if method == "find" else 80, calls),)) if calls else Latency()
            stats = ServiceStats(
                pipeline="p", service="store", method=method, calls=calls, errors=errors, latency=latency
            )
            state.apply(_at(stats, second))
    return state


def _at(stats: ServiceStats, second: int) -> ServiceStats:
    return replace(stats, run=1, t=1_000_000.0 + second, seq=second)


def test_each_method_has_a_past_of_its_own() -> None:
    state = a_run(20)
    find = state.charts(method_key(KEY, "find"), "whole", 1_000_020.0)
    put = state.charts(method_key(KEY, "put"), "whole", 1_000_020.0)
    assert find is not None
    assert put is not None
    assert round(find.rate.points[10]) == 10
    assert round(put.rate.points[10]) == 1
    assert find.p95.points[10] < put.p95.points[10]
    assert sum(find.errors.points) == 0
    assert sum(put.errors.points) == 14  # the last second is not over


def test_what_was_never_called_has_none() -> None:
    state = a_run(3)
    assert state.charts(method_key(KEY, "other"), "whole", 1_000_003.0) is None
    assert state.charts(method_key("p/nobody", "find"), "whole", 1_000_003.0) is None


def test_a_past_survives_being_written_and_long_runs_take_no_more_memory() -> None:
    state = a_run(600)
    copy = RunState.from_json(json.loads(json.dumps(state.to_json())))
    key = method_key(KEY, "put")
    past = state.charts(key, "whole", 1_000_600.0)
    assert past == copy.charts(key, "whole", 1_000_600.0)
    assert past is not None
    assert len(past.rate.points) <= 120


def test_a_state_from_before_methods_had_a_past_is_read() -> None:
    data = a_run(5).to_json()
    for service in data["pipelines"][0]["services"]:
        service["methods"] = [method[:2] for method in service["methods"]]
    assert RunState.from_json(data).charts(method_key(KEY, "put"), "whole", 1_000_005.0) is not None
