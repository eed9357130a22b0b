"""Services: each on a thread of its own, one call at a time, first come first served, every call measured."""

from __future__ import annotations

import threading
from _thread import LockType, allocate_lock
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError
from contextlib import contextmanager
from functools import partial
from itertools import count
from queue import SimpleQueue
from typing import Any

from sage_runtime.attribution import set_source
from sage_runtime.engine.calls import Era3Future, Request, ServiceFuture, on_own_thread, stopped
from sage_runtime.engine.context import ServiceContext
from sage_runtime.engine.errors import EngineError, ServiceStopped
from sage_runtime.engine.failures import Failures
from sage_runtime.engine.meters import BUSY, WAITING, Histogram
from sage_runtime.engine.owner import Owner
from sage_runtime.engine.taps import Bucket
from sage_runtime.engine.waits import Waits
from sage_runtime.events import Event, LeftOut, ServiceCall, ServiceStats
from sage_runtime.graph import ServiceSpec
from sage_runtime.preview import exception_message, preview, preview_arguments

CALL_EVENTS = 500
"""Calls a second of one service that become events; above that they are counted."""

DEFAULT_METHODS = ("process", "execute", "call")
"""What a call without a method's name calls: the first of these that the service has."""

call_ids = count(1)
"""Ids of calls, unique in the process."""


class MethodMeter:
    """Totals of one method of one service, under the service's lock."""

    __slots__ = ("callers", "calls", "errors", "latency")

    def __init__(self) -> None:
        self.calls = 0
        self.errors = 0
        self.latency = Histogram()
        self.callers: dict[str, int] = {}


