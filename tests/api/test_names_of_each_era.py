"""Every name that scripts of each era import is there: the import tables, read from published scripts."""

from __future__ import annotations

import importlib

import pytest

FUNCTIONS = {
    "base_function": "BaseFunction",
    "batch_function": "BatchFunction",
    "source_function": "SourceFunction",
    "map_function": "MapFunction",
    "filter_function": "FilterFunction",
    "flatmap_function": "FlatMapFunction",
    "sink_function": "SinkFunction",
    "keyby_function": "KeyByFunction",
    "comap_function": "BaseCoMapFunction",
    "join_function": "BaseJoinFunction",
}
SINKS = "TerminalSink RetriveSink FileSink MemWriteSink PrintSink"
SOURCES = "FileSource SocketSource TextFileSource JSONFileSource CSVFileSource KafkaSource"
BATCHES = "JSONLBatch HFDatasetBatch"
BASES = " ".join(FUNCTIONS.values())
HELPERS = "Collector FutureFunction LambdaMapFunction wrap_lambda"
PIPELINE_SERVICE = "PipelineService PipelineServiceSource PipelineServiceSink PipelineBridge PipelineRequest"

ERA_1 = {
    "sage.core.api": "LocalEnvironment RemoteEnvironment BaseEnvironment DataStream ConnectedStreams MapFunction",
    "sage.core.api.local_environment": "LocalEnvironment",
    "sage.core.api.remote_environment": "RemoteEnvironment",
    **{f"sage.core.api.function.{module}": name for module, name in FUNCTIONS.items()},
    "sage.core.api.function.flatmap_collector": "Collector",
    "sage.core.api.function.lambda_function": "wrap_lambda LambdaMapFunction",
    "sage.core.api.function.simple_batch_function": (
        "SimpleBatchIteratorFunction FileBatchIteratorFunction RangeBatchIteratorFunction "
        "GeneratorBatchIteratorFunction IterableBatchIteratorFunction"
    ),
    "sage.core.api.function.future_function": "FutureFunction",
    "sage.core.api.function.kafka_source": "KafkaSourceFunction",
    "sage.core.api.service.base_service": "BaseService",
    "sage.core.communication.metronome": "create_metronome",
    "sage.core.communication.stop_signal": "StopSignal",
    "sage.core.communication.packet": "Packet",
    "sage.kernel.runtime.communication.router.packet": "StopSignal Packet",
    "sage.core.operator.base_operator": "BaseOperator",
    "sage.kernel.jobmanager.job_manager": "JobManager",
    "sage.kernel.jobmanager.job_info": "JobInfo",
    "sage.kernel.jobmanager.jobmanager_client": "JobManagerClient",
    "sage.common.utils.logging.custom_logger": "CustomLogger",
    "sage.common.utils.config.loader": "load_config",
    "sage.common.config.output_paths": "get_output_file get_sage_paths",
    "sage.core.api.function.keyby_function": "KeyByFunction FieldKeyByFunction",
    "sage.core.api.function.join_function": "BaseJoinFunction UserOrderInnerJoin",
    **{
        f"{core}.function.{module}": name
        for core in ("sage_core", "sage.core")
        for module, name in {**FUNCTIONS, "source_function": "SourceFunction StopSignal"}.items()
    },
    "sage_core.api.env": "LocalEnvironment RemoteEnvironment LocalStreamingEnvironment",
    "sage.api.env": "LocalEnvironment",
    "sage.utils.logging.custom_logger": "CustomLogger",
    "sage_utils.config_loader": "load_config",
    "sage_common_funs.io.sink": SINKS,
    **{
        f"sage.{libs}.io_utils.{module}": names
        for libs in ("lib", "libs")
        for module, names in {"sink": SINKS, "source": "FileSource SocketSource", "batch": BATCHES}.items()
    },
}
ERA_2 = {
    "sage.kernel": (
        "JobManager JobManagerClient LocalEnvironment FlownetEnvironment FluttyEnvironment create submit run call"
    ),
    "sage.kernel.api": "LocalEnvironment RemoteEnvironment FlownetEnvironment FluttyEnvironment",
    "sage.kernel.api.flutty_environment": "FluttyEnvironment",
    "sage.kernel.flow_decorator": "flow",
    "sage.platform.service": "BaseService",
    "sage.common.service": "BaseService",
    "sage.common.core.data_types": "BaseDocument",
    "sage.kernel.api.local_environment": "LocalEnvironment",
    "sage.kernel.api.remote_environment": "RemoteEnvironment",
    "sage.kernel.api.flownet_environment": "FlownetEnvironment",
    "sage.kernel.api.base_environment": "BaseEnvironment",
    "sage.kernel.api.datastream": "DataStream",
    "sage.kernel.api.connected_streams": "ConnectedStreams",
    "sage.kernel.api.function.simple_batch_function": "SimpleBatchIteratorFunction IterableBatchIteratorFunction",
    "sage.kernel.api.service": f"BaseService {PIPELINE_SERVICE}",
    "sage.kernel.api.service.base_service": "BaseService",
    **{f"sage.common.core.functions.{module}": name for module, name in FUNCTIONS.items()},
    "sage.common.core.functions": f"{BASES} {HELPERS}",
    "sage.common.core": f"{BASES} {HELPERS} StopSignal BaseDocument ExceptionDecision",
    "sage.common.core.functions.keyby_function": "KeyByFunction FieldKeyByFunction",
    "sage.common.core.functions.join_function": "BaseJoinFunction UserOrderInnerJoin",
    "sage.common.core.signals": "StopSignal",
    "sage.kernel.runtime.communication.packet": "StopSignal Packet",
    "sage.kernel.facade": "create submit run call",
    "sage.kernel.flow": (
        "ExceptionContext ExceptionDecision ExceptionEvent FlowDefinitionError FlowException "
        "flow_exception_handler register_exception_handler_hook"
    ),
    "sage.common.core.flow_exceptions": "ExceptionContext ExceptionDecision ExceptionEvent",
    "sage.kernel.runtime.monitoring": "MetricsCollector MetricsReporter ResourceMonitor RESOURCE_MONITOR_AVAILABLE",
    "sage.kernel.scheduler.api": "BaseScheduler",
    "sage.kernel.scheduler.decision": "PlacementDecision",
    "sage.kernel.scheduler.impl": (
        "FIFOScheduler LoadAwareScheduler RandomScheduler RoundRobinScheduler PriorityScheduler get_scheduler"
    ),
    "sage.kernel.scheduler.node_selector": "NodeSelector",
    "sage.kernel.fault_tolerance.base": "BaseFaultHandler",
    "sage.kernel.utils.ray.ray_utils": "ensure_ray_initialized",
    "sage.common.config.ports": "SagePorts",
    **{
        f"{package}.{module}": names
        for package in ("sage.libs.io", "sage.libs.foundation.io")
        for module, names in {"sink": SINKS, "source": SOURCES, "batch": BATCHES}.items()
    },
}
ERA_3 = {
    "sage.runtime": (
        "LocalEnvironment FlowNetEnvironment FluttyEnvironment BaseService StopSignal Packet JobManager BaseScheduler "
        "FIFOScheduler LoadAwareScheduler NodeSelector PlacementDecision PipelineCompiler CompiledActorGraph "
        "get_runtime_backend"
    ),
    "sage.foundation": (
        f"{BASES} FutureFunction Collector wrap_lambda CustomLogger PrintSink SagePorts SageUserPaths get_user_paths"
    ),
    "sage.stream": "DataStream ConnectedStreams",
    "sage.stream._runtime_kernel_types": "Packet StopSignal",
    "sage.runtime.exception_hooks": ("register_kernel_exception_handler_hook get_registered_exception_handler_hook"),
}


@pytest.mark.usefixtures("served")
@pytest.mark.parametrize(
    ("era", "module", "name"),
    [
        (era, module, name)
        for era, table in enumerate((ERA_1, ERA_2, ERA_3), 1)
        for module, names in table.items()
        for name in names.split()
    ],
)
def test_a_name_is_at_its_address(era: int, module: str, name: str) -> None:
    assert hasattr(importlib.import_module(module), name)
