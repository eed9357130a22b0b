"""The environments of each era. They differ by their `era` only; everything runs in this process."""

from __future__ import annotations

import logging
from typing import Any

from sage_runtime.api.environment import BaseEnvironment
from sage_runtime.api.eras import ERA_1, ERA_2, ERA_3

_log = logging.getLogger("sage.environment")


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
        """As a local environment's."""
        _log.warning("%s: this remote environment runs here, in this process, not on a cluster", self.name)
        return super().submit(autostop)

    def health_check(self) -> dict[str, Any]:
        """That it is there."""
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
        """As a local environment's."""
        _log.warning("%s: this FlowNet environment runs here, in this process, not on a cluster", self.name)
        return super().submit(autostop)

    def health_check(self) -> list[dict[str, Any]]:
        """The nodes: this one."""
        from dataclasses import asdict

        from sage_runtime.api.scheduling import NodeSelector

        return [asdict(node) for node in NodeSelector().get_all_nodes()]

    def __enter__(self) -> FlowNetEnvironment:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def __repr__(self) -> str:
        state = "running" if self.is_running else "idle"
        return f"{type(self).__name__}(name={self.name!r}, stages={len(self.pipeline)}, state={state!r})"


class FlownetEnvironment(FlowNetEnvironment):
    """SAGE's distributed environment of era 2."""

    era = ERA_2


for _cls, _name in (
    (KernelLocalEnvironment, "LocalEnvironment"),
    (RuntimeLocalEnvironment, "LocalEnvironment"),
    (KernelRemoteEnvironment, "RemoteEnvironment"),
):
    _cls.__name__ = _cls.__qualname__ = _name
