"""Era 2's counters for scripts that measure themselves (`sage.kernel.runtime.monitoring`).

Here they count only what a script records with them; what the engine measures is in the events. Uptimes, waits and
execution times are in seconds, latencies and response times in milliseconds, rates per second.
"""

from __future__ import annotations

import threading
import time
import uuid
from collections import deque
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import timedelta
from typing import Any

_WINDOWS = (60.0, 300.0, 3600.0)
"""Seconds over which the last minute's, five minutes' and hour's rates are taken."""


@dataclass
class _Timed:
    """What a packet and a request have in common."""

    arrival_time: float = field(default_factory=time.time, kw_only=True)
    processing_start_time: float | None = field(default=None, kw_only=True)
    processing_end_time: float | None = field(default=None, kw_only=True)
    queue_wait_time: float = field(default=0.0, kw_only=True)
    execution_time: float = field(default=0.0, kw_only=True)
    success: bool = field(default=True, kw_only=True)
    error_type: str | None = field(default=None, kw_only=True)

    def calculate_times(self) -> None:
        """How long it waited and was worked on, as far as its times are known."""
        if self.processing_start_time is not None:
            self.queue_wait_time = self.processing_start_time - self.arrival_time
            if self.processing_end_time is not None:
                self.execution_time = self.processing_end_time - self.processing_start_time

    def to_dict(self) -> dict[str, Any]:
        """Its fields."""
        return asdict(self)


@dataclass
class PacketMetrics(_Timed):
    """One packet; its size is in whatever the script counts."""

    packet_id: str
    packet_size: int = field(default=0, kw_only=True)


@dataclass
class ServiceRequestMetrics(_Timed):
    """One request to a service."""

    request_id: str
    method_name: str
    request_size: int = field(default=0, kw_only=True)
    response_size: int = field(default=0, kw_only=True)


@dataclass
class TaskPerformanceMetrics:
    """What a task did so far."""

    task_name: str
    uptime: float = 0.0
    total_packets_processed: int = 0
    total_packets_failed: int = 0
    packets_per_second: float = 0.0
    min_latency: float = 0.0
    max_latency: float = 0.0
    avg_latency: float = 0.0
    p50_latency: float = 0.0
    p95_latency: float = 0.0
    p99_latency: float = 0.0
    input_queue_depth: int = 0
    input_queue_avg_wait_time: float = 0.0
    cpu_usage_percent: float = 0.0
    memory_usage_mb: float = 0.0
    error_breakdown: dict[str, int] = field(default_factory=dict)
    last_minute_tps: float = 0.0
    last_5min_tps: float = 0.0
    last_hour_tps: float = 0.0
    timestamp: float = field(default_factory=time.time)

    def to_dict(self) -> dict[str, Any]:
        """The same in groups."""
        return {
            "task_name": self.task_name,
            "uptime": self.uptime,
            "total_packets_processed": self.total_packets_processed,
            "total_packets_failed": self.total_packets_failed,
            "packets_per_second": self.packets_per_second,
            "latency": {f"{name}_ms": getattr(self, f"{name}_latency") for name in _QUANTITIES},
            "queue": {"input_depth": self.input_queue_depth, "avg_wait_time_ms": self.input_queue_avg_wait_time},
            "resource": {"cpu_percent": self.cpu_usage_percent, "memory_mb": self.memory_usage_mb},
            "errors": {"breakdown": self.error_breakdown, "total": self.total_packets_failed},
            "throughput": {
                "current_tps": self.packets_per_second,
                "last_minute_tps": self.last_minute_tps,
                "last_5min_tps": self.last_5min_tps,
                "last_hour_tps": self.last_hour_tps,
            },
            "timestamp": self.timestamp,
        }


_QUANTITIES = ("min", "max", "avg", "p50", "p95", "p99")


