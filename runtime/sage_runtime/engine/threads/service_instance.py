"""The user's object behind a service: made, asked for its methods and ended, on the service's own thread."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from sage_runtime.engine.context import ServiceContext
from sage_runtime.engine.errors import BrokenServiceError, NoMethodError, passed_on
from sage_runtime.engine.failures import Failures
from sage_runtime.engine.threads.calls import DEFAULT_METHODS, Request
from sage_runtime.graph import ServiceSpec
from sage_runtime.safe_repr.preview import preview_arguments


class ServiceInstance:
    """The object of one service, used by that service's thread alone.

    `ready` is the object once it is set up, None before that and if it could not be made.
    """

    def __init__(self, spec: ServiceSpec, era: int, failures: Failures) -> None:
        self.ready: Any = None
        self._name = spec.name
        self._spec = spec
        self._era = era
        self._failures = failures
        self._instance: Any = None
        self._broken: BaseException | None = None

    def make(self, context: ServiceContext) -> None:
        """Construct it and run `setup`, then `start`; what it raises answers every call."""
        try:
            self._instance = self._spec.create(context)
            self._hook("setup")
            self._hook("start", "start_running")
            self.ready = self._instance
        except BaseException as error:  # noqa: BLE001 - whatever user code raises is recorded
            self._broken = error
            self._failures.record(self._name, "service", error)

    def method(self, request: Request) -> Callable[..., Any]:
        """The method that a call is for; the request has its name then.

        Raises:
            BrokenServiceError: it could not be made.
            NoMethodError: it has no such method.
        """
        if self._broken is not None:
            raise BrokenServiceError from self._broken
        names = DEFAULT_METHODS if request.method is None else (request.method,)
        for name in names:
            method = getattr(self._instance, name, None)
            if callable(method):
                request.method = name
                found: Callable[..., Any] = method
                return found
        raise NoMethodError(names)

    def failed(self, request: Request, raised: BaseException, *, count: bool) -> tuple[BaseException, BaseException]:
        """What a call raised and what its caller gets by the rules of the era; recorded as a failure if it is to
        `count` and was not recorded before."""
        if isinstance(raised, BrokenServiceError):
            raised = self._broken or raised
        elif isinstance(raised, NoMethodError):
            missing = raised.of_era(self._era, self._name)
            return missing, missing
        elif count:
            show = partial(preview_arguments, request.args, request.kwargs)
            self._failures.record(self._name, "service", raised, show)
        return raised, passed_on(raised, self._era)

    def end(self) -> None:
        """Run `stop`, then `cleanup` or `close`."""
        if self._instance is None:
            return
        for names in (("stop",), ("cleanup", "close")):
            try:
                self._hook(*names)
            except BaseException as error:  # noqa: BLE001 - whatever user code raises is recorded
                self._failures.record(self._name, "service", error)

    def _hook(self, *names: str) -> None:
        """Call the first of these methods that it has."""
        for name in names:
            method = getattr(self._instance, name, None)
            if callable(method):
                method()
                return
