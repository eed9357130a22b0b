"""The smallest engine: one thread, no channels. It defines what other engines must deliver.

`submit` runs the whole pipeline and returns when it has ended. Sources take turns, one record each. A record goes
through the whole graph, breadth first, before the next source is asked. A service runs in its caller's thread.
Asynchronous calls, time-outs, pause, step, and a `submit` that returns while the pipeline runs need threads.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from sage_runtime.attribution import attributed
from sage_runtime.engine.context import OperatorContext, ServiceContext
from sage_runtime.engine.description import describe
from sage_runtime.engine.errors import NoMethodError, ServiceCycleError, UnkeyedRecordError, no_service, passed_on
from sage_runtime.engine.failures import Failures
from sage_runtime.engine.protocol import Publisher
from sage_runtime.events import PipelineFinished
from sage_runtime.graph import EdgeSpec, EndOfStream, Graph, OperatorSpec

IDLE_ROUNDS = 1000
NOTHING = object()


class FailedJobError(Exception):
    """An operator raised in era 3. The cause is the exception that failed the job."""


class Services:
    """The services of a job, called directly: every function's `call_service`."""

    def __init__(self, job: ReferenceJob) -> None:
        self.job = job
        self.instances: dict[str, Any] = {}
        self.at_work: list[str] = []

    def make(self, graph: Graph) -> None:
        for spec in graph.services:
            context = ServiceContext(
                service=spec.name,
                pipeline=self.job.id,
                env_name=graph.name,
                env_base_dir="",
                era=graph.era,
                call_service=self,
                call_service_async=self,
            )
            with attributed(self.job.id, spec.name):
                self.instances[spec.name] = service = spec.create(context)
                for hook in ("setup", "start"):
                    getattr(service, hook, lambda: None)()

    def __call__(self, name: str, /, *args: Any, timeout: float | None = None, **kwargs: Any) -> Any:
        names = [kwargs.pop("method", None)]
        return self.call(name, names if names[0] else ["process", "execute", "call"], args, kwargs)

    def __getitem__(self, name: str, /) -> Any:
        services = self

        class Proxy:
            def __getattr__(self, method: str) -> Callable[..., Any]:
                return lambda *args, timeout=None, **kwargs: services.call(name, [method], args, kwargs)

        return Proxy()

    def call(self, name: str, methods: Sequence[Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        era = self.job.graph.era
        if name not in self.instances:
            raise no_service(era, name)
        if name in self.at_work:
            raise ServiceCycleError(" → ".join([*self.at_work, name]))
        found = [method for method in methods if callable(getattr(self.instances[name], method, None))]
        if not found:
            raise NoMethodError(tuple(methods)).of_era(era, name)
        self.at_work.append(name)
        try:
            with attributed(self.job.id, name):
                return getattr(self.instances[name], found[0])(*args, **kwargs)
        except Exception as error:  # noqa: BLE001 - whatever user code raises is recorded
            self.job.failures.record(name, "service", error)
            raise passed_on(error, era) from (error if era != 3 else None)
        finally:
            self.at_work.pop()


class ReferenceJob:
    """One pipeline. `run` runs it from start to end."""

    def __init__(self, name: str, graph: Graph, publisher: Publisher) -> None:
        self.id = name
        self.graph = graph
        self.status = "running"
        self.failure: BaseException | None = None
        self.ended = False
        self.failures = Failures(name, publisher.publish)
        self._publish = publisher.publish
        self._services = Services(self)
        self._functions: dict[str, list[Any]] = {}
        self._contexts: dict[str, list[OperatorContext]] = {}
        self._turns: dict[str, int] = {}
        self._closing = False

    def wait(self, timeout: float | None = None) -> bool:
        return self.ended

    def head_start(self) -> None:
        """It has ended already."""

    def stop(self, *, drain: bool = True, timeout: float | None = 10.0) -> None:
        self.close_sources()

    def close_sources(self) -> None:
        self._closing = True

    def run(self) -> None:
        self._publish(describe(self.id, self.graph))
        try:
            self._services.make(self.graph)
            for spec in self.graph.operators:
                self._make(spec)
            self._run_sources([self._records(spec) for spec in self.graph.operators if spec.is_source])
            self.status = "stopped" if self._closing else "finished"
        except FailedJobError as error:
            self.failure, self.status = error.__cause__, "failed"
        except BaseException as error:
            self.failure, self.status = error, "failed"
            raise
        finally:
            for functions in self._functions.values():
                for function in functions:
                    getattr(function, "close", lambda: None)()
            for service in self._services.instances.values():
                for hook in ("stop", "cleanup"):
                    getattr(service, hook, lambda: None)()
            self.ended = True
            self._publish(PipelineFinished(pipeline=self.id, status=self.status, duration=0.0))

    def _make(self, spec: OperatorSpec) -> None:
        self._contexts[spec.id] = [
            OperatorContext(
                operator=spec.id,
                pipeline=self.id,
                env_name=self.graph.name,
                env_base_dir="",
                parallel_index=index,
                parallelism=spec.parallelism,
                call_service=self._services,
                call_service_async=self._services,
                era=self.graph.era,
            )
            for index in range(spec.parallelism)
        ]
        if spec.values is None:
            with attributed(self.id, spec.id):
                self._functions[spec.id] = [spec.create(context) for context in self._contexts[spec.id]]

    def _records(self, spec: OperatorSpec) -> Iterator[tuple[OperatorSpec, Any]]:
        """A source's records, or `NOTHING` when it has none just now, until the source ends."""
        if spec.values is not None:
            yield from ((spec, value) for value in spec.values if value is not None)
            return
        for function in self._functions[spec.id]:
            execute = getattr(function, "execute", function)
            while True:
                try:
                    with attributed(self.id, spec.id):
                        value = execute()
                except StopIteration:
                    break
                except Exception as error:  # noqa: BLE001 - whatever user code raises is recorded
                    self._failed(spec, error)
                    break
                if isinstance(value, EndOfStream) or (value is None and spec.none_ends):
                    break
                yield spec, NOTHING if value is None else value

    def _run_sources(self, sources: list[Iterator[tuple[OperatorSpec, Any]]]) -> None:
        idle = 0
        while sources and not self._closing and idle <= IDLE_ROUNDS:
            idle += 1
            for source in list(sources):
                record = next(source, None)
                if record is None:
                    sources.remove(source)
                elif record[1] is not NOTHING:
                    idle = 0
                    self._deliver(record[0], None, record[1])

    def _deliver(self, spec: OperatorSpec, key: Any, value: Any) -> None:
        """Carry a record and all its results through the graph."""
        agenda: deque[tuple[EdgeSpec, Any, Any]] = deque((edge, key, value) for edge in self.graph.outputs[spec.id])
        operators = {operator.id: operator for operator in self.graph.operators}
        while agenda:
            edge, key, value = agenda.popleft()
            target = operators[edge.target]
            for index in self._replicas(edge, target, key):
                for new_key, result in self._results(target, index, edge.input, key, value):
                    agenda.extend((out, new_key, result) for out in self.graph.outputs[target.id])

    def _replicas(self, edge: EdgeSpec, target: OperatorSpec, key: Any) -> Iterable[int]:
        if edge.partition == "broadcast":
            return range(target.parallelism)
        if key is not None and edge.partition != "round_robin":
            try:
                return [hash(key) % target.parallelism]
            except TypeError:
                return [hash(repr(key)) % target.parallelism]
        self._turns[edge.id] = turn = self._turns.get(edge.id, -1) + 1
        return [turn % target.parallelism]

    def _results(self, spec: OperatorSpec, index: int, number: int, key: Any, value: Any) -> list[tuple[Any, Any]]:
        function, context = self._functions[spec.id][index], self._contexts[spec.id][index]
        execute = getattr(function, f"map{number}" if spec.kind == "comap" else "execute", function)
        context.key = key
        try:
            with attributed(self.id, spec.id):
                match spec.kind:
                    case "filter":
                        return [(key, value)] if execute(value) else []
                    case "keyby":
                        return [(execute(value), value)]
                    case "join":
                        if key is None:
                            raise UnkeyedRecordError(f"a record without a key reached {spec.id!r}")
                        return [(key, item) for item in self._each(execute(value, key, number), join=True)]
                    case "flatmap":
                        results = self._each(execute(value))
                        collected = getattr(function, "_collected", None) or []
                        results += [item for item in collected if item is not None]
                        del collected[:]
                        return [(key, item) for item in results]
                    case "sink":
                        execute(value)
                        return []
                    case _:
                        result = execute(value)
                        return [] if result is None else [(key, result)]
        except Exception as error:  # noqa: BLE001 - whatever user code raises is recorded
            self._failed(spec, error)
            return []

    def _each(self, result: Any, *, join: bool = False) -> list[Any]:
        """The records in the result of a flatmap or a join."""
        era_3 = self.graph.era == 3
        if join and not era_3:
            whole = not isinstance(result, list)
        else:
            whole = not hasattr(result, "__iter__") or isinstance(result, (str, bytes, dict) if era_3 else (str, bytes))
        return [item for item in ((result,) if whole else result) if item is not None]

    def _failed(self, spec: OperatorSpec, error: Exception) -> None:
        self.failures.record(spec.id, "operator", error)
        if self.graph.era == 3:
            raise FailedJobError from error


class ReferenceEngine:
    """An `Engine` for tests."""

    def __init__(self, publisher: Publisher) -> None:
        self.logs = ""
        self.jobs: list[ReferenceJob] = []
        self._publisher = publisher

    def submit(self, graph: Graph) -> ReferenceJob:
        name = graph.name if graph.name not in {job.id for job in self.jobs} else f"{graph.name}_{len(self.jobs)}"
        job = ReferenceJob(name, graph, self._publisher)
        self.jobs.append(job)
        job.run()
        return job

    def pause(self) -> None: ...

    def resume(self) -> None: ...

    def step(self, operator: str | None = None) -> None: ...

    def inspect(self, operators: Iterable[str]) -> None: ...

    def follow(self, operator: str | None, count: int = 1) -> None: ...

    def close_sources(self) -> None:
        for job in self.jobs:
            job.close_sources()

    def stop(self) -> None:
        self.close_sources()

    def wait(self, timeout: float | None = None) -> bool:
        return all(job.ended for job in self.jobs)
