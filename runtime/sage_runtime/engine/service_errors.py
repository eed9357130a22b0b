"""What the callers of services get when a call goes wrong, by the rules of the era."""

from __future__ import annotations

from sage_runtime.engine.errors import EngineError, ServiceStopped
from sage_runtime.safe_repr.preview import exception_message


class TooLateError(Exception):
    """Inside the engine: the call's time was up before it began."""


class BrokenServiceError(Exception):
    """Inside the engine: the service could not be made."""


class NoMethodError(Exception):
    """Inside the engine: the service has none of these methods."""

    def __init__(self, names: tuple[str, ...]) -> None:
        super().__init__(names)
        self._names = names

    def of_era(self, era: int, service: str) -> Exception:
        """What the caller gets."""
        if era == 3:
            return AttributeError(f"Service {service!r} does not expose a callable method for {list(self._names)}.")
        return RuntimeError(f"Service call failed: Service {service!r} does not have method {self._names[0]!r}")


def no_service(era: int, service: str) -> RuntimeError:
    """The error of a call of a service that nobody registered."""
    if era == 3:
        return RuntimeError(f"Service {service!r} is not registered in this environment")
    return RuntimeError(f"Service queue not available for service: {service}")


def stopped(service: str) -> ServiceStopped:
    """The error of a call that nobody will answer."""
    return ServiceStopped(f"service {service!r} has stopped")


def timed_out(service: str, method: str, seconds: float | None) -> TimeoutError:
    """The error of a call that took longer than its caller allowed."""
    return TimeoutError(f"Service call timeout after {seconds:g}s: {service}.{method}")


def passed_on(raised: BaseException, era: int) -> BaseException:
    """What the caller gets for what a method raised: in era 3 that, before it a `RuntimeError` with that as cause."""
    if era == 3 or isinstance(raised, EngineError):
        return raised
    error = RuntimeError(f"Service call failed: {exception_message(raised)}")
    error.__cause__ = raised
    return error
