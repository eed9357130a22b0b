"""Era 2's contract for exceptions in flows."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from sage_runtime.api import flows
from sage_runtime.api.flows import (
    ExceptionContext,
    ExceptionDecision,
    ExceptionEvent,
    FlowDefinitionError,
    FlowException,
    flow_exception_handler,
    get_registered_exception_handler_hook,
    register_exception_handler_hook,
)


@pytest.fixture(autouse=True)
def hooks() -> Iterator[None]:
    yield
    flows._Hooks.pair = (None, None)


def test_decisions() -> None:
    assert ExceptionDecision.abort(tries=2) == ExceptionDecision("abort", None, {"tries": 2})
    assert ExceptionDecision.propagate().action == "propagate"
    assert ExceptionDecision.fallback(0).payloads == [0]
    assert ExceptionDecision.fallback().payloads == []
    assert ExceptionDecision.fallback(payloads=[1, 2]).payloads == [1, 2]


def test_an_event_becomes_an_exception() -> None:
    event = ExceptionEvent("ValueError", "bad", "…", ExceptionContext("request", "call"))
    error = FlowException(event)
    assert (str(error), error.event) == ("ValueError: bad", event)


def test_a_scope_pushes_its_handler_and_pops_it_also_when_it_is_left_by_an_exception() -> None:
    stack: list[object] = []
    register_exception_handler_hook(stack.append, stack.pop)
    scope = flow_exception_handler(print)
    scope.__enter__()
    assert stack == [print]
    assert not scope.__exit__(KeyError, KeyError(), None)
    assert stack == []


@pytest.mark.parametrize("handler", [None, "handler"])
def test_a_handler_has_to_be_callable(handler: object) -> None:
    with pytest.raises(FlowDefinitionError, match="flow_exception_handler"), flow_exception_handler(handler):
        pass


def test_hooks_are_kept_in_pairs() -> None:
    assert get_registered_exception_handler_hook() == (None, None)
    register_exception_handler_hook(len, repr)
    assert get_registered_exception_handler_hook() == (len, repr)


def test_a_scope_needs_hooks_and_hooks_have_to_be_callable() -> None:
    with pytest.raises(RuntimeError, match="runtime backend"), flow_exception_handler(print):
        pass
    with pytest.raises(TypeError, match="pop hook"):
        register_exception_handler_hook(print, None)  # type: ignore[arg-type]
