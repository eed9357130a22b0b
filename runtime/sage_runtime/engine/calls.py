"""Calls of services: the request that travels, its future, and the two call styles of user code."""

from __future__ import annotations

import threading
from _thread import LockType
from collections.abc import Callable, Mapping
from concurrent.futures import CancelledError, Future
from typing import TYPE_CHECKING, Any

from sage_runtime.engine.callerrors import no_service
from sage_runtime.engine.owner import Owner

if TYPE_CHECKING:
    from sage_runtime.engine.services import Service


class Request:
    """One call, from the caller to the service and back.

    `called` is a time of the runtime's clock; `timeout`, in seconds, counts from there. `parent` is the id of the call
    that this one was made in. Exactly one thread calls `deliver`: the one that took the request out of the service's
    hands (`Service.take_back`) or, when the method is over, the service's.
    """

    __slots__ = ("args", "called", "id", "kwargs", "method", "owner", "parent", "timeout")

    def __init__(
        self,
        number: int,
        method: str | None,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        owner: Owner,
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

    future: ServiceFuture

    def deliver(self, result: Any, error: BaseException | None) -> None:
        """Complete the future."""
        if error is not None:
            self.future.set_exception(error)
        else:
            self.future.set_result(result)


class ServiceFuture(Future[Any]):
    """What `call_service_async` returns. The wait for another service, and a cycle of such waits, begin here."""

    def __init__(self, service: Service, request: AsyncRequest) -> None:
        super().__init__()
        self._service = service
        self._request = request

    def result(self, timeout: float | None = None) -> Any:
        """What the method returned, or raised; waits `timeout` seconds at most, and no longer than the call's own."""
        self._await(timeout)
        return super().result(0)

    def exception(self, timeout: float | None = None) -> BaseException | None:
        """What the method raised, None if it returned; waits as `result` does."""
        self._await(timeout)
        return super().exception(0)

    def cancel(self) -> bool:
        """Withdraw the call; false if the service has begun it."""
        return self._service.cancel_call(self._request) and super().cancel()

    def is_done(self) -> bool:
        """Whether the answer is there."""
        return super().done()

    def _await(self, timeout: float | None) -> None:
        if super().done():
            return
        service, request = self._service, self._request
        left = None if request.timeout is None else max(0.0, request.called + request.timeout - service.clock())
        inside = on_own_thread(request.owner)
        if inside:
            service.begin_wait(request.owner, self.is_done)
        try:
            super().exception(left if timeout is None else timeout if left is None else min(left, timeout))
            return
        except CancelledError:
            return
        except TimeoutError:
            if super().done():
                return
        finally:
            if inside:
                service.end_wait(request.owner)
        if left is not None and (timeout is None or left <= timeout):
            service.time_out(request)
            return
        raise TimeoutError(f"No answer after {timeout:g}s: {service.name}.{request.method or 'process'}")


class Answered:
    """The `done` of a future in era 3: a truth value that may also be called."""

    __slots__ = ("_done",)

    def __init__(self, done: bool) -> None:
        self._done = done

    def __bool__(self) -> bool:
        return self._done

    def __call__(self) -> bool:
        return self._done


class Era3Future(ServiceFuture):
    """A future whose `done` is an attribute as well as a method."""

    @property
    def done(self) -> Answered:
        """Whether the answer is there: `future.done` or `future.done()`."""
        return Answered(self.is_done())


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

    def __init__(self, services: Mapping[str, Service], owner: Owner, era: int, *, asynchronous: bool = False) -> None:
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

    def find(self, name: str) -> tuple[Callable[..., Any], Owner]:
        """What performs a call of a service, and for whom; `RuntimeError` if there is none of that name."""
        service = self._services.get(name)
        if service is None:
            raise no_service(self._era, name)
        return service.call_async if self._asynchronous else service.call, self._owner


def on_own_thread(owner: Owner) -> bool:
    """Whether the current thread is the owner's, not one that its user code started."""
    return owner.thread == threading.get_ident()
