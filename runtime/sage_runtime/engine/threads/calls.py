"""Calls of services: who calls, the request that travels, and the two call styles of user code."""

from __future__ import annotations

import threading
from _thread import LockType
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Protocol

from sage_runtime.engine.errors import no_service
from sage_runtime.engine.meters import Meter

if TYPE_CHECKING:
    from concurrent.futures import Future

AGAIN_SECONDS = 0.01
"""Until a call whose time is up is looked for again, if it was just being begun or answered."""

DEFAULT_METHODS = ("process", "execute", "call")
"""What a call without a method's name calls: the first of these that the service has."""


class CalledService(Protocol):
    """What callers and futures need of a service. `clock` is the engine's."""

    name: str
    clock: Callable[[], float]

    def call(
        self, owner: CallOwner, method: str | None, args: tuple[Any, ...], kwargs: dict[str, Any], timeout: float | None
    ) -> Any:
        """Call a method and wait for its answer."""

    def call_async(
        self, owner: CallOwner, method: str | None, args: tuple[Any, ...], kwargs: dict[str, Any], timeout: float | None
    ) -> Future[Any]:
        """Call a method; its answer is the future's."""

    @property
    def current_call(self) -> int | None:
        """The id of the call that it executes."""

    def begin_wait(self, owner: CallOwner, over: Callable[[], bool]) -> None:
        """On its own thread, `owner` begins to wait for a future."""

    def end_wait(self, owner: CallOwner) -> None:
        """On its own thread, `owner` goes on."""

    def time_out(self, request: Request) -> None:
        """The time of a call is up."""

    def cancel_call(self, request: Request, error: BaseException) -> bool:
        """Withdraw a call; false if it has begun."""


class CallOwner:
    """A caller of services: a replica of an operator, or a service. Its thread sets `thread`, its ident, first of all.

    `id` is the operator's or service's, `replica` None for a service. `calls` collects the ids of the calls that its
    thread makes while a traced record passes through it.
    """

    __slots__ = ("calls", "id", "meter", "replica", "service", "thread")

    def __init__(
        self,
        name: str,
        replica: int | None = None,
        meter: Meter | None = None,
        service: CalledService | None = None,
    ) -> None:
        self.id = name
        self.replica = replica
        self.meter = meter
        self.service = service
        self.thread: int | None = None
        self.calls: list[int] | None = None


class Request:
    """One call, from the caller to the service and back.

    `called` is a time of the runtime's clock; `timeout`, in seconds, counts from there. `parent` is the id of the call
    that this one was made in; `begun` is set by the service's thread. Exactly one thread calls `deliver`: the one that
    took the request out of the service's hands (`Service.time_out`) or, when the method is over, the service's.
    """

    __slots__ = ("args", "begun", "called", "id", "kwargs", "method", "owner", "parent", "timeout")

    def __init__(
        self,
        number: int,
        method: str | None,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        owner: CallOwner,
        called: float,
        timeout: float | None,
        parent: int | None,
    ) -> None:
        self.id = number
        self.method = method
        self.args = args
        self.kwargs = kwargs
        self.owner = owner
        self.called = called
        self.timeout = timeout
        self.parent = parent
        self.begun = False

    @property
    def named(self) -> str:
        """The method as people are told of it."""
        return self.method or DEFAULT_METHODS[0]

    def deliver(self, result: Any, error: BaseException | None) -> None:
        """Answer the caller."""
        raise NotImplementedError


class SyncRequest(Request):
    """A call whose caller waits until `lock` is released, then reads `result` and `error`."""

    __slots__ = ("error", "lock", "result")

    lock: LockType
    result: Any
    error: BaseException | None

    def deliver(self, result: Any, error: BaseException | None) -> None:
        """Answer the caller."""
        self.result = result
        self.error = error
        self.lock.release()


class AsyncRequest(Request):
    """A call whose caller holds a future."""

    __slots__ = ("future",)

    future: Future[Any]

    def deliver(self, result: Any, error: BaseException | None) -> None:
        """Complete the future."""
        if error is not None:
            self.future.set_exception(error)
        else:
            self.future.set_result(result)


class Proxy:
    """`call_service["x"]`: its attributes are the service's methods."""

    _caller: CallService
    _service: str

    def __init__(self, caller: CallService, service: str) -> None:
        self._caller = caller
        self._service = service

    def __getattr__(self, method: str) -> Callable[..., Any]:
        if method.startswith("__") and method.endswith("__"):
            raise AttributeError(method)
        perform, owner = self._caller.find(self._service)

        def call(*args: Any, timeout: float | None = None, **kwargs: Any) -> Any:
            return perform(owner, method, args, kwargs, timeout)

        call.__name__ = call.__qualname__ = method
        self.__dict__[method] = call
        return call

    def __call__(self, *args: Any, timeout: float | None = None, method: str | None = None, **kwargs: Any) -> Any:
        return self._caller.call(self._service, method, args, kwargs, timeout)

    def __repr__(self) -> str:
        return f"<service {self._service!r}>"


class CallService:
    """`call_service` or `call_service_async` of one owner: callable and subscriptable; any thread may call."""

    def __init__(
        self, services: Mapping[str, CalledService], owner: CallOwner, era: int, *, asynchronous: bool = False
    ) -> None:
        self._services = services
        self._owner = owner
        self._era = era
        self._asynchronous = asynchronous
        self._proxies: dict[str, Proxy] = {}

    def __getitem__(self, service: str, /) -> Proxy:
        proxy = self._proxies.get(service)
        if proxy is None:
            proxy = self._proxies[service] = Proxy(self, service)
        return proxy

    def __call__(
        self, service: str, /, *args: Any, timeout: float | None = None, method: str | None = None, **kwargs: Any
    ) -> Any:
        return self.call(service, method, args, kwargs, timeout)

    def call(
        self, name: str, method: str | None, args: tuple[Any, ...], kwargs: dict[str, Any], timeout: float | None
    ) -> Any:
        """Call a service, or raise `RuntimeError` if there is none of that name."""
        perform, owner = self.find(name)
        return perform(owner, method, args, kwargs, timeout)

    def find(self, name: str) -> tuple[Callable[..., Any], CallOwner]:
        """What performs a call of a service, and for whom; `RuntimeError` if there is none of that name."""
        service = self._services.get(name)
        if service is None:
            raise no_service(self._era, name)
        return service.call_async if self._asynchronous else service.call, self._owner


def on_own_thread(owner: CallOwner) -> bool:
    """Whether the current thread is the owner's, not one that its user code started."""
    return owner.thread == threading.get_ident()
