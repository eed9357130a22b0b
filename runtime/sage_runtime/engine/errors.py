"""The errors that the engine raises in user code, to whoever submits a job, and to the callers of services."""

from __future__ import annotations

from sage_runtime.safe_repr.preview import exception_message


class EngineError(RuntimeError):
    """What the engine itself raises, as opposed to an exception of user code."""


class ServiceStopped(EngineError):  # noqa: N818 - says what happened, and scripts may catch it by this name
    """A call of a service that has stopped, or while its run stops."""


class ServiceCycleError(EngineError):
    """Services wait on one another. Raised where the wait that closes the cycle begins; the message names them."""


class UnkeyedRecordError(EngineError):
    """A record without a key reached a join."""


class LostThreadError(EngineError):
    """A thread of the engine has ended before its work was done: the job can't continue."""


class ReplacedThreadsError(EngineError):
    """A library has replaced Python's threads: operators would not run side by side."""

    def __init__(self) -> None:
        super().__init__(
            "the script has replaced Python's threads, as by gevent's monkey.patch_all() or eventlet's monkey_patch(), "
            "but each operator runs on a thread of its own: leave them out (thread=False), and the rest may be patched"
        )


class ConstructionError(Exception):
    """A user's constructor raised (the cause) while a replica of `operator` was made."""

    def __init__(self, operator: str) -> None:
        super().__init__(operator)
        self.operator = operator


# --- calls of services, by the rules of the era ---


class TooLateError(Exception):
    """Inside the engine: the call timed out before it began."""


class BrokenServiceError(Exception):
    """Inside the engine: the service could not be made."""


class NoMethodError(Exception):
    """Inside the engine: the service has none of these methods."""

    def __init__(self, names: tuple[str, ...]) -> None:
        super().__init__(names)
        self._names = names

    def of_era(self, era: int, service: str) -> Exception:
        """The error that the caller gets."""
        if era == 3:
            return AttributeError(f"Service {service!r} does not expose a callable method for {list(self._names)}.")
        return RuntimeError(f"Service call failed: Service {service!r} does not have method {self._names[0]!r}")


def no_service(era: int, service: str) -> RuntimeError:
    """The error of a call of a service that nobody registered."""
    if era == 3:
        return RuntimeError(f"Service {service!r} is not registered in this environment")
    return RuntimeError(f"Service queue not available for service: {service}")


def stopped(service: str) -> ServiceStopped:
    """The error of a call that will not be answered."""
    return ServiceStopped(f"service {service!r} has stopped")


def timed_out(service: str, method: str, seconds: float | None) -> TimeoutError:
    """The error of a call that took longer than its time-out."""
    return TimeoutError(f"Service call timeout after {seconds:g}s: {service}.{method}")


def passed_on(raised: BaseException, era: int) -> BaseException:
    """What the caller gets for what a method raised: the same in era 3, before that a `RuntimeError` caused by it."""
    if era == 3 or isinstance(raised, EngineError):
        return raised
    error = RuntimeError(f"Service call failed: {exception_message(raised)}")
    error.__cause__ = raised
    return error
