"""Calls of services: the request that travels, its future, and the two call styles of user code."""

from __future__ import annotations

import threading
from _thread import LockType
from collections.abc import Callable, Mapping
from concurrent.futures import CancelledError, Future
from typing import TYPE_CHECKING, Any

from sage_runtime.engine.errors import ServiceStopped
from sage_runtime.engine.owner import Owner

if TYPE_CHECKING:
    from sage_runtime.engine.services import Service


class Request:
    """One call, from the caller to the service and back.

    Exactly one thread answers: whoever pops the one item of `answer`. The caller reads `result` and `error` once `lock`
    is released (a synchronous call) or `future` is done. Times are of the runtime's clock; `deadline` is None without a
    time-out.
    """

    __slots__ = (
        "answer",
        "args",
        "called",
        "deadline",
        "error",
        "future",
        "id",
        "kwargs",
        "lock",
        "method",
        "owner",
        "parent",
        "result",
        "timeout",
    )

    def __init__(
        self,
        number: int,
        method: str | None,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        owner: Owner,
        called: float,
        timeout: float | None,
    ) -> None:
        self.id = number
        self.method = method
        self.args = args
        self.kwargs = kwargs
        self.owner = owner
        self.called = called
        self.timeout = timeout
        self.deadline = None if timeout is None else called + timeout
        self.parent: int | None = None
        self.answer = [True]
        self.lock: LockType | None = None
        self.future: ServiceFuture | None = None
        self.result: Any = None
        self.error: BaseException | None = None

    def claim_answer(self) -> bool:
        """Whether this thread is the one that answers."""
        try:
            self.answer.pop()
        except IndexError:
            return False
        return True

    def deliver(self, result: Any, error: BaseException | None) -> None:
        """Answer; after `claim_answer`."""
        if self.lock is not None:
            self.result = result
            self.error = error
            self.lock.release()
        elif self.future is not None:
            if error is not None:
                self.future.set_exception(error)
            else:
                self.future.set_result(result)


class ServiceFuture(Future[Any]):
    """What `call_service_async` returns. The wait for another service, and a cycle of such waits, begin here."""

    def __init__(self, service: Service, request: Request) -> None:
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
        left = None if request.deadline is None else max(0.0, request.deadline - service.clock())
        with service.waiting(request, self.is_done):
            try:
                super().exception(left if timeout is None else timeout if left is None else min(left, timeout))
                return
            except CancelledError:
                return
            except TimeoutError:
                if super().done():
                    return
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
        caller, service = self._caller, self._service

        def call(*args: Any, timeout: float | None = None, **kwargs: Any) -> Any:
            return caller.call(service, method, args, kwargs, timeout)

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
        service = self._services.get(name)
        if service is None:
            if self._era == 3:
                raise RuntimeError(f"Service {name!r} is not registered in this environment")
            raise RuntimeError(f"Service queue not available for service: {name}")
        if self._asynchronous:
            return service.call_async(self._owner, method, args, kwargs, timeout)
        return service.call(self._owner, method, args, kwargs, timeout)


def stopped(service: str) -> ServiceStopped:
    """The error of a call that nobody will answer."""
    return ServiceStopped(f"service {service!r} has stopped")


def on_own_thread(owner: Owner) -> bool:
    """Whether the current thread is the owner's, not one that its user code started."""
    return owner.thread == threading.get_ident()
