"""Services: each on a thread of its own, one call at a time, first come first served, every call measured."""

from __future__ import annotations

import threading
from _thread import LockType, allocate_lock, get_ident
from collections.abc import Callable
from itertools import count
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

from sage_runtime.attribution import set_source
from sage_runtime.engine.call_metrics import CallMetrics
from sage_runtime.engine.context import ServiceContext
from sage_runtime.engine.errors import ServiceStopped, TooLateError, stopped, timed_out
from sage_runtime.engine.failures import Failures
from sage_runtime.engine.meters import BUSY, WAITING
from sage_runtime.engine.threads.calls import AGAIN_SECONDS, AsyncRequest, CallOwner, Request, SyncRequest
from sage_runtime.engine.threads.forks import end_child
from sage_runtime.engine.threads.service_instance import ServiceInstance
from sage_runtime.engine.threads.wait_for_graph import WaitForGraph
from sage_runtime.events import Event, LeftOut, ServiceStats
from sage_runtime.graph import ServiceSpec

if TYPE_CHECKING:
    from sage_runtime.engine.threads.futures import ServiceFuture

call_ids = count(1)
"""Ids of calls, unique in the process."""


class Service:
    """One service of a job. Its own thread makes it, executes its calls and ends it; any thread calls.

    A call is put into `_requests` and, as long as it has not begun, into `_queued`; the one that is executed is in
    `_running`. Whoever takes it out of there answers it. On its way it is in both for a moment, and `begun` only after
    that: until then it is no business of who finds it in `_running`. `ready` is set once the service is made (or failed
    to be), `ended` after its last hook.
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
        crashed: Callable[[BaseException], None],
        waits: WaitForGraph,
    ) -> None:
        self.name = spec.name
        self.spec = spec
        self.clock = clock
        self.owner = CallOwner(spec.name, service=self)
        self.ready = threading.Event()
        self.ended = threading.Event()
        self._pipeline = pipeline
        self._era = era
        self._crashed = crashed
        self._waits = waits
        self._context: ServiceContext | None = None
        self._served = ServiceInstance(spec, era, failures)
        self._closed = False
        self._in_child = False
        self._running: list[Request] = []
        self._requests: SimpleQueue[Request | threading.Event | None] = SimpleQueue()
        self._marks: list[threading.Event] = []
        self._queued: dict[int, Request] = {}
        self._meters = CallMetrics(pipeline, spec.name, clock, publish)
        self._start_once = [True]
        self._launched = False
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
        self._launched = True

    @property
    def started(self) -> bool:
        """Whether its thread was started."""
        return not self._start_once

    @property
    def lost(self) -> bool:
        """Whether its thread is over and has not said so, as it does on every way out of its own code."""
        return self._launched and not self._thread.is_alive() and not self.ended.is_set()

    def mark_dead(self) -> None:
        """Its thread is lost: let nobody wait for it."""
        self.cancel()
        self.ended.set()

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
        for request in list(self._running):
            self._refuse(request, stopped(self.name))
        for mark in list(self._marks):
            mark.set()
        self.ready.set()

    def forked(self) -> None:
        """In a forked child: nobody answers there, and no call is begun if it was this service that forked."""
        self._closed = self._in_child = True
        self._running.clear()
        self._requests = SimpleQueue()
        self._requests.put(None)

    # --- calls, on any thread ----------------------------------------------------------------------------------------

    def call(
        self, owner: CallOwner, method: str | None, args: tuple[Any, ...], kwargs: dict[str, Any], timeout: float | None
    ) -> Any:
        """Call and wait for the answer.

        Raises:
            TimeoutError: none came within `timeout` seconds.
            ServiceStopped: the service has stopped, or stops now.
            ServiceCycleError: it waits, through others, for the caller.
        """
        meter = owner.meter
        if meter is None or timeout is not None or owner.thread != get_ident():
            return self._call_with_care(owner, method, args, kwargs, timeout)
        if self._closed:
            raise stopped(self.name)
        clock = self.clock
        request = SyncRequest(next(call_ids), method, args, kwargs, owner, clock(), None, None)
        request.lock = lock = allocate_lock()
        lock.acquire()
        if owner.calls is not None:
            owner.calls.append(request.id)
        meter.switch(WAITING, request.called)
        self._queued[request.id] = request
        self._requests.put(request)
        if self._closed:
            self._stop_queued()
        lock.acquire()
        meter.switch(BUSY, clock())
        if request.error is not None:
            raise request.error
        return request.result

    def _call_with_care(
        self, owner: CallOwner, method: str | None, args: tuple[Any, ...], kwargs: dict[str, Any], timeout: float | None
    ) -> Any:
        """As `call`, for callers that may not wait for ever, may close a cycle, or are on another thread."""
        inside = owner.thread == get_ident()
        parent = owner.service.current_call if inside and owner.service is not None else None
        request = SyncRequest(next(call_ids), method, args, kwargs, owner, self.clock(), timeout, parent)
        request.lock = lock = allocate_lock()
        lock.acquire()
        if not inside:
            self._put(request)
            self._wait(request, lock)
        elif (meter := owner.meter) is not None:
            self._put(request)
            meter.switch(WAITING, request.called)
            self._wait(request, lock)
            meter.switch(BUSY, self.clock())
        else:
            self._waits.begin(owner.id, self.name, lambda: False)
            try:
                self._put(request)
                self._wait(request, lock)
            finally:
                self._waits.end(owner.id)
        if request.error is not None:
            raise request.error
        return request.result

    def call_async(
        self, owner: CallOwner, method: str | None, args: tuple[Any, ...], kwargs: dict[str, Any], timeout: float | None
    ) -> ServiceFuture:
        """Call and return a future of the answer. Raises `ServiceStopped` as `call` does."""
        from sage_runtime.engine.threads.futures import future_of

        inside = owner.thread == get_ident()
        parent = owner.service.current_call if inside and owner.service is not None else None
        request = AsyncRequest(next(call_ids), method, args, kwargs, owner, self.clock(), timeout, parent)
        future = future_of(self, request, self._era)
        self._put(request)
        return future

    @property
    def current_call(self) -> int | None:
        """The id of the call that it executes."""
        try:
            return self._running[0].id
        except IndexError:
            return None

    def _put(self, request: Request) -> None:
        if self._closed:
            raise stopped(self.name)
        if self._start_once:  # a service that is made earlier calls this one from its constructor or setup
            self.start()
        if request.owner.calls is not None and request.owner.thread == get_ident():
            request.owner.calls.append(request.id)
        self._queued[request.id] = request
        self._requests.put(request)
        if self._closed:
            self._stop_queued()

    def _wait(self, request: Request, lock: LockType) -> None:
        if request.timeout is None:
            lock.acquire()
        elif not lock.acquire(timeout=max(0.0, request.timeout)):
            self.time_out(request)
            while not lock.acquire(timeout=AGAIN_SECONDS):
                self.time_out(request)

    def time_out(self, request: Request) -> None:
        """The caller's time is up: it gets a `TimeoutError`, unless the answer comes at this moment."""
        self._refuse(request, self._timeout_error(request))

    def cancel_call(self, request: Request, error: BaseException) -> bool:
        """The caller has no more use for an answer; false if the service has begun."""
        if not self._withdraw(request):
            return False
        self._meters.account(request, self.clock() - request.called, None, None, error)
        return True

    def _withdraw(self, request: Request) -> bool:
        """Take back a call that has not begun; false if it has. Whoever succeeds is the one who answers."""
        return self._queued.pop(request.id, None) is not None

    def _refuse(self, request: Request, error: BaseException) -> None:
        """Answer with an error now, unless it is being answered: withdraw the call, or let it finish unheard."""
        if self._withdraw(request):
            self._meters.account(request, self.clock() - request.called, None, None, error)
        else:
            try:
                (self._running if request.begun else []).remove(request)
            except ValueError:
                return
        request.deliver(None, error)

    def begin_wait(self, owner: CallOwner, over: Callable[[], bool]) -> None:
        """On its own thread, `owner` begins to wait for a future, unless the answer is there (`over()`).

        Raises:
            ServiceCycleError: this service waits, through others, for `owner`.
        """
        if owner.service is not None:
            self._waits.begin(owner.id, self.name, over)
        elif owner.meter is not None:
            owner.meter.switch(WAITING, self.clock())

    def end_wait(self, owner: CallOwner) -> None:
        """On its own thread, `owner` goes on."""
        if owner.service is not None:
            self._waits.end(owner.id)
        elif owner.meter is not None:
            owner.meter.switch(BUSY, self.clock())

    def _stop_queued(self) -> None:
        """Answer all that has not begun: the service has stopped."""
        for request in list(self._queued.values()):
            if self._withdraw(request):
                error = stopped(self.name)
                self._meters.account(request, self.clock() - request.called, None, None, error)
                request.deliver(None, error)

    # --- its own thread ----------------------------------------------------------------------------------------------

    def _main(self) -> None:
        try:
            set_source(self._pipeline, self.name)
            self.owner.thread = threading.get_ident()
            if self._context is not None and not self._closed:
                self._served.make(self._context)
            self.ready.set()
            self._serve()
            if self._in_child:
                end_child()
            self._served.end()
        except BaseException as error:  # noqa: BLE001 - the outer edge of the thread: a fault of the engine
            self._crashed(error)
        finally:
            self.cancel()
            self.owner.thread = None  # another thread may get this ident
            self.ended.set()

    def _serve(self) -> None:
        get = self._requests.get
        queued, running = self._queued, self._running
        while True:
            request = get()
            if type(request) is SyncRequest or isinstance(request, Request):
                running.append(request)  # first, so that it is always found in one place or the other
                if queued.pop(request.id, None) is not None:
                    request.begun = True
                    if self._closed:  # who closed it may have come a moment too early for this one
                        self._refuse(request, stopped(self.name))
                    self._execute(request)
                else:
                    running.clear()
            elif request is None:
                return
            else:
                request.set()

    def _execute(self, request: Request) -> None:
        clock = self.clock
        began = clock()
        name = request.method
        result: Any = None
        raised: BaseException | None = None
        error: BaseException | None = None
        duration: float | None = None
        try:
            if request.timeout is not None and began > request.called + request.timeout:
                raise TooLateError
            method = getattr(self._served.ready, name, None) if name is not None else None
            result = (method or self._served.method(request))(*request.args, **request.kwargs)
            duration = clock() - began
        except TooLateError:
            raised = error = self._timeout_error(request)
        except BaseException as caught:  # noqa: BLE001 - whatever user code raises is recorded and goes to the caller
            duration = clock() - began
            if self._in_child:
                end_child(caught)
            expected = self._closed and isinstance(caught, ServiceStopped)
            raised, error = self._served.failed(request, caught, count=not expected)
        try:
            self._running.pop()
        except IndexError:  # its caller has given up, or everything stops: it was refused
            if self._in_child:
                end_child()
            self._meters.account(request, began - request.called, duration, None, raised or self._late_error(request))
            return
        if self._meters.budget >= 1.0:  # its event comes before whatever the caller does next
            try:
                self._meters.account(request, began - request.called, duration, result, raised)
            finally:
                request.deliver(result, error)
        else:  # only counted, in the fewest steps: the caller's thread waits for the interpreter meanwhile
            request.deliver(result, error)
            self._meters.add((name or request.named, request.owner.id, duration, raised is not None, False))

    # --- measuring ---------------------------------------------------------------------------------------------------

    def stats(self) -> list[ServiceStats]:
        """Totals of each method at this moment, for the sampler."""
        return self._meters.stats(list(self._queued.values()), list(self._running))

    @property
    def answered(self) -> int:
        """How many calls are over."""
        return self._meters.count

    def left_out(self) -> list[LeftOut]:
        """What was only counted since the last time, for the sampler."""
        return self._meters.left_out()

    def _timeout_error(self, request: Request) -> TimeoutError:
        return timed_out(self.name, request.named, request.timeout)

    def _late_error(self, request: Request) -> BaseException:
        """Why the caller did not get the answer."""
        return stopped(self.name) if self._closed else self._timeout_error(request)
