"""Users' services, the factory that `register_service` returns, and pipelines as services of others (SAGE 0.2.4).

A `PipelineBridge` is shared by a caller's side and an answering pipeline: `PipelineService(bridge)` is registered for
the callers, `PipelineServiceSource` and `PipelineServiceSink` are the two ends of the pipeline that answers. A record
between them is the request's dictionary (another payload under `data`) with the queue for its answer under
`_response_queue`. Before 0.2.4 it was the request itself, with `payload` and `response_queue`, and the answer a
dictionary of these two: both ways work.
"""

from __future__ import annotations

import os
import queue
from abc import ABC
from collections.abc import Callable, Mapping
from typing import Any

from sage_runtime.api.communication import StopSignal
from sage_runtime.api.functions import (
    FromContext,
    SinkFunction,
    SourceFunction,
    create_service,
    find_call_service,
    find_call_service_async,
    find_logger,
    find_name,
)


class BaseService(ABC):  # noqa: B024 - an ABC in SAGE too, with nothing abstract
    """The base class of services; a plain class works too. `ctx` is set before `__init__` runs.

    The engine calls `setup` and `start` before the operators start, `stop` and `cleanup` after they have ended.
    """

    ctx: Any = None
    logger: Any = FromContext(find_logger)
    name: Any = FromContext(find_name)
    call_service: Any = FromContext(find_call_service)
    call_service_async: Any = FromContext(find_call_service_async)

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: B027 - users pass on what they were given
        """Accept any arguments and ignore them."""

    def setup(self) -> None:  # noqa: B027 - a hook
        """Called once, after the constructor."""

    def start(self) -> None:  # noqa: B027 - a hook
        """Called once, before the pipeline starts."""

    def stop(self) -> None:  # noqa: B027 - a hook
        """Called once, after the operators have ended."""

    def cleanup(self) -> None:  # noqa: B027 - a hook
        """Called last."""


class ServiceFactory:
    """Makes a service: its name, its class and the constructor's arguments."""

    def __init__(
        self,
        service_name: str,
        service_class: Callable[..., Any],
        service_args: tuple[Any, ...] = (),
        service_kwargs: Mapping[str, Any] | None = None,
    ) -> None:
        self.service_name = service_name
        self.service_class = service_class
        self.service_args = service_args
        self.service_kwargs = dict(service_kwargs or {})

    def create_service(self, ctx: Any = None) -> Any:
        """A new instance with its context. Raises whatever its constructor raises."""
        return create_service(self.service_class, self.service_args, self.service_kwargs, ctx)

    def __repr__(self) -> str:
        return f"<ServiceFactory {self.service_name}: {_class_name(self.service_class)}>"


def _class_name(cls: Callable[..., Any]) -> str:
    return str(getattr(cls, "__name__", type(cls).__name__))


# --- pipelines as services --------------------------------------------------------------------------------------------


_ANSWER_QUEUE = "_response_queue"
_END = "pipeline-service-shutdown"


class PipelineRequest:
    """A request: its payload, and where the answer goes."""

    def __init__(self, payload: Any, response_queue: queue.Queue[Any]) -> None:
        self.payload = payload
        self.response_queue = response_queue


class _RequestRecord(dict[str, Any]):
    """A request as the pipeline that answers gets it: a dictionary that can also be asked as the request itself."""

    def __init__(self, request: PipelineRequest) -> None:
        content = request.payload if isinstance(request.payload, dict) else {"data": request.payload}
        super().__init__(content, **{_ANSWER_QUEUE: request.response_queue})
        self.payload = request.payload
        self.response_queue = request.response_queue

    def __missing__(self, key: str) -> Any:
        if key in ("payload", "response_queue"):
            return getattr(self, key)
        raise KeyError(key)


