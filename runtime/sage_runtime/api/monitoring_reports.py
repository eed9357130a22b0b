"""Era 2's reports on a `MetricsCollector`, and this process's use of processor and memory where psutil is installed."""

from __future__ import annotations

import csv
import io
import json
import threading
import time
from collections import deque
from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from sage_runtime.api.monitoring import MetricsCollector, TaskPerformanceMetrics

RESOURCE_MONITOR_AVAILABLE = find_spec("psutil") is not None

_MEGABYTE = 1024 * 1024
_JOIN_SECONDS = 5.0
_RULE = "=" * 80


class _Repeating:
    """Something done again and again on a thread of its own. `start` and `stop` belong to one thread."""

    def __init__(self, name: str, action: Callable[[], None], seconds: float) -> None:
        self._name, self._action, self._seconds = name, action, seconds
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def running(self) -> bool:
        """Whether it has been started and not been stopped."""
        return self._thread is not None

    def start(self) -> None:
        """Begin, unless it runs."""
        if self._thread is None:
            self._stopped.clear()
            self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """End it, if it runs."""
        if self._thread is not None:
            self._stopped.set()
            self._thread.join(_JOIN_SECONDS)
            self._thread = None

    def _run(self) -> None:
        while not self._stopped.is_set():
            self._action()
            self._stopped.wait(self._seconds)


class _ResourceMonitor:
    """Samples the processor time (percent of one core) and memory (megabytes) of this process on a thread.

    The last `sample_window` samples are kept: (time, value) in `cpu_samples` and `memory_samples`.
    """

    def __init__(
        self, sampling_interval: float = 1.0, sample_window: int = 60, enable_auto_start: bool = False
    ) -> None:
        self.sampling_interval = sampling_interval
        self.sample_window = sample_window
        self.cpu_samples: deque[tuple[float, float]] = deque(maxlen=sample_window)
        self.memory_samples: deque[tuple[float, float]] = deque(maxlen=sample_window)
        self._psutil: Any = import_module("psutil")
        self._process: Any = self._psutil.Process()
        self._sampling = _Repeating("ResourceMonitor", self._sample, sampling_interval)
        if enable_auto_start:
            self.start_monitoring()

    def start_monitoring(self) -> None:
        """Begin to sample."""
        self._sampling.start()

    def stop_monitoring(self) -> None:
        """Sample no more."""
        self._sampling.stop()

    def __enter__(self) -> _ResourceMonitor:
        self.start_monitoring()
        return self

    def __exit__(self, *error: object) -> None:
        self.stop_monitoring()

    def _sample(self) -> None:
        now = time.time()
        self.cpu_samples.append((now, self._process.cpu_percent(interval=None)))
        self.memory_samples.append((now, self._process.memory_info().rss / _MEGABYTE))

    def get_current_usage(self) -> tuple[float, float]:
        """The last sample, or one taken now: processor percent and megabytes."""
        if self.cpu_samples and self.memory_samples:
            return self.cpu_samples[-1][1], self.memory_samples[-1][1]
        return self._process.cpu_percent(interval=0.1), self._process.memory_info().rss / _MEGABYTE

    def get_average_usage(self, time_window: float | None = None) -> tuple[float, float]:
        """The mean of the samples of the last `time_window` seconds, of all by default; zeros of none."""
        cpu, memory = self._recent(time_window)
        return (sum(cpu) / len(cpu), sum(memory) / len(memory)) if cpu and memory else (0.0, 0.0)

    def get_peak_usage(self, time_window: float | None = None) -> tuple[float, float]:
        """The most of the samples of the last `time_window` seconds, of all by default; zeros of none."""
        cpu, memory = self._recent(time_window)
        return max(cpu, default=0.0), max(memory, default=0.0)

    def get_system_wide_usage(self) -> tuple[float, float, float]:
        """The machine's processor and memory percent, and the megabytes that are free."""
        memory = self._psutil.virtual_memory()
        return self._psutil.cpu_percent(interval=0.1), memory.percent, memory.available / _MEGABYTE

    def get_summary(self) -> dict[str, Any]:
        """All of it."""
        usages = {
            "current": self.get_current_usage(),
            "average": self.get_average_usage(),
            "peak": self.get_peak_usage(),
        }
        cpu, share, free = self.get_system_wide_usage()
        return {
            "process": {name: {"cpu_percent": pair[0], "memory_mb": pair[1]} for name, pair in usages.items()},
            "system": {"cpu_percent": cpu, "memory_percent": share, "memory_available_mb": free},
            "monitoring": {
                "running": self._sampling.running,
                "sample_count": len(self.cpu_samples),
                "sampling_interval": self.sampling_interval,
            },
        }

    def _recent(self, seconds: float | None) -> tuple[list[float], list[float]]:
        since = time.time() - seconds if seconds else 0.0
        cpu, memory = list(self.cpu_samples), list(self.memory_samples)
        return [value for at, value in cpu if at >= since], [value for at, value in memory if at >= since]


_ResourceMonitor.__name__ = _ResourceMonitor.__qualname__ = "ResourceMonitor"
ResourceMonitor: type[_ResourceMonitor] | None = _ResourceMonitor if RESOURCE_MONITOR_AVAILABLE else None
"""None where psutil is not installed, as in SAGE."""


