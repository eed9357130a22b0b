"""The job manager as scripts see it: what was submitted in this process, by id."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from sage_runtime.api.environment import BaseEnvironment
    from sage_runtime.engine.protocol import JobHandle

_STATUS = {"running": "running", "finished": "stopped", "stopped": "stopped", "failed": "failed"}
"""SAGE calls a job that has ended by itself stopped."""


class JobInfo:
    """One submit of one environment. `status` is running, stopped or failed."""

    def __init__(self, uuid: str, environment: BaseEnvironment, job: JobHandle) -> None:
        self.uuid = uuid
        self.environment = environment
        self.job = job
        self.name = environment.name
        self.started = time.time()

    @property
    def status(self) -> str:
        """The job's state in SAGE's words."""
        return _STATUS[self.job.status]

    @property
    def error(self) -> str | None:
        """What failed it, if it did."""
        return None if self.job.failure is None else str(self.job.failure)

    def get_status(self) -> dict[str, Any]:
        """Id, name, status and running time (in seconds) of the job."""
        return {
            "success": True,
            "uuid": self.uuid,
            "name": self.name,
            "env_name": self.name,
            "status": self.status,
            "is_running": self.status == "running",
            "runtime": time.time() - self.started,
            "error": self.error,
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
        """Take and ignore the daemon's options: host, port and the like."""

    @classmethod
    def get_instance(cls) -> JobManager:
        """The job manager."""
        return cls()

    @property
    def handle(self) -> JobManager:
        """Itself, for those who expect an actor's handle."""
        return self

    def add(self, uuid: str, environment: BaseEnvironment, job: JobHandle) -> None:
        """Take note of a submitted job."""
        self.jobs[uuid] = JobInfo(uuid, environment, job)

    def submit_job(self, env: BaseEnvironment, autostop: bool = False) -> str:
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
        """Accepted and ignored: ends travel through the streams."""
        return {"uuid": env_uuid, "status": "success", "message": f"{node_name} has ended"}

    def list_jobs(self) -> list[dict[str, Any]]:
        """The status of every job."""
        return [info.get_status() for info in self.jobs.values()]

    def cleanup_all_jobs(self) -> dict[str, Any]:
        """Stop and forget every job."""
        for env_uuid in list(self.jobs):
            self.delete_job(env_uuid, force=True)
        return {"status": "success", "message": "all jobs are stopped"}

    def health_check(self) -> dict[str, Any]:
        """That it is there, and how many jobs it knows."""
        return {"status": "success", "timestamp": time.time(), "jobs_count": len(self.jobs), "mode": "in-process"}

    get_server_info = health_check

    def shutdown(self) -> None:
        """Stop and forget every job."""
        self.cleanup_all_jobs()


class JobManagerClient:
    """The client of SAGE's daemon: here, of this process. Host and port are kept and not used."""

    def __init__(self, host: str = "127.0.0.1", port: int = 19001, timeout: float = 600.0) -> None:
        self.host = host
        self.port = port
        self.timeout = timeout

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return getattr(JobManager(), name)


def _not_found(env_uuid: str) -> dict[str, Any]:
    return {
        "success": False,
        "uuid": env_uuid,
        "status": "not_found",
        "message": f"Job with UUID {env_uuid} not found",
    }