@dataclass
class _ResponseTimes:
    """The response times of a method or a service; the least is infinite while there is none."""

    min_response_time: float = field(default=float("inf"), kw_only=True)
    max_response_time: float = field(default=0.0, kw_only=True)
    avg_response_time: float = field(default=0.0, kw_only=True)
    p50_response_time: float = field(default=0.0, kw_only=True)
    p95_response_time: float = field(default=0.0, kw_only=True)
    p99_response_time: float = field(default=0.0, kw_only=True)

    def response_times(self) -> dict[str, float]:
        """Them by name; the least is 0 while there is none."""
        times = {f"{name}_ms": getattr(self, f"{name}_response_time") for name in _QUANTITIES}
        return {name: 0.0 if value == float("inf") else value for name, value in times.items()}


@dataclass
class MethodMetrics(_ResponseTimes):
    """What a service's method did so far."""

    method_name: str
    total_requests: int = 0
    total_failures: int = 0

    def to_dict(self) -> dict[str, Any]:
        """The same in groups."""
        return {
            "method_name": self.method_name,
            "total_requests": self.total_requests,
            "total_failures": self.total_failures,
            "response_time": self.response_times(),
        }


@dataclass
class ServicePerformanceMetrics(_ResponseTimes):
    """What a service did so far."""

    service_name: str
    uptime: float = 0.0
    total_requests_processed: int = 0
    total_requests_failed: int = 0
    requests_per_second: float = 0.0
    method_metrics: dict[str, MethodMetrics] = field(default_factory=dict)
    request_queue_depth: int = 0
    request_queue_avg_wait_time: float = 0.0
    response_queue_depths: dict[str, int] = field(default_factory=dict)
    cpu_usage_percent: float = 0.0
    memory_usage_mb: float = 0.0
    error_breakdown: dict[str, int] = field(default_factory=dict)
    concurrent_requests: int = 0
    max_concurrent_requests: int = 0
    last_minute_rps: float = 0.0
    last_5min_rps: float = 0.0
    last_hour_rps: float = 0.0
    timestamp: float = field(default_factory=time.time)

    def to_dict(self) -> dict[str, Any]:
        """The same in groups."""
        return {
            "service_name": self.service_name,
            "uptime": self.uptime,
            "total_requests_processed": self.total_requests_processed,
            "total_requests_failed": self.total_requests_failed,
            "requests_per_second": self.requests_per_second,
            "response_time": self.response_times(),
            "queue": {
                "request_depth": self.request_queue_depth,
                "request_avg_wait_time_ms": self.request_queue_avg_wait_time,
                "response_depths": self.response_queue_depths,
            },
            "resource": {"cpu_percent": self.cpu_usage_percent, "memory_mb": self.memory_usage_mb},
            "errors": {"breakdown": self.error_breakdown, "total": self.total_requests_failed},
            "concurrency": {"current": self.concurrent_requests, "max": self.max_concurrent_requests},
            "throughput": {
                "current_rps": self.requests_per_second,
                "last_minute_rps": self.last_minute_rps,
                "last_5min_rps": self.last_5min_rps,
                "last_hour_rps": self.last_hour_rps,
            },
            "methods": {name: metrics.to_dict() for name, metrics in self.method_metrics.items()},
            "timestamp": self.timestamp,
        }