class PipelineBridge:
    """Requests on their way from callers to a pipeline's source. Any thread may call any method."""

    def __init__(self) -> None:
        self._requests: queue.Queue[PipelineRequest | StopSignal] = queue.Queue()
        self._closed = False

    @property
    def is_closed(self) -> bool:
        """Whether `close` was called."""
        return self._closed

    def submit(self, payload: Any) -> queue.Queue[Any]:
        """Send a request; the answer arrives in the returned queue.

        Raises:
            RuntimeError: the bridge is closed.
        """
        if self._closed:
            raise RuntimeError("Pipeline bridge is closed")
        answer: queue.Queue[Any] = queue.Queue(maxsize=1)
        self._requests.put(PipelineRequest(payload, answer))
        return answer

    def next(self, timeout: float = 0.1) -> PipelineRequest | StopSignal | None:
        """The next request, `None` after `timeout` seconds without one, a `StopSignal` at a closed bridge's end."""
        if self._closed and self._requests.empty():
            return StopSignal(_END)
        try:
            return self._requests.get(timeout=timeout)
        except queue.Empty:
            return None

    def close(self) -> None:
        """Refuse further requests; the pipeline ends after those already sent."""
        if not self._closed:
            self._closed = True
            self._requests.put(StopSignal(_END))


def _default_timeout() -> float:
    testing = os.environ.get("SAGE_TEST_MODE") == "true" or os.environ.get("SAGE_EXAMPLES_MODE") == "test"
    return 5.0 if testing else 30.0


class PipelineService(BaseService):
    """The service that callers see: `process(message)` waits for the pipeline's answer.

    `request_timeout` is in seconds: 30 unless given, 5 when SAGE's test modes are on in the environment.
    """

    def __init__(self, bridge: PipelineBridge, request_timeout: float | None = None) -> None:
        super().__init__()
        self._bridge = bridge
        self._request_timeout = _default_timeout() if request_timeout is None else request_timeout

    def process(self, message: Any) -> Any:
        """The pipeline's answer; `{"command": "shutdown"}` closes the bridge instead.

        Raises:
            ValueError: no message.
            RuntimeError: the bridge is closed.
            TimeoutError: no answer in time.
        """
        if message is None:
            raise ValueError("Empty message")
        if isinstance(message, dict) and message.get("command") == "shutdown":
            self._bridge.close()
            return {"status": "shutdown_ack"}
        try:
            answer = self._bridge.submit(message)
        except RuntimeError as error:
            raise RuntimeError("Pipeline service is shutting down") from error
        try:
            return answer.get(timeout=self._request_timeout)
        except queue.Empty:
            raise TimeoutError(f"Pipeline service timed out after {self._request_timeout}s") from None

    def stop(self) -> None:
        """End the pipeline that answers."""
        self._bridge.close()


class PipelineServiceSource(SourceFunction):
    """The beginning of the pipeline that answers. `poll_interval`, in seconds, is how long it waits for a request."""

    def __init__(self, bridge: PipelineBridge, poll_interval: float = 0.1) -> None:
        super().__init__()
        self._bridge = bridge
        self._poll_interval = poll_interval

    def execute(self, data: Any = None) -> Any:
        """The next request's dictionary, `None` if there is none, a `StopSignal` when the bridge is closed."""
        request = self._bridge.next(timeout=self._poll_interval)
        return _RequestRecord(request) if isinstance(request, PipelineRequest) else request


class PipelineServiceSink(SinkFunction):
    """The end of the pipeline that answers: what arrives is sent back, without the queue in it."""

    def execute(self, data: Any) -> None:
        """Send the answer."""
        answer = data
        if not isinstance(data, dict):
            answer_queue = getattr(data, "response_queue", None)
        elif "response_queue" in data:
            answer_queue, answer = data["response_queue"], data.get("payload", data)
        else:
            answer_queue = data.pop(_ANSWER_QUEUE, None)
            answer = dict(data) if type(data) is _RequestRecord else data
        if answer_queue is not None:
            answer_queue.put(answer)
