"""SAGE's internals that scripts reach for: the job manager, its client, the pipeline compiler and `BaseOperator`."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, ClassVar

from sage_runtime.api.transformations import BaseTransformation, Environment

if TYPE_CHECKING:
    from sage_runtime.engine.protocol import JobHandle

_STATUS = {"running": "running", "finished": "stopped", "stopped": "stopped", "failed": "failed"}
"""SAGE calls a job that has ended by itself stopped."""


class JobInfo:
    """One submit of one environment. `status` is running, stopped or failed."""

    def __init__(self, uuid: str, environment: Environment, job: JobHandle, *, autostop: bool = False) -> None:
        self.uuid = uuid
        self.environment = environment
        self.job = job
        self.name = environment.name
        self.pipeline_size = len(environment.pipeline)
        self.autostop = autostop
        self.started = time.time()
        self.completed: float | None = None
        self.node_stop_signals: list[str] = []

    @property
    def status(self) -> str:
        """The job's state in SAGE's words."""
        return _STATUS[self.job.status]

    @property
    def error(self) -> str | None:
        """What failed it, if it did."""
        return None if self.job.failure is None else str(self.job.failure)

    @property
    def dispatcher(self) -> SimpleNamespace:
        """The names of its running replicas (`tasks`) and services."""
        live, graph = not self.job.ended, self.job.graph
        tasks = [f"{step.name}_{index}" for step in graph.operators for index in range(step.parallelism)]
        services = [service.name for service in graph.services]
        return SimpleNamespace(tasks=tasks if live else [], services=services if live else [], is_running=live)

    def note_end(self) -> None:
        """Keep when the job was first seen to have ended."""
        if self.completed is None and self.job.status != "running":
            self.completed = time.time()

    def get_status(self) -> dict[str, Any]:
        """Its status: era 3's fields, plus the name and the running time in seconds that earlier eras have."""
        self.note_end()
        status = self.status
        return {
            "success": status != "failed",
            "uuid": self.uuid,
            "status": status,
            "name": self.name,
            "env_name": self.name,
            "pipeline_size": self.pipeline_size,
            "autostop": self.autostop,
            "created_at": self.started,
            "started_at": self.started,
            "completed_at": self.completed,
            "error": self.error,
            "running": status == "running",
            "is_running": status == "running",
            "runtime": (self.completed or time.time()) - self.started,
            "node_stop_signals": list(self.node_stop_signals),
        }


class JobManager:
    """All jobs of this process, in `jobs` by id. There is one: calling the class gives it, from any thread."""

    instance: ClassVar[JobManager | None] = None
    _lock = threading.Lock()
    jobs: dict[str, JobInfo]
    deleted_jobs: dict[str, dict[str, Any]]

    def __new__(cls, *args: Any, **kwargs: Any) -> JobManager:
        with cls._lock:
            if cls.instance is None:
                cls.instance = super().__new__(cls)
                cls.instance.jobs = {}
                cls.instance.deleted_jobs = {}
            return cls.instance

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Accept the daemon's options (host, port and the like) and ignore them."""

    @classmethod
    def get_instance(cls) -> JobManager:
        """The job manager."""
        return cls()

    @property
    def handle(self) -> JobManager:
        """The job manager itself, for scripts that expect an actor handle."""
        return self

    def add(self, uuid: str, environment: Environment, job: JobHandle, *, autostop: bool = False) -> JobInfo:
        """Register a submitted job."""
        info = self.jobs[uuid] = JobInfo(uuid, environment, job, autostop=autostop)
        return info

    def submit_job(self, env: Environment, autostop: bool = False) -> str:
        """Submit an environment's pipeline; the id of the submit. Raises what `submit` raises."""
        return env.submit(autostop=autostop)

    def get_job_status(self, env_uuid: str) -> dict[str, Any]:
        """The status of a job, `not_found` if there is none with that id."""
        info = self.jobs.get(env_uuid)
        return _not_found(env_uuid) if info is None else info.get_status()

    def pause_job(self, env_uuid: str) -> dict[str, Any]:
        """Stop a job (SAGE's word is pause): its sources end, what is in flight is delivered."""
        info = self.jobs.get(env_uuid)
        if info is None:
            return _not_found(env_uuid)
        info.job.stop(drain=True)
        return {"uuid": env_uuid, "status": "stopped", "message": "Job stopped successfully"}

    stop_job = pause_job

    def continue_job(self, env_uuid: str) -> dict[str, Any]:
        """Always refused: a job that was stopped has ended."""
        return {"uuid": env_uuid, "status": "unsupported", "message": "a stopped job cannot be continued; submit again"}

    resume_job = continue_job

    def delete_job(self, env_uuid: str, force: bool = False) -> dict[str, Any]:
        """Forget a job; one that runs is stopped first with `force`, else kept."""
        info = self.jobs.get(env_uuid)
        if info is None:
            return _not_found(env_uuid)
        if info.status == "running":
            if not force:
                return {"uuid": env_uuid, "status": "running", "message": "the job runs; force=True stops it first"}
            info.job.stop(drain=True)
        self.deleted_jobs[env_uuid] = info.get_status()
        del self.jobs[env_uuid]
        return {"uuid": env_uuid, "status": "deleted", "message": "Job deleted successfully"}

    def receive_node_stop_signal(self, env_uuid: str, node_name: str) -> dict[str, Any]:
        """Note it in the job's status, and nothing else: ends travel through the streams."""
        info = self.jobs.get(env_uuid)
        if info is None:
            return _not_found(env_uuid)
        info.node_stop_signals.append(node_name)
        return {"uuid": env_uuid, "status": "success", "message": f"Node stop signal received for {node_name}"}

    def list_jobs(self) -> list[dict[str, Any]]:
        """The status of every job."""
        return [info.get_status() for info in self.jobs.values()]

    def cleanup_all_jobs(self) -> dict[str, Any]:
        """Stop and forget every job."""
        for env_uuid in list(self.jobs):
            self.delete_job(env_uuid, force=True)
        return {"status": "success", "message": "all jobs are stopped"}

    def health_check(self) -> dict[str, Any]:
        """Say that it runs, and how many jobs it knows."""
        return {"status": "healthy", "timestamp": time.time(), "jobs_count": len(self.jobs), "mode": "in-process"}

    get_server_info = health_check

    def shutdown(self) -> None:
        """Stop and forget every job."""
        self.cleanup_all_jobs()


