"""The futures of service calls. Loaded with the first asynchronous call: `concurrent.futures` takes milliseconds."""

from __future__ import annotations

from concurrent.futures import CancelledError, Future, wait
from typing import Any

from sage_runtime.engine.threads.calls import AGAIN_SECONDS, AsyncRequest, CalledService, on_own_thread


def future_of(service: CalledService, request: AsyncRequest, era: int) -> ServiceFuture:
    """The future that the caller gets, in the form of the era."""
    request.future = future = (Era3Future if era == 3 else ServiceFuture)(service, request)
    return future


class ServiceFuture(Future[Any]):
    """What `call_service_async` returns. The wait for another service, and a cycle of such waits, begin here."""

    def __init__(self, service: CalledService, request: AsyncRequest) -> None:
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
        return self._service.cancel_call(self._request, CancelledError()) and super().cancel()

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
            while not wait([self], AGAIN_SECONDS).done:
                service.time_out(request)
            return
        raise TimeoutError(f"No answer after {timeout:g}s: {service.name}.{request.method or 'process'}")


class AnsweredFuture:
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
    def done(self) -> AnsweredFuture:
        """Whether the answer is there: `future.done` or `future.done()`."""
        return AnsweredFuture(self.is_done())
