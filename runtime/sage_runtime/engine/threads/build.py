"""From a logical graph to services and replicas that are ready to start: contexts, functions, channels and loops."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

from sage_runtime.attribution import attributed
from sage_runtime.engine.context import OperatorContext, ServiceContext
from sage_runtime.engine.errors import ConstructionError
from sage_runtime.engine.meters import Meter
from sage_runtime.engine.threads.calls import CallOwner, CallService
from sage_runtime.engine.threads.channels import Channel, Wakeup
from sage_runtime.engine.threads.consumer import ConsumerReplica
from sage_runtime.engine.threads.loops import (
    Loop,
    comap_loop,
    filter_loop,
    flatmap_loop,
    join_loop,
    keyby_loop,
    keyed_comap_loop,
    keyed_filter_loop,
    keyed_map_loop,
    keyed_sink_loop,
    map_loop,
    of_one_input,
    sink_loop,
    without_keys,
)
from sage_runtime.engine.threads.replica import JobView, Replica, ReplicaParts
from sage_runtime.engine.threads.resequencer import OrderedOutputs, PendingResults, Resequencer
from sage_runtime.engine.threads.routes import Outputs, Route
from sage_runtime.engine.threads.services import Service
from sage_runtime.engine.threads.source import SourceReplica
from sage_runtime.engine.threads.turns import BATCH_TIMEOUT, STREAM_TIMEOUT, TurnInput, Turns, Upstream
from sage_runtime.engine.threads.wait_for_graph import WaitForGraph
from sage_runtime.graph import EdgeSpec, Graph, GraphError, OperatorSpec


def build_services(job: JobView, graph: Graph, folder: str, waits: WaitForGraph) -> dict[str, Service]:
    """All services of a graph by name, with their contexts, none started."""
    services = {
        spec.name: Service(
            spec,
            job.id,
            graph.era,
            clock=job.clock,
            publish=job.publish,
            failures=job.failures,
            crashed=job.crashed,
            waits=waits,
        )
        for spec in graph.services
    }
    for service in services.values():
        service.connect(
            ServiceContext(
                service=service.name,
                pipeline=job.id,
                env_name=graph.name,
                env_base_dir=folder,
                era=graph.era,
                call_service=CallService(services, service.owner, graph.era),
                call_service_async=CallService(services, service.owner, graph.era, asynchronous=True),
            )
        )
    return services


def build_replicas(job: JobView, graph: Graph, services: Mapping[str, Service], folder: str) -> list[Replica]:
    """Make all replicas of a graph; user functions are constructed here, on the current thread, in the graph's order.

    Raises:
        ConstructionError: a function's constructor raised.
        GraphError: a function lacks the method that its operator needs.
    """
    builder = _Builder(job, graph, services, folder)
    replicas = [builder.replica(spec, index) for spec in graph.operators for index in range(spec.parallelism)]
    builder.upstream.connect(replicas)
    return replicas


class _Builder:
    """Makes all channels, then replica by replica."""

    def __init__(self, job: JobView, graph: Graph, services: Mapping[str, Service], folder: str) -> None:
        self._job = job
        self._graph = graph
        self._services = services
        self._folder = folder
        self._specs = {spec.id: spec for spec in graph.operators}
        self.upstream = Upstream(graph)
        self._keyed_in = {
            name: any(edge.source in graph.keyed for edge in edges) for name, edges in graph.inputs.items()
        }
        self._wakeups = {spec.id: [Wakeup() for _ in range(spec.parallelism)] for spec in graph.operators}
        self._channels = {edge.id: self._make_channels(edge) for edge in graph.edges}
        self._tickets: dict[str, deque[int]] = {
            spec.id: deque() for spec in graph.operators if _keeps_order(spec, graph)
        }
        self._resequencers = {
            name: Resequencer(self._specs[name].parallelism, tickets, self._routes(name))
            for name, tickets in self._tickets.items()
        }

    def replica(self, spec: OperatorSpec, index: int) -> Replica:
        """One replica, its user function constructed."""
        job, graph = self._job, self._graph
        meter = Meter(job.clock())
        owner = CallOwner(spec.id, index, meter)
        context = OperatorContext(
            operator=spec.id,
            pipeline=job.id,
            env_name=graph.name,
            env_base_dir=self._folder,
            parallel_index=index,
            parallelism=spec.parallelism,
            call_service=CallService(self._services, owner, graph.era),
            call_service_async=CallService(self._services, owner, graph.era, asynchronous=True),
            era=graph.era,
        )
        outputs, pending = self._outputs(spec, index, meter)
        parts = ReplicaParts(job, spec, context, meter, owner, outputs, self._wakeups[spec.id][index])
        function: Any = self._construct(spec, context) if spec.values is None else None
        if spec.is_source:
            source = SourceReplica(parts, getattr(function, "execute", function))
            source.close = _close_of(function)
            return source
        replica = self._consumer(parts, function, pending)
        if spec.kind == "sink":
            replica.close = _close_of(function)
        return replica

    def _consumer(self, parts: ReplicaParts, function: Any, pending: PendingResults | None) -> ConsumerReplica:
        """A replica of an operator with inputs. Those that take turns are in the order in which records reach them."""
        spec, context, graph = parts.spec, parts.context, self._graph
        keyed, inputs = self._keyed_in[spec.id], []
        edges = sorted(graph.inputs[spec.id], key=self.upstream.distance)
        batches = all(self._specs[name].kind == "batch" for edge in edges for name in self.upstream.sources(edge))
        for edge in edges:
            loop, mark = make_loop(spec, function, context, edge.input, keyed, graph.era)
            alone = loop if mark is None else of_one_input(loop, mark)
            inputs.append(
                TurnInput(
                    self._channels[edge.id][context.parallel_index],
                    alone if pending is None else pending.marking(alone),
                    mark,
                    BATCH_TIMEOUT if batches else STREAM_TIMEOUT,
                )
            )
        taking = [one for one in inputs if not one.channel.feedback]
        return ConsumerReplica(
            parts,
            tuple(inputs),
            Turns(taking, self.upstream) if len(taking) > 1 else None,
            loop if mark is not None else None,
            keyed_in=keyed,
            keyed_out=spec.id in graph.keyed,
        )

    def _outputs(self, spec: OperatorSpec, index: int, meter: Meter) -> tuple[Outputs, PendingResults | None]:
        """Where a replica's results go, and those on the way there if they keep the order of its operator's records."""
        job, routes = self._job, self._routes(spec.id)
        resequencer = self._resequencers.get(spec.id)
        if resequencer is None:
            return Outputs(routes, meter, job.clock, lambda: job.stopping, index), None
        pending, wakeup, streams = resequencer.pending(index), self._wakeups[spec.id][index], spec.kind == "flatmap"
        return OrderedOutputs(routes, meter, job.clock, lambda: job.stopping, pending, wakeup, streams=streams), pending

    def _construct(self, spec: OperatorSpec, context: OperatorContext) -> Any:
        with attributed(self._job.id, spec.id):
            try:
                return spec.create(context)
            except Exception as error:
                raise ConstructionError(spec.id) from error

    def _make_channels(self, edge: EdgeSpec) -> tuple[Channel, ...]:
        producers = self._specs[edge.source].parallelism
        return tuple(
            Channel(edge.id, wakeup, producers, feedback=edge.feedback) for wakeup in self._wakeups[edge.target]
        )

    def _routes(self, operator: str) -> list[Route]:
        return [self._route(edge) for edge in self._graph.outputs[operator]]

    def _route(self, edge: EdgeSpec) -> Route:
        keyed = edge.source in self._graph.keyed
        keyless = not keyed and self._keyed_in[edge.target]
        return Route(self._channels[edge.id], edge.partition, keyed, keyless, self._tickets.get(edge.target))


def _keeps_order(spec: OperatorSpec, graph: Graph) -> bool:
    """Whether the results of its replicas are given away in the order in which its records came in."""
    inputs = graph.inputs[spec.id]
    if graph.era != 3 or spec.parallelism == 1 or not graph.outputs[spec.id]:
        return False
    return len(inputs) == 1 and not inputs[0].feedback


def make_loop(
    spec: OperatorSpec, function: Any, context: OperatorContext, number: int, keyed: bool, era: int
) -> tuple[Loop, Any]:
    """The loop for the records of input `number`, which are `(key, value)` if `keyed`, and their mark.

    With a mark the loop is one for all inputs, and takes each record with its mark.
    """
    if spec.kind == "comap":
        execute = _method(spec, function, f"map{number}")
        return (keyed_comap_loop(context) if keyed else comap_loop()), execute
    execute = _method(spec, function, "execute")
    if spec.kind == "join":
        return join_loop(execute, context, era, keyed), number
    return _loop_of_one_kind(spec, function, execute, context, keyed, era), None


def _loop_of_one_kind(
    spec: OperatorSpec, function: Any, execute: Callable[..., Any], context: OperatorContext, keyed: bool, era: int
) -> Loop:
    match spec.kind:
        case "map":
            return keyed_map_loop(execute, context) if keyed else map_loop(execute)
        case "filter":
            return keyed_filter_loop(execute, context) if keyed else filter_loop(execute)
        case "flatmap":
            return flatmap_loop(function, execute, context, era, keyed)
        case "keyby":
            return without_keys(keyby_loop(execute)) if keyed else keyby_loop(execute)
        case "sink":
            return keyed_sink_loop(execute, context) if keyed else sink_loop(execute)
        case _:
            raise GraphError(f"operator {spec.id!r} is of kind {spec.kind!r}, which has no inputs")


def _method(spec: OperatorSpec, function: Any, name: str) -> Callable[..., Any]:
    method = getattr(function, name, function if name == "execute" else None)
    if not callable(method):
        raise GraphError(f"{spec.class_name or spec.id} has no method {name!r}, which operator {spec.id!r} needs")
    found: Callable[..., Any] = method
    return found


def _close_of(function: Any) -> Callable[[], object] | None:
    close = getattr(function, "close", None)
    return close if callable(close) else None