class MetricsReporter:
    """Reports on a collector, on demand or to `report_callback` every `report_interval` seconds."""

    def __init__(
        self,
        metrics_collector: MetricsCollector,
        resource_monitor: _ResourceMonitor | None = None,
        report_interval: float = 60,
        enable_auto_report: bool = False,
        report_callback: Callable[[str], None] | None = None,
    ) -> None:
        self.metrics_collector = metrics_collector
        self.resource_monitor = resource_monitor
        self.report_interval = report_interval
        self.report_callback = report_callback
        self._reporting = _Repeating("MetricsReporter", self._report, report_interval)
        if enable_auto_report:
            self.start_reporting()

    def start_reporting(self) -> None:
        """Begin to report."""
        self._reporting.start()

    def stop_reporting(self) -> None:
        """Report no more."""
        self._reporting.stop()

    def _report(self) -> None:
        report = self.generate_report(format="human")
        if self.report_callback is not None:
            self.report_callback(report)

    def generate_report(self, format: str = "json") -> str:  # noqa: A002 - SAGE's name
        """A report in the format json, prometheus, csv or human.

        Raises:
            ValueError: another format.
        """
        metrics = self.metrics_collector.get_real_time_metrics()
        if self.resource_monitor is not None:
            metrics.cpu_usage_percent, metrics.memory_usage_mb = self.resource_monitor.get_current_usage()
        if format not in _FORMATS:
            raise ValueError(f"Unsupported format: {format}")
        return _FORMATS[format](metrics)


def _json(metrics: TaskPerformanceMetrics) -> str:
    return json.dumps(metrics.to_dict(), indent=2)


def _csv(metrics: TaskPerformanceMetrics) -> str:
    row = {
        "timestamp": metrics.timestamp,
        "task_name": metrics.task_name,
        "uptime": metrics.uptime,
        "total_processed": metrics.total_packets_processed,
        "total_failed": metrics.total_packets_failed,
        "tps": metrics.packets_per_second,
        "min_latency_ms": metrics.min_latency,
        "max_latency_ms": metrics.max_latency,
        "avg_latency_ms": metrics.avg_latency,
        "p50_latency_ms": metrics.p50_latency,
        "p95_latency_ms": metrics.p95_latency,
        "p99_latency_ms": metrics.p99_latency,
        "cpu_percent": metrics.cpu_usage_percent,
        "memory_mb": metrics.memory_usage_mb,
        "queue_depth": metrics.input_queue_depth,
    }
    text = io.StringIO()
    writer = csv.DictWriter(text, row)
    writer.writeheader()
    writer.writerow(row)
    return text.getvalue()


def _prometheus(metrics: TaskPerformanceMetrics) -> str:
    task = f'task="{metrics.task_name}"'
    quantiles = {"0.5": metrics.p50_latency, "0.95": metrics.p95_latency, "0.99": metrics.p99_latency}
    families: tuple[tuple[str, str, str, dict[str, float]], ...] = (
        ("uptime_seconds", "gauge", "Task uptime in seconds", {task: metrics.uptime}),
        ("packets_processed_total", "counter", "Total packets processed", {task: metrics.total_packets_processed}),
        ("packets_failed_total", "counter", "Total packets failed", {task: metrics.total_packets_failed}),
        (
            "throughput_pps",
            "gauge",
            "Current throughput in packets per second",
            {task: metrics.packets_per_second},
        ),
        (
            "latency_milliseconds",
            "summary",
            "Task latency in milliseconds",
            {f'{task},quantile="{share}"': value for share, value in quantiles.items()},
        ),
        ("cpu_percent", "gauge", "CPU usage percentage", {task: metrics.cpu_usage_percent}),
        ("memory_megabytes", "gauge", "Memory usage in megabytes", {task: metrics.memory_usage_mb}),
        ("queue_depth", "gauge", "Current queue depth", {task: metrics.input_queue_depth}),
    )
    lines = []
    for family, kind, meaning, values in families:
        name = f"sage_task_{family}"
        lines += [f"# HELP {name} {meaning}", f"# TYPE {name} {kind}"]
        lines += [f"{name}{{{labels}}} {value}" for labels, value in values.items()]
    return "\n".join(lines)


def _human(metrics: TaskPerformanceMetrics) -> str:
    done = metrics.total_packets_processed
    succeeded = 100 * (done - metrics.total_packets_failed) / done if done else 0
    at = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(metrics.timestamp))
    sections = {
        "Throughput": {
            "Total Processed": f"{done}",
            "Total Failed": f"{metrics.total_packets_failed}",
            "Success Rate": f"{succeeded:.2f}%",
            "Current TPS": f"{metrics.packets_per_second:.2f}",
            "Last Minute TPS": f"{metrics.last_minute_tps:.2f}",
            "Last 5min TPS": f"{metrics.last_5min_tps:.2f}",
            "Last Hour TPS": f"{metrics.last_hour_tps:.2f}",
        },
        "Latency (milliseconds)": {
            name.capitalize(): f"{getattr(metrics, f'{name}_latency'):.2f}"
            for name in ("min", "max", "avg", "p50", "p95", "p99")
        },
        "Resources": {"CPU": f"{metrics.cpu_usage_percent:.2f}%", "Memory": f"{metrics.memory_usage_mb:.2f} MB"},
        "Queue": {
            "Depth": f"{metrics.input_queue_depth}",
            "Avg Wait Time": f"{metrics.input_queue_avg_wait_time:.2f} ms",
        },
        "Errors": {name: f"{count}" for name, count in metrics.error_breakdown.items()},
    }
    lines = [_RULE, f"Performance Report: {metrics.task_name}", _RULE, f"Timestamp: {at}"]
    lines += [f"Uptime: {metrics.uptime:.2f}s", ""]
    for title, values in sections.items():
        if values:
            lines += [f"{title}:", *(f"  {name}: {value}" for name, value in values.items()), ""]
    return "\n".join([*lines, _RULE])


_FORMATS: dict[str, Callable[[TaskPerformanceMetrics], str]] = {
    "json": _json,
    "prometheus": _prometheus,
    "csv": _csv,
    "human": _human,
}