def _asks(name: str) -> Callable[..., Any]:
    """A method that forwards to the job manager of this process."""

    def method(self: JobManagerClient, *args: Any, **kwargs: Any) -> Any:
        return getattr(JobManager(), name)(*args, **kwargs)

    method.__name__ = name
    method.__doc__ = getattr(JobManager, name).__doc__
    return method


class JobManagerClient:
    """The client of SAGE's daemon, which here talks to this process. Host and port are kept and not used.

    Raises:
        ValueError: no port number, or a timeout that is not positive.
    """

    def __init__(self, host: str = "127.0.0.1", port: int = 19001, timeout: float = 600.0) -> None:
        if not 1 <= port <= 65535:
            raise ValueError(f"Port must be between 1 and 65535, got {port}")
        if timeout <= 0:
            raise ValueError(f"Timeout must be positive, got {timeout}")
        self.host = host
        self.port = port
        self.timeout = timeout

    def submit_job(
        self, serialized_data: Any, autostop: bool = False, extra_python_paths: list[str] | None = None
    ) -> Any:
        """Submit an environment. Raises what its `submit` raises.

        Raises:
            ValueError: there is no data.
            RuntimeError: the data is serialized, for SAGE's daemon, which does not exist here.
        """
        if serialized_data is None:
            raise ValueError("Serialized data cannot be None")
        if isinstance(serialized_data, bytes):
            if not serialized_data:
                raise ValueError("Serialized data cannot be empty")
            raise RuntimeError("sage-tui has no daemon that takes serialized jobs; env.submit() runs a pipeline")
        return JobManager().submit_job(serialized_data, autostop)


for _name in (
    *("pause_job", "continue_job", "delete_job", "get_job_status", "list_jobs", "cleanup_all_jobs"),
    *("receive_node_stop_signal", "health_check", "get_server_info"),
):
    setattr(JobManagerClient, _name, _asks(_name))


def _not_found(env_uuid: str) -> dict[str, Any]:
    return {
        "success": False,
        "uuid": env_uuid,
        "status": "not_found",
        "message": f"Job with UUID {env_uuid} not found",
    }


class BaseOperator:
    """What SAGE's operators derive from. Here functions are run directly, and no operator object exists."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Accept any arguments and ignore them."""


class CompiledActorGraph:
    """A pipeline that `PipelineCompiler` was given; `submit` runs its environment."""

    def __init__(self, pipeline: Sequence[BaseTransformation]) -> None:
        self.pipeline = list(pipeline)
        self.source_transformations = [step for step in self.pipeline if step.is_spout]

    def submit(self, autostop: bool = False) -> str | None:
        """Submit the environment that the pipeline belongs to; None if it is empty. Raises what its `submit` raises."""
        return self.pipeline[0].env.submit(autostop=autostop) if self.pipeline else None


class PipelineCompiler:
    """Stands in for SAGE's compiler."""

    def compile(self, pipeline: Sequence[BaseTransformation], adapter: Any = None) -> CompiledActorGraph:
        """A pipeline that can be submitted."""
        return CompiledActorGraph(pipeline)