class MetricsCollector:
    """Counts and times the packets (with a method's name: requests) of a task. Any thread calls it.

    The last `window_size` of them are kept in `packet_metrics`, unless detailed tracking is off.
    """

    def __init__(
        self,
        name: str,
        window_size: int = 10000,
        retention_period: timedelta = timedelta(hours=24),
        enable_detailed_tracking: bool = True,
    ) -> None:
        self.name = name
        self.window_size = window_size
        self.retention_period = retention_period
        self.enable_detailed_tracking = enable_detailed_tracking
        self._lock = threading.Lock()
        self.reset_metrics()

    def reset_metrics(self) -> None:
        """Begin anew."""
        with self._lock:
            self.packet_metrics: deque[PacketMetrics | ServiceRequestMetrics] = deque(maxlen=self.window_size)
            self._under_way: dict[str, PacketMetrics | ServiceRequestMetrics] = {}
            self._processed = self._failed = 0
            self._errors: dict[str, int] = {}
            self._ends: deque[float] = deque()
            self._began = time.time()

    def record_packet_start(
        self, packet_id: str | None = None, packet_size: int = 0, method_name: str | None = None
    ) -> str:
        """Work on a packet begins; returns its id."""
        if packet_id is None:
            packet_id = str(uuid.uuid4())
        now = time.time()
        packet: PacketMetrics | ServiceRequestMetrics
        if method_name:
            packet = ServiceRequestMetrics(packet_id, method_name, arrival_time=now, request_size=packet_size)
        else:
            packet = PacketMetrics(packet_id, arrival_time=now, packet_size=packet_size)
        packet.processing_start_time = now
        if self.enable_detailed_tracking:
            with self._lock:
                self._under_way[packet_id] = packet
        return packet_id

    def record_packet_end(
        self, packet_id: str, success: bool = True, error_type: str | None = None, response_size: int = 0
    ) -> None:
        """Work on a packet has ended."""
        with self._lock:
            now = time.time()
            self._processed += 1
            if not success:
                self._failed += 1
                if error_type:
                    self._errors[error_type] = self._errors.get(error_type, 0) + 1
            self._ends.append(now)
            while self._ends[0] < now - _WINDOWS[-1]:
                self._ends.popleft()
            packet = self._under_way.pop(packet_id, None)
            if packet is None:
                return
            packet.processing_end_time, packet.success, packet.error_type = now, success, error_type
            if isinstance(packet, ServiceRequestMetrics):
                packet.response_size = response_size
            packet.calculate_times()
            self.packet_metrics.append(packet)

    def calculate_percentiles(self, values: Sequence[float]) -> dict[str, float]:
        """`p50`, `p95` and `p99` of some values, interpolated; 0 of none."""
        ordered = sorted(values)
        return {name: _quantile(ordered, share) for name, share in (("p50", 0.5), ("p95", 0.95), ("p99", 0.99))}

    def get_real_time_metrics(self) -> TaskPerformanceMetrics:
        """What was done so far."""
        with self._lock:
            now = time.time()
            uptime = now - self._began
            latencies = [1000 * packet.execution_time for packet in self.packet_metrics if packet.execution_time > 0]
            waits = [1000 * packet.queue_wait_time for packet in self.packet_metrics if packet.queue_wait_time > 0]
            rates = [sum(end >= now - seconds for end in self._ends) / seconds for seconds in _WINDOWS]
            quantiles = self.calculate_percentiles(latencies)
            return TaskPerformanceMetrics(
                task_name=self.name,
                uptime=uptime,
                total_packets_processed=self._processed,
                total_packets_failed=self._failed,
                packets_per_second=self._processed / uptime if uptime > 0 else 0.0,
                min_latency=min(latencies, default=0.0),
                max_latency=max(latencies, default=0.0),
                avg_latency=_mean(latencies),
                p50_latency=quantiles["p50"],
                p95_latency=quantiles["p95"],
                p99_latency=quantiles["p99"],
                input_queue_depth=len(self._under_way),
                input_queue_avg_wait_time=_mean(waits),
                error_breakdown=dict(self._errors),
                last_minute_tps=rates[0],
                last_5min_tps=rates[1],
                last_hour_tps=rates[2],
                timestamp=now,
            )

    def get_metrics_history(self, time_range: timedelta | None = None) -> list[PacketMetrics | ServiceRequestMetrics]:
        """The packets that are kept, or those of them that arrived within the last `time_range`."""
        since = 0.0 if time_range is None else time.time() - time_range.total_seconds()
        with self._lock:
            return [packet for packet in self.packet_metrics if packet.arrival_time >= since]

    def get_summary(self) -> dict[str, Any]:
        """The counts."""
        with self._lock:
            succeeded = self._processed - self._failed
            return {
                "name": self.name,
                "uptime_seconds": time.time() - self._began,
                "total_processed": self._processed,
                "total_failed": self._failed,
                "success_rate": succeeded / self._processed if self._processed else 0.0,
                "in_flight": len(self._under_way),
                "error_breakdown": dict(self._errors),
                "samples_collected": len(self.packet_metrics),
            }


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else 0.0


def _quantile(ordered: Sequence[float], share: float) -> float:
    if not ordered:
        return 0.0
    whole, part = divmod((len(ordered) - 1) * share, 1)
    below = ordered[int(whole)]
    above = ordered[min(int(whole) + 1, len(ordered) - 1)]
    return below + (above - below) * part
