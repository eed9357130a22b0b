"""What all environments share: collecting a pipeline, registering services, submitting, stopping."""

from __future__ import annotations

import logging
import os
from typing import TYPE_CHECKING, Any, ClassVar

from sage_runtime import engine
from sage_runtime.api.eras import ERA_1, ERA_2, ERA_3, Era
from sage_runtime.api.functions import BaseFunction
from sage_runtime.api.logger import CustomLogger, RuntimeCustomLogger, set_console_level
from sage_runtime.api.services import ServiceFactory
from sage_runtime.api.streams import DataStream
from sage_runtime.api.transformations import (
    BaseTransformation,
    BatchTransformation,
    FutureTransformation,
    SourceTransformation,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from sage_runtime.api.scheduling import Placements
    from sage_runtime.engine.protocol import JobHandle

_log = logging.getLogger("sage.environment")
_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")
_announced = False
"""Whether `JobManager logs: …` has been printed in this process."""


def _random_uuid() -> str:
    """A UUID of version 4 (RFC 9562) as text; the module `uuid` takes milliseconds to import."""
    number = int.from_bytes(os.urandom(16)) & ~(0xF << 76 | 0x3 << 62) | 0x4 << 76 | 0x2 << 62
    digits = f"{number:032x}"
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


class BaseEnvironment:
    """A pipeline being built, and the jobs that it was submitted as.

    `pipeline` holds the steps. `config` and `enable_monitoring` are accepted and kept. `env_uuid` is the id of the last
    submit, None before and after `close`.
    """

    era: ClassVar[Era] = ERA_1
    platform = "local"

    def __init__(
        self,
        name: str = "localenvironment",
        config: dict[str, Any] | None = None,
        *,
        platform: str | None = None,
        scheduler: Any = None,
        enable_monitoring: bool = False,
    ) -> None:
        self.name = name
        self.config: dict[str, Any] = dict(config or {})
        if platform is not None:
            self.platform = platform
        self.enable_monitoring = enable_monitoring
        self.pipeline: list[BaseTransformation] = []
        self.service_factories: dict[str, Any] = {}
        self.uuid: str | None = None
        self.env_uuid: str | None = None
        self.env_base_dir: str | None = engine.current().logs or None
        self.console_log_level = "INFO"
        self.jobmanager_host: str | None = None
        self.jobmanager_port: int | None = None
        self._scheduler: Any = None
        self._given_scheduler = scheduler
        if scheduler is not None:
            self._scheduler = self.scheduler
        self._logger: Any = None
        self._job: JobHandle | None = None
        self._placements: Placements | None = None

    # --- sources ---

    def from_batch(
        self,
        source: Any,
        *args: Any,
        delay: float | None = None,
        progress_log_interval: int = 100,
        parallelism: int | None = None,
        name: str | None = None,
        **kwargs: Any,
    ) -> DataStream:
        """A stream that ends by itself, from a function class with its arguments, or from any iterable.

        `total_count` (of an iterable) and `progress_log_interval` are accepted; `delay` is in seconds.

        Raises:
            TypeError: neither a function class nor iterable.
        """
        options: dict[str, Any] = {
            "delay": delay,
            "progress_log_interval": progress_log_interval,
            "parallelism": parallelism,
            "name": name,
        }
        if isinstance(source, type) and (issubclass(source, BaseFunction) or hasattr(source, "execute")):
            return self._add(BatchTransformation(self, _executable(source), *args, **options, **kwargs))
        try:
            iter(source)
        except TypeError:
            raise TypeError(
                f"from_batch takes a function class, a list or anything else to iterate over, not {source!r}"
            ) from None
        return self._add_values(source, options)

    def from_source(
        self,
        function: Any,
        *args: Any,
        delay: float | None = None,
        parallelism: int | None = None,
        name: str | None = None,
        **kwargs: Any,
    ) -> DataStream:
        """A stream without a known end, from a function class with its arguments or a callable without parameters.

        It ends when a `StopSignal` is returned. `delay` is in seconds: between records in eras 1 and 2, after `None`
        in era 3.
        """
        return self._add(
            SourceTransformation(self, function, *args, delay=delay, parallelism=parallelism, name=name, **kwargs)
        )

    def from_collection(self, function: Any, *args: Any, **kwargs: Any) -> DataStream:
        """The same as `from_batch`; a callable is asked until it returns `None`."""
        if isinstance(function, type) or not callable(function):
            return self.from_batch(function, *args, **kwargs)
        return self._add(BatchTransformation(self, function, *args, **kwargs))

    def from_future(self, name: str) -> DataStream:
        """A stream to be filled later with `fill_future`: the beginning of a feedback loop."""
        return self._add(FutureTransformation(self, name))

    def from_kafka_source(self, *args: Any, **kwargs: Any) -> DataStream:
        """A stream of a Kafka topic's messages.

        `(bootstrap_servers, topic, group_id, auto_offset_reset="latest", value_deserializer="json",
        buffer_size=10000, max_poll_records=500, **client options)`, in eras 2 and 3 with the source's class before
        them; it defaults to ours, which needs the extra `kafka`.
        """
        source_class: type[Any] | None = kwargs.pop("source_class", None)
        if args and isinstance(args[0], type):
            source_class, args = args[0], args[1:]
        if source_class is None:
            from sage_runtime.api.io.kafka import KafkaSourceFunction

            source_class = KafkaSourceFunction
        names = ("bootstrap_servers", "topic", "group_id", "auto_offset_reset", "value_deserializer", "buffer_size")
        options = {
            "auto_offset_reset": "latest",
            "value_deserializer": "json",
            "buffer_size": 10000,
            "max_poll_records": 500,
            **dict(zip((*names, "max_poll_records"), args, strict=False)),
            **kwargs,
        }
        return self._add(SourceTransformation(self, source_class, **options))

    def _add(self, step: BaseTransformation) -> DataStream:
        self.pipeline.append(step)
        return DataStream(self, step)

    def _add_values(self, values: Iterable[Any], options: dict[str, Any]) -> DataStream:
        from sage_runtime.api.ready_made import IterableBatchIteratorFunction

        options["name"] = options["name"] or type(values).__name__
        step = BatchTransformation(self, IterableBatchIteratorFunction, values, **options)
        step.values = values
        return self._add(step)

    # --- services ---

    def register_service(
        self, service_name: str, service_class: Callable[..., Any], *args: Any, **kwargs: Any
    ) -> ServiceFactory:
        """Let operators call `service_name`; each submit makes an instance of the class with these arguments.

        Raises:
            TypeError: not a class, nor another callable that makes the service.
        """
        if not callable(service_class):
            raise TypeError(f"register_service takes a class, not {service_class!r}")
        factory = ServiceFactory(service_name, service_class, args, kwargs)
        if self.era.announces:
            print(f"ServiceFactory initialized for {service_name} with class {service_class}")
        self.register_service_factory(service_name, factory)
        return factory

    def register_service_factory(self, service_name: str, service_factory: Any) -> Any:
        """Let operators call `service_name`, made by `service_factory.create_service(ctx)`."""
        self.service_factories[service_name] = service_factory
        _log.info("Registered local service: %s", service_name)
        return service_factory

    # --- running ---

    def submit(self, autostop: bool = False) -> str:
        """Start the pipeline and return the id of this submit; with `autostop`, wait for its end.

        Otherwise its threads get a head start of some milliseconds, as in SAGE: few quick records are there at once.

        Raises:
            GraphError: the pipeline does not hold together.
            Exception: what a function's constructor raised; in era 3, with `autostop`, what failed the pipeline.
        """
        from sage_runtime.api.jobs import JobManager
        from sage_runtime.api.pipeline import build_graph

        runs = engine.current()
        self._announce_logs(runs.logs)
        graph = build_graph(self, autostop=autostop)
        if self.era.asks_schedulers:
            from sage_runtime.api.scheduling import ask_scheduler

            self._placements = ask_scheduler(self)
        self.uuid = self.env_uuid = _random_uuid()
        self._job = runs.submit(graph)
        info = JobManager().add(self.env_uuid, self, self._job, autostop=autostop)
        if autostop:
            self._wait_for_completion()
            info.note_end()
            if self.era.raises_failures and self._job.failure is not None:
                raise self._job.failure
        else:
            self._job.head_start()
        return self.uuid

    def _announce_logs(self, logs: str) -> None:
        global _announced
        if self.era.announces and logs and not _announced:
            _announced = True
            print(f"JobManager logs: {logs}")

    def _wait_for_completion(self) -> None:
        """Wait until the job of the last submit has ended."""
        if self._job is not None:
            self._job.wait()
            self._tell_scheduler()

    def _tell_scheduler(self) -> None:
        if self._placements is not None:
            self._placements.completed()

    def stop(self) -> None:
        """Close the sources and wait until what is in flight has been delivered, ten seconds at most."""
        if self._job is None:
            _log.warning("%s was not submitted: there is nothing to stop", self.name)
            return
        self._job.stop(drain=True)
        self._tell_scheduler()

    def close(self) -> None:
        """Stop, and forget the pipeline."""
        self.stop()
        self.env_uuid = None
        self.pipeline.clear()

    @property
    def _pipeline(self) -> list[BaseTransformation]:
        """`pipeline`, by the name that scripts used before SAGE's first release."""
        return self.pipeline

    @property
    def is_running(self) -> bool:
        """Whether the job of the last submit runs."""
        return self._job is not None and self._job.status == "running"

    # --- what else scripts look at ---

    def set_console_log_level(self, level: str) -> None:
        """Set the lowest level that this environment's loggers write to the console: DEBUG, INFO, WARNING or ERROR.

        Raises:
            ValueError: another level.
        """
        if level.upper() not in _LEVELS:
            raise ValueError(f"no console log level {level!r}; there are {', '.join(_LEVELS)}")
        self.console_log_level = level.upper()
        if self._job is not None:
            set_console_level(self._job.id, self.console_log_level)
        if self._logger is not None:
            self._logger.update_output_level("console", self.console_log_level)

    @property
    def logger(self) -> Any:
        """A logger for the script's own messages."""
        if self._logger is None:
            self._logger = RuntimeCustomLogger() if self.era.terse_console else CustomLogger()
        return self._logger

    @property
    def jobmanager(self) -> Any:
        """The job manager of this process."""
        from sage_runtime.api.jobs import JobManager

        return JobManager()

    @property
    def client(self) -> Any:
        """The job manager, as a client of SAGE's daemon would reach it."""
        from sage_runtime.api.jobs import JobManagerClient

        return JobManagerClient()

    @property
    def scheduler(self) -> Any:
        """The scheduler that was given, resolved; a `FIFOScheduler` by default."""
        if self._scheduler is None:
            from sage_runtime.api.scheduling import resolve_scheduler

            self._scheduler = resolve_scheduler(scheduler=self._given_scheduler, platform=self.platform)
        return self._scheduler

    def get_scheduler_metrics(self) -> dict[str, Any]:
        """The scheduler's counters."""
        metrics: dict[str, Any] = self.scheduler.get_metrics()
        return metrics

    def print_sink(self) -> type[BaseFunction]:
        """The class that `stream.print()` uses."""
        from sage_runtime.api.io.printing import BannerPrintSink, PrintSink

        return PrintSink if self.era.number == 1 else BannerPrintSink


def _executable(cls: type[Any]) -> type[Any]:
    """The class itself, or, if it only has `get_data_iterator`, a subclass whose `execute` reads that."""
    if not getattr(cls.execute, "__isabstractmethod__", False) or not hasattr(cls, "get_data_iterator"):
        return cls
    from sage_runtime.api.ready_made import IteratorBatch

    body = {"execute": IteratorBatch.execute, "_iterator": None}
    return type(cls.__name__, (cls,), {**body, "__module__": cls.__module__, "__qualname__": cls.__qualname__})


# --- the environments of each era ------------------------------------------------------------------------------------


class LocalEnvironment(BaseEnvironment):
    """The local environment of era 1 (`sage.core.api`)."""

    era = ERA_1

    def __init__(
        self,
        name: str = "localenvironment",
        config: dict[str, Any] | None = None,
        scheduler: Any = None,
        enable_monitoring: bool = False,
    ) -> None:
        super().__init__(name, config, scheduler=scheduler, enable_monitoring=enable_monitoring)


class KernelLocalEnvironment(LocalEnvironment):
    """The local environment of era 2 (`sage.kernel.api`)."""

    era = ERA_2


class RuntimeLocalEnvironment(LocalEnvironment):
    """The local environment of era 3 (`sage.runtime`)."""

    era = ERA_3


class RemoteEnvironment(BaseEnvironment):
    """SAGE's remote environment of era 1: here the pipeline runs in this process, and the log says so."""

    era = ERA_1
    platform = "remote"

    def __init__(
        self,
        name: str = "remote_environment",
        config: dict[str, Any] | None = None,
        host: str = "127.0.0.1",
        port: int = 19001,
        scheduler: Any = None,
        enable_monitoring: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(name, config, scheduler=scheduler, enable_monitoring=enable_monitoring)
        self.daemon_host = host
        self.daemon_port = port
        self.config.update({"engine_host": host, "engine_port": port, **kwargs})

    def submit(self, autostop: bool = False) -> str:
        """Submit as a local environment does."""
        _log.warning("%s: this remote environment runs here, in this process, not on a cluster", self.name)
        return super().submit(autostop)

    def health_check(self) -> dict[str, Any]:
        """Say that it runs."""
        health: dict[str, Any] = self.jobmanager.health_check()
        return health

    def get_job_status(self) -> dict[str, Any]:
        """The status of the last submit."""
        status: dict[str, Any] = self.jobmanager.get_job_status(self.env_uuid or "")
        return status


class KernelRemoteEnvironment(RemoteEnvironment):
    """SAGE's remote environment of era 2."""

    era = ERA_2


class FlowNetEnvironment(BaseEnvironment):
    """SAGE's distributed environment of era 3: here the pipeline runs in this process, and the log says so."""

    era = ERA_3
    platform = "flownet"

    def __init__(
        self,
        name: str = "flownet_environment",
        config: dict[str, Any] | None = None,
        scheduler: Any = None,
        placement_policy: str | None = None,
        enable_monitoring: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(name, config, scheduler=scheduler, enable_monitoring=enable_monitoring)
        self.config.update(kwargs)
        self.placement_policy = placement_policy

    def submit(self, autostop: bool = False) -> str:
        """Submit as a local environment does."""
        kind = type(self).__name__
        _log.warning("%s: this %s runs here, in this process, not on a cluster", self.name, kind)
        return super().submit(autostop)

    def health_check(self) -> list[dict[str, Any]]:
        """The nodes: this machine."""
        from sage_runtime.api.scheduling import NodeSelector

        return [dict(vars(node)) for node in NodeSelector().get_all_nodes()]

    def __enter__(self) -> FlowNetEnvironment:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def __repr__(self) -> str:
        state = "running" if self.is_running else "idle"
        return f"{type(self).__name__}(name={self.name!r}, stages={len(self.pipeline)}, state={state!r})"


class FlownetEnvironment(FlowNetEnvironment):
    """SAGE's distributed environment of era 2 (0.2.4)."""

    era = ERA_2


class KernelFluttyEnvironment(FlownetEnvironment):
    """SAGE's distributed environment as isage-kernel 0.2.5 names it."""

    platform = "flutty"

    def __init__(self, name: str = "flutty_environment", *args: Any, **kwargs: Any) -> None:
        super().__init__(name, *args, **kwargs)


class RuntimeFluttyEnvironment(KernelFluttyEnvironment):
    """SAGE's distributed environment as isage 0.3.0 and 0.3.1 name it."""

    era = ERA_3


for _cls, _name in (
    (KernelLocalEnvironment, "LocalEnvironment"),
    (RuntimeLocalEnvironment, "LocalEnvironment"),
    (KernelRemoteEnvironment, "RemoteEnvironment"),
    (KernelFluttyEnvironment, "FluttyEnvironment"),
    (RuntimeFluttyEnvironment, "FluttyEnvironment"),
):
    _cls.__name__ = _cls.__qualname__ = _name
