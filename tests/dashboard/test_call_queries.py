"""What queries ask of service calls."""

from __future__ import annotations

import pytest
from support.showing import NOON

from sage_runtime.events import Output, ServiceCall
from sage_tui.dashboard.log.query import QueryError, parse
from sage_tui.journal.lines import Line, lines_of


def call(
    method: str = "find", caller: str | None = "Lookup", duration: float = 0.005, error: str | None = None
) -> Line:
    event = ServiceCall(
        t=NOON, id=1, pipeline="p", service="store", method=method, caller=caller, duration=duration, error=error
    )
    return lines_of(event, 0)[0]


def found(text: str, line: Line) -> bool:
    query = parse(text)
    assert query is not None
    return query.matches(line)


def test_the_caller_and_the_method_are_parts_of_names() -> None:
    assert found("caller:look", call())
    assert found("caller:script", call(caller=None))
    assert not found("caller:sink", call())
    assert found("method:FIND -caller:sink", call())
    assert not found("-method:find", call())


@pytest.mark.parametrize("text", ["took:5ms", "took:5", "took:>=.004s", "took:>100us", "took:<6ms", "-took:6ms"])
def test_a_call_of_5_ms_is_found(text: str) -> None:
    assert found(text, call(duration=0.005))


@pytest.mark.parametrize("text", ["took:6ms", "took:<5ms", "took:>1s", "-took:1ms"])
def test_a_call_of_5_ms_is_not_found(text: str) -> None:
    assert not found(text, call(duration=0.005))


def test_failed_calls_are_asked_for() -> None:
    assert found("is:failed", call(error="KeyError: 1"))
    assert not found("is:failed", call())


def test_no_line_but_a_call_has_a_duration() -> None:
    (printed,) = lines_of(Output(t=NOON, text="took 5 ms"), 0)
    assert not found("took:1ms", printed)


def test_what_is_no_duration_is_refused() -> None:
    with pytest.raises(QueryError, match="not a duration: 'long'"):
        parse("took:long")
