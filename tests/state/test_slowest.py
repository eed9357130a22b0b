"""Which operator has needed longest for its records."""

from __future__ import annotations

from support.showing import hello_pipeline, operator

from sage_runtime.events import Latency, bucket_of, replace
from sage_tui.state.bottleneck import slowest_operator
from sage_tui.state.views import OperatorView


def timed(name: str, records: int, seconds: float, *, kind: str = "map", replicas: int = 1) -> OperatorView:
    latency = Latency(seconds, seconds, seconds, seconds, ((bucket_of(seconds), 10),))
    return replace(operator(name, kind, records_in=records, parallelism=replicas), latency=latency)


def slowest(*operators: OperatorView) -> str | None:
    found = slowest_operator(replace(hello_pipeline(), operators=operators))
    return None if found is None else found.id


def test_it_is_the_one_that_needed_longest_in_all_not_for_a_rare_record() -> None:
    assert slowest(timed("Often", 1_000, 0.004), timed("Seldom", 3, 0.5)) == "Often"


def test_a_source_is_never_the_slowest() -> None:
    assert slowest(timed("Batch", 10, 5.0, kind="batch"), timed("Shout", 10, 0.001)) == "Shout"
    assert slowest(timed("Source", 10, 5.0, kind="source")) is None


def test_replicas_share_the_work() -> None:
    assert slowest(timed("Wide", 1_000, 0.004, replicas=8), timed("Narrow", 1_000, 0.001)) == "Narrow"
