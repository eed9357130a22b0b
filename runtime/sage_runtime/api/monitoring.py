"""Era 2's counters and reports for scripts that measure themselves (`sage.kernel.runtime.monitoring`).

They count only what a script records with them; what the engine measures is in the events. Uptimes are in seconds,
latencies in milliseconds, rates per second, memory in megabytes.
"""

from __future__ import annotations

import json
import threading
import time
from collections import deque
from collections.abc import Sequence
from importlib import import_module
from importlib.util import find_spec
from types import SimpleNamespace
from typing import Any

RESOURCE_MONITOR_AVAILABLE = find_spec("psutil") is not None

_MEGABYTE = 1024 * 1024
_JOIN_SECONDS = 5.0
_RULE = "=" * 80


class MetricsCollector:
    """Counts and times the packets of a task, the last `window_size` of them in detail. Any thread calls it."""

    def __init__(
        self, name: str, window_size: int = 10000, enable_detailed_tracking: bool = True, **kwargs: Any
    ) -> None:
        self.name = name
        self.enable_detailed_tracking = enable_detailed_tracking
        self._lock = threading.Lock()
        self._latencies: deque[float] = deque(maxlen=window_size)
        self._under_way: dict[str, float] = {}
        self._numbered = self._processed = self._failed = 0
        self._errors: dict[str, int] = {}
        self._began = time.time()

    def record_packet_start(self, packet_id: str | None = None, packet_size: int = 0, **kwargs: Any) -> str:
        """Work on a packet begins; returns its id."""
        with self._lock:
            self._numbered += 1
            packet_id = packet_id or f"{self.name}-{self._numbered}"
            if self.enable_detailed_tracking:
                self._under_way[packet_id] = time.time()
        return packet_id

    def record_packet_end(
        self, packet_id: str, success: bool = True, error_type: str | None = None, **kwargs: Any
    ) -> None:
        """Work on a packet has ended."""
        with self._lock:
            self._processed += 1
            self._failed += not success
            if not success and error_type:
                self._errors[error_type] = self._errors.get(error_type, 0) + 1
            began = self._under_way.pop(packet_id, None)
            if began is not None:
                self._latencies.append(1000 * (time.time() - began))

    def get_real_time_metrics(self) -> SimpleNamespace:
        """What has been done so far, by SAGE's names."""
        with self._lock:
            now = time.time()
            uptime = now - self._began
            latencies = sorted(self._latencies)
            return SimpleNamespace(
                task_name=self.name,
                uptime=uptime,
                total_packets_processed=self._processed,
                total_packets_failed=self._failed,
                packets_per_second=self._processed / uptime if uptime > 0 else 0.0,
                min_latency=min(latencies, default=0.0),
                max_latency=max(latencies, default=0.0),
                avg_latency=sum(latencies) / len(latencies) if latencies else 0.0,
                p50_latency=_quantile(latencies, 0.5),
                p95_latency=_quantile(latencies, 0.95),
                p99_latency=_quantile(latencies, 0.99),
                cpu_usage_percent=0.0,
                memory_usage_mb=0.0,
                error_breakdown=dict(self._errors),
                timestamp=now,
            )

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
                "samples_collected": len(self._latencies),
            }


def _quantile(ordered: Sequence[float], share: float) -> float:
    if not ordered:
        return 0.0
    whole, part = divmod((len(ordered) - 1) * share, 1)
    below, above = ordered[int(whole)], ordered[min(int(whole) + 1, len(ordered) - 1)]
    return below + (above - below) * part


class _ResourceMonitor:
    """Samples the processor time (percent of one core) and memory of this process, on a thread of its own.

    `start_monitoring` and `stop_monitoring` belong to one thread. The last `sample_window` samples are kept.
    """

    def __init__(
        self, sampling_interval: float = 1.0, sample_window: int = 60, enable_auto_start: bool = False
    ) -> None:
        self.sampling_interval = sampling_interval
        self._samples: deque[tuple[float, float]] = deque(maxlen=sample_window)
        self._process: Any = import_module("psutil").Process()
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None
        if enable_auto_start:
            self.start_monitoring()

    def start_monitoring(self) -> None:
        """Begin to sample, unless it does already."""
        if self._thread is None:
            self._stopped.clear()
            self._thread = threading.Thread(target=self._run, name="ResourceMonitor", daemon=True)
            self._thread.start()

    def stop_monitoring(self) -> None:
        """Sample no more."""
        if self._thread is not None:
            self._stopped.set()
            self._thread.join(_JOIN_SECONDS)
            self._thread = None

    def _run(self) -> None:
        while not self._stopped.is_set():
            self._samples.append(self._sample(None))
            self._stopped.wait(self.sampling_interval)

    def _sample(self, interval: float | None) -> tuple[float, float]:
        return self._process.cpu_percent(interval=interval), self._process.memory_info().rss / _MEGABYTE

    def get_current_usage(self) -> tuple[float, float]:
        """The last sample, or one taken now: processor percent and megabytes."""
        samples = list(self._samples)
        return samples[-1] if samples else self._sample(0.1)

    def get_average_usage(self) -> tuple[float, float]:
        """The mean of the samples; zeros of none."""
        samples = list(self._samples) or [(0.0, 0.0)]
        return sum(cpu for cpu, _ in samples) / len(samples), sum(memory for _, memory in samples) / len(samples)

    def get_peak_usage(self) -> tuple[float, float]:
        """The most of the samples; zeros of none."""
        samples = list(self._samples) or [(0.0, 0.0)]
        return max(cpu for cpu, _ in samples), max(memory for _, memory in samples)


_ResourceMonitor.__name__ = _ResourceMonitor.__qualname__ = "ResourceMonitor"
ResourceMonitor: type[_ResourceMonitor] | None = _ResourceMonitor if RESOURCE_MONITOR_AVAILABLE else None
"""None where psutil is not installed, as in SAGE."""


class MetricsReporter:
    """Reports on a collector, on demand."""

    def __init__(
        self, metrics_collector: MetricsCollector, resource_monitor: _ResourceMonitor | None = None, **kwargs: Any
    ) -> None:
        self.metrics_collector = metrics_collector
        self.resource_monitor = resource_monitor

    def generate_report(self, format: str = "json") -> str:  # noqa: A002 - SAGE's name
        """A report in the format json, prometheus or human.

        Raises:
            ValueError: another format.
        """
        metrics = self.metrics_collector.get_real_time_metrics()
        if self.resource_monitor is not None:
            metrics.cpu_usage_percent, metrics.memory_usage_mb = self.resource_monitor.get_current_usage()
        values = vars(metrics)
        if format == "json":
            return json.dumps(values, indent=2)
        numbers = {name: value for name, value in values.items() if isinstance(value, float | int)}
        if format == "prometheus":
            return "\n".join(f'sage_task_{name}{{task="{metrics.task_name}"}} {n}' for name, n in numbers.items())
        if format == "human":
            lines = [f"  {name.replace('_', ' ')}: {number:.2f}" for name, number in numbers.items()]
            errors = [f"  {name}: {count}" for name, count in metrics.error_breakdown.items()]
            head = [_RULE, f"Performance Report: {metrics.task_name}", _RULE]
            return "\n".join([*head, *lines, *(["Errors:"] if errors else []), *errors, _RULE])
        raise ValueError(f"Unsupported format: {format}")
