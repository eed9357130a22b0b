"""Numbers that no worker sends are refused where events are read, so that nothing behind has to mend them."""

from __future__ import annotations

import pytest

from sage_runtime.events import EventError, OperatorStats, decode, encode

STATS = b'{"type":"operator_stats","pipeline":"p","operator":"o"'


@pytest.mark.parametrize("number", [b"NaN", b"Infinity", b"-Infinity", b"1e999", b"-1e19", b"9" * 400])
def test_a_time_that_is_none_is_refused(number: bytes) -> None:
    with pytest.raises(EventError, match="'t': expected a number"):
        decode(b'{"type":"notice","t":' + number + b"}")


@pytest.mark.parametrize(
    "field",
    [b'"busy":-0.5', b'"busy":NaN', b'"records_in":-1', b'"queue":1000000000000000001', b'"interval":1e300',
     b'"latency":{"p95":-1}', b'"latency":{"buckets":[[1,-1]]}', b'"replicas":[{"replica":0,"errors":-1}]'],
)  # fmt: skip
def test_stats_that_cant_be_are_refused(field: bytes) -> None:
    with pytest.raises(EventError):
        decode(STATS + b"," + field + b"}")


def test_large_totals_and_whole_numbers_in_the_place_of_shares_are_taken() -> None:
    stats = decode(STATS + b',"busy":1,"records_in":1000000000000000000,"latency":{"max":3}}')
    assert isinstance(stats, OperatorStats)
    assert decode(encode(stats)) == stats
    assert (stats.busy, stats.records_in, stats.latency.max) == (1.0, 10**18, 3.0)