class Service:
    """One service of a job. Its own thread makes it, executes its calls and ends it; any thread calls.

    A call is put into `_requests` and, as long as it has not begun, into `_queued`: whoever takes it out of there
    decides its fate. `ready` is set once the service is made (or failed to be), `ended` after its last hook.
    """

    def __init__(
        self,
        spec: ServiceSpec,
        pipeline: str,
        era: int,
        *,
        clock: Callable[[], float],
        publish: Callable[[Event], None],
        failures: Failures,
        waits: Waits,
    ) -> None:
        self.name = spec.name
        self.spec = spec
        self.clock = clock
        self.owner = Owner(spec.name, service=self)
        self.ready = threading.Event()
        self.ended = threading.Event()
        self.begun = 0
        self._pipeline = pipeline
        self._era = era
        self._publish = publish
        self._failures = failures
        self._waits = waits
        self._context: ServiceContext | None = None
        self._instance: Any = None
        self._broken: BaseException | None = None
        self._closed = False
        self._current: Request | None = None
        self._requests: SimpleQueue[Request | threading.Event | None] = SimpleQueue()
        self._marks: list[threading.Event] = []
        self._queued: dict[int, Request] = {}
        self._lock = threading.Lock()
        self._methods: dict[str, MethodMeter] = {}
        self._bucket = Bucket(CALL_EVENTS, clock())
        self._left_out = 0
        self._start_once = [True]
        self._thread = threading.Thread(target=self._main, name=f"service_{spec.name}", daemon=True)

    # --- its life, seen from the job ---------------------------------------------------------------------------------

    def connect(self, context: ServiceContext) -> None:
        """Give it its context, before it starts."""
        self._context = context

    def start(self) -> None:
        """Start its thread, unless somebody has."""
        try:
            self._start_once.pop()
        except IndexError:
            return
        self._thread.start()

    @property
    def started(self) -> bool:
        """Whether its thread was started."""
        return not self._start_once

    def catch_up(self) -> None:
        """Wait until every call made before this moment is answered, or the service is cancelled."""
        reached = threading.Event()
        self._marks.append(reached)
        self._requests.put(reached)
        if not self._closed:
            reached.wait()

    def finish(self) -> None:
        """Let it end once it has answered the calls made so far. It sets `ended` after its hooks."""
        if not self.started:
            self._closed = True
            self.ready.set()
            self.ended.set()
        self._requests.put(None)

    def cancel(self) -> None:
        """Wake all who wait for it with `ServiceStopped`, and take no more calls; what it executes may finish."""
        self._closed = True
        self._stop_queued()
        current = self._current
        if current is not None and current.claim_answer():
            current.deliver(None, stopped(self.name))
        for mark in list(self._marks):
            mark.set()
        self.ready.set()

    # --- calls, on any thread ----------------------------------------------------------------------------------------

    def call(
        self, owner: Owner, method: str | None, args: tuple[Any, ...], kwargs: dict[str, Any], timeout: float | None
    ) -> Any:
        """Call and wait for the answer.

        Raises:
            TimeoutError: none came within `timeout` seconds.
            ServiceStopped: the service has stopped, or stops now.
            ServiceCycleError: it waits, through others, for the caller.
        """
        clock = self.clock
        request = Request(next(call_ids), method, args, kwargs, owner, clock(), timeout)
        request.lock = lock = allocate_lock()
        lock.acquire()
        if not on_own_thread(owner):
            self._put(request)
            self._wait(request, lock)
        elif (meter := owner.meter) is not None:
            self._note(request)
            self._put(request)
            meter.switch(WAITING, request.called)
            self._wait(request, lock)
            meter.switch(BUSY, clock())
        else:
            self._note(request)
            with self._caller_waits(owner, lambda: False):
                self._put(request)
                self._wait(request, lock)
        error = request.error
        if error is not None:
            raise error
        return request.result

    def call_async(
        self, owner: Owner, method: str | None, args: tuple[Any, ...], kwargs: dict[str, Any], timeout: float | None
    ) -> ServiceFuture:
        """Call and return a future of the answer. Raises `ServiceStopped` as `call` does."""
        request = Request(next(call_ids), method, args, kwargs, owner, self.clock(), timeout)
        request.future = (Era3Future if self._era == 3 else ServiceFuture)(self, request)
        if on_own_thread(owner):
            self._note(request)
        self._put(request)
        return request.future

    @contextmanager
    def waiting(self, request: Request, over: Callable[[], bool]) -> Iterator[None]:
        """The current thread waits for a future inside."""
        owner = request.owner
        if not on_own_thread(owner):
            yield
        elif owner.meter is not None:
            owner.meter.switch(WAITING, self.clock())
            try:
                yield
            finally:
                owner.meter.switch(BUSY, self.clock())
        else:
            with self._caller_waits(owner, over):
                yield

    def withdraw(self, request: Request) -> bool:
        """Take back a call that has not begun; false if it has."""
        return self._queued.pop(request.id, None) is not None

    def cancel_call(self, request: Request) -> bool:
        """The caller has no more use for an answer; false if the service has begun."""
        if not self.withdraw(request) or not request.claim_answer():
            return False
        self._account(request, self.clock() - request.called, None, None, CancelledError())
        return True

    def time_out(self, request: Request) -> None:
        """The caller's time is up: it gets a `TimeoutError`, unless the answer comes at this moment."""
        if not request.claim_answer():
            return
        error = self._timeout_error(request)
        if self.withdraw(request):
            now = self.clock()
            self._account(request, now - request.called, None, None, error)
        request.deliver(None, error)

    def _note(self, request: Request) -> None:
        """On the owner's thread: in which call this one is made, and for which followed record."""
        owner = request.owner
        if owner.service is not None and owner.service._current is not None:
            request.parent = owner.service._current.id
        if owner.calls is not None:
            owner.calls.append(request.id)

    def _put(self, request: Request) -> None:
        if self._closed:
            raise stopped(self.name)
        if self._start_once:  # a service that is made earlier calls this one from its constructor or setup
            self.start()
        self._queued[request.id] = request
        self._requests.put(request)
        if self._closed:
            self._stop_queued()

    def _wait(self, request: Request, lock: LockType) -> None:
        if request.timeout is None:
            lock.acquire()
        elif not lock.acquire(timeout=max(0.0, request.timeout)):
            self.time_out(request)
            lock.acquire()  # released by now, or by whoever answers at this moment

    @contextmanager
    def _caller_waits(self, owner: Owner, over: Callable[[], bool]) -> Iterator[None]:
        """The service that owns the current thread waits for this one inside."""
        self._waits.begin(owner.id, self.name, over)
        try:
            yield
        finally:
            self._waits.end(owner.id)

    def _stop_queued(self) -> None:
        """Answer all that has not begun: the service has stopped."""
        for request in list(self._queued.values()):
            if self.withdraw(request):
                error = stopped(self.name)
                self._account(request, self.clock() - request.called, None, None, error)
                if request.claim_answer():
                    request.deliver(None, error)

    # --- its own thread ----------------------------------------------------------------------------------------------

    def _main(self) -> None:
        set_source(self._pipeline, self.name)
        self.owner.thread = threading.get_ident()
        try:
            self._make()
            self.ready.set()
            self._serve()
            self._end()
        finally:
            self._closed = True
            self.ready.set()
            self._stop_queued()
            self.ended.set()

    def _make(self) -> None:
        """Construct it and run `setup`, then `start`; what it raises answers every call."""
        if self._closed or self._context is None:
            return
        try:
            self._instance = self.spec.create(self._context)
            self._hook("setup")
            self._hook("start", "start_running")
        except BaseException as error:  # noqa: BLE001 - whatever user code raises is recorded
            self._broken = error
            self._failures.record(self.name, "service", error)

    def _serve(self) -> None:
        get = self._requests.get
        queued = self._queued
        while True:
            request = get()
            if request is None:
                return
            if isinstance(request, threading.Event):
                request.set()
            elif queued.pop(request.id, None) is not None:
                self._execute(request)

    def _execute(self, request: Request) -> None:
        clock = self.clock
        self._current = request
        self.begun += 1
        began = clock()
        result: Any = None
        error: BaseException | None = None
        if request.deadline is not None and began > request.deadline:
            self._current = None
            if request.claim_answer():
                error = self._timeout_error(request)
                self._account(request, began - request.called, None, None, error)
                request.deliver(None, error)
            return
        try:
            result = self._method(request)(*request.args, **request.kwargs)
            duration = clock() - began
        except BaseException as raised:  # noqa: BLE001 - whatever user code raises is recorded and goes to the caller
            duration = clock() - began
            error = self._failed(request, raised)
        self._current = None
        answers = request.claim_answer()
        shown = error if answers or error is not None else self._late_error(request)
        self._account(request, began - request.called, duration, result, shown)
        if answers:
            request.deliver(result, error)

    def _method(self, request: Request) -> Callable[..., Any]:
        if self._broken is not None:
            raise _BrokenServiceError from self._broken
        names = DEFAULT_METHODS if request.method is None else (request.method,)
        for name in names:
            method = getattr(self._instance, name, None)
            if callable(method):
                request.method = name
                found: Callable[..., Any] = method
                return found
        raise _NoMethodError(names)

    def _failed(self, request: Request, raised: BaseException) -> BaseException:
        """Record what a call raised, and make of it what its caller gets by the rules of the era."""
        if isinstance(raised, _BrokenServiceError):
            raised = self._broken or raised
        elif isinstance(raised, _NoMethodError):
            if self._era == 3:
                return AttributeError(
                    f"Service {self.name!r} does not expose a callable method for {list(raised.names)}."
                )
            return RuntimeError(f"Service call failed: Service {self.name!r} does not have method {raised.names[0]!r}")
        elif not (self._closed and isinstance(raised, ServiceStopped)):
            self._failures.record(
                self.name, "service", raised, partial(preview_arguments, request.args, request.kwargs)
            )
        if self._era == 3 or isinstance(raised, EngineError):
            return raised
        error = RuntimeError(f"Service call failed: {exception_message(raised)}")
        error.__cause__ = raised
        return error

    def _end(self) -> None:
        """Run `stop`, then `cleanup` or `close`."""
        if self._instance is None:
            return
        for names in (("stop",), ("cleanup", "close")):
            try:
                self._hook(*names)
            except BaseException as error:  # noqa: BLE001 - whatever user code raises is recorded
                self._failures.record(self.name, "service", error)

    def _hook(self, *names: str) -> None:
        """Call the first of these methods that it has."""
        for name in names:
            method = getattr(self._instance, name, None)
            if callable(method):
                method()
                return

    # --- measuring ---------------------------------------------------------------------------------------------------

    def _account(
        self, request: Request, waited: float, duration: float | None, result: Any, error: BaseException | None
    ) -> None:
        """Count a call that is over (`duration` None: it never began), and publish it while there are not too many."""
        method = request.method or DEFAULT_METHODS[0]
        owner = request.owner
        with self._lock:
            meter = self._methods.get(method)
            if meter is None:
                meter = self._methods[method] = MethodMeter()
            meter.calls += 1
            if error is not None:
                meter.errors += 1
            if duration is not None:
                meter.latency.add(duration)
            callers = meter.callers
            callers[owner.id] = callers.get(owner.id, 0) + 1
            if not self._bucket.take(self.clock()):
                self._left_out += 1
                return
        self._publish(
            ServiceCall(
                id=request.id,
                parent=request.parent,
                pipeline=self._pipeline,
                service=self.name,
                method=method,
                caller=owner.id,
                replica=owner.replica,
                arguments=preview_arguments(request.args, request.kwargs),
                result=preview(result) if error is None else None,
                error=None if error is None else f"{type(error).__qualname__}: {exception_message(error, 200)}",
                waited=waited,
                duration=duration or 0.0,
            )
        )

    def stats(self) -> list[ServiceStats]:
        """Totals of each method at this moment, for the sampler."""
        waiting: dict[str, int] = {}
        for request in list(self._queued.values()):
            method = request.method or DEFAULT_METHODS[0]
            waiting[method] = waiting.get(method, 0) + 1
        current = self._current
        running = None if current is None else current.method or DEFAULT_METHODS[0]
        with self._lock:
            names = dict.fromkeys([*self._methods, *waiting, *([running] if running is not None else [])])
            return [self._method_stats(name, waiting.get(name, 0), int(name == running)) for name in names]

    def _method_stats(self, method: str, waiting: int, in_flight: int) -> ServiceStats:
        meter = self._methods.get(method) or MethodMeter()
        return ServiceStats(
            pipeline=self._pipeline,
            service=self.name,
            method=method,
            calls=meter.calls,
            errors=meter.errors,
            in_flight=in_flight,
            waiting=waiting,
            latency=meter.latency.latency(),
            callers=dict(meter.callers),
        )

    def collect(self) -> list[LeftOut]:
        """What was only counted since the last time, for the sampler."""
        with self._lock:
            count, self._left_out = self._left_out, 0
        if not count:
            return []
        return [LeftOut(what="service_call", pipeline=self._pipeline, source=self.name, count=count)]

    def _timeout_error(self, request: Request) -> TimeoutError:
        method = request.method or DEFAULT_METHODS[0]
        return TimeoutError(f"Service call timeout after {request.timeout:g}s: {self.name}.{method}")

    def _late_error(self, request: Request) -> BaseException:
        """Why the caller did not get the answer."""
        return stopped(self.name) if self._closed else self._timeout_error(request)


class _BrokenServiceError(Exception):
    """The service could not be made."""


class _NoMethodError(Exception):
    """The service has none of these methods."""

    def __init__(self, names: tuple[str, ...]) -> None:
        super().__init__(names)
        self.names = names
