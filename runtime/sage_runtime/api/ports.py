"""`SagePorts`: the ports that SAGE's services use by default."""

from __future__ import annotations

import os
import socket
from typing import ClassVar


class SagePorts:
    """Port numbers by service, and which of them are in use on this machine."""

    SAGELLM_GATEWAY: ClassVar[int] = 8889
    GATEWAY_DEFAULT: ClassVar[int] = 8889
    EDGE_DEFAULT: ClassVar[int] = 8899
    SAGELLM_SERVE_PORT: ClassVar[int] = 8901
    SAGELLM_ENGINE_PORT: ClassVar[int] = 8902
    SAGELLM_SERVE_PORT_2: ClassVar[int] = 8903
    SAGELLM_ENGINE_PORT_2: ClassVar[int] = 8904
    LLM_DEFAULT: ClassVar[int] = 8001
    SAGELLM_DEFAULT: ClassVar[int] = 8001
    LLM_SECONDARY: ClassVar[int] = 8002
    LLM_WSL_FALLBACK: ClassVar[int] = 8901
    EMBEDDING_DEFAULT: ClassVar[int] = 8090
    EMBEDDING_SECONDARY: ClassVar[int] = 8091
    STUDIO_BACKEND: ClassVar[int] = 8080
    STUDIO_FRONTEND: ClassVar[int] = 5173
    BENCHMARK_LLM: ClassVar[int] = 8901
    BENCHMARK_EMBEDDING: ClassVar[int] = 8950
    BENCHMARK_API: ClassVar[int] = 8951

    @classmethod
    def get_recommended_llm_port(cls) -> int:
        """The port to start a language model on."""
        return cls.LLM_DEFAULT

    @classmethod
    def get_llm_ports(cls) -> list[int]:
        """The ports to look for a language model on, best first."""
        return [cls.SAGELLM_SERVE_PORT, cls.SAGELLM_SERVE_PORT_2, cls.LLM_DEFAULT, cls.SAGELLM_GATEWAY]

    @classmethod
    def get_embedding_ports(cls) -> list[int]:
        """The ports to look for an embedding service on, best first."""
        return [cls.EMBEDDING_DEFAULT, cls.EMBEDDING_SECONDARY]

    @classmethod
    def get_benchmark_ports(cls) -> list[int]:
        """The ports that benchmarks use."""
        return [cls.BENCHMARK_LLM, cls.BENCHMARK_EMBEDDING, cls.BENCHMARK_API]

    @classmethod
    def is_available(cls, port: int, host: str = "localhost") -> bool:
        """Whether nobody listens on a port."""
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            probe.settimeout(1)
            return probe.connect_ex((host, port)) != 0

    @classmethod
    def find_available_port(cls, start: int = 8900, end: int = 8999) -> int | None:
        """The first port from `start` to `end` that nobody listens on."""
        return next((port for port in range(start, end + 1) if cls.is_available(port)), None)

    @classmethod
    def get_from_env(cls, env_var: str, default: int) -> int:
        """The port in an environment variable, `default` if there is no number in it."""
        value = os.environ.get(env_var, "")
        return int(value) if value.strip().isdecimal() else default

    @classmethod
    def check_port_status(cls, port: int, host: str = "localhost") -> dict[str, object]:
        """Whether somebody listens on a port."""
        available = cls.is_available(port, host)
        return {"port": port, "is_available": available, "is_listening": not available}
