"""The errors that the engine raises in user code and to whoever submits a job."""

from __future__ import annotations


class EngineError(RuntimeError):
    """What the engine itself raises, as opposed to an exception of user code."""


class ServiceStopped(EngineError):  # noqa: N818 - says what happened, and scripts may catch it by this name
    """A call of a service that has stopped, or while its run stops."""


class ServiceCycleError(EngineError):
    """Services that wait on one another: raised where the wait that closes the cycle begins, and names it."""


class UnkeyedRecordError(EngineError):
    """A record without a key reached a join."""


class LostThreadError(EngineError):
    """A thread of the engine has ended that had more to do: the job can't go on."""


class ReplacedThreadsError(EngineError):
    """A library has put its own in the place of Python's threads: operators would not run side by side."""

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
