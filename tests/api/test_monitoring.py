"""Era 2's counters and reports for scripts that measure themselves."""

from __future__ import annotations

import json
import threading
import time
from types import SimpleNamespace

import pytest

from sage_runtime.api import monitoring
from sage_runtime.api.monitoring import (
    RESOURCE_MONITOR_AVAILABLE,
    MetricsCollector,
    MetricsReporter,
    ResourceMonitor,
)


class Clock:
    """A clock that a test sets, in place of `time.time`."""

    now = 1000.0

    def time(self) -> float:
        return self.now

    def __getattr__(self, name: str) -> object:
        return getattr(time, name)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(monitoring, "time", clock)
    return clock


@pytest.fixture
def collector(clock: Clock) -> MetricsCollector:
    """After 4 seconds in which four packets took 1, 2, 3 and 4 ms, and the last one failed."""
    collector = MetricsCollector("task")
    for milliseconds in (1, 2, 3, 4):
        packet = collector.record_packet_start(packet_size=10)
        clock.now += milliseconds / 1000
        failed = milliseconds == 4
        collector.record_packet_end(packet, success=not failed, error_type="Broken" if failed else None)
    clock.now = 1004.0
    return collector


def test_counts_rates_and_latencies(collector: MetricsCollector) -> None:
    metrics = collector.get_real_time_metrics()
    assert (metrics.total_packets_processed, metrics.total_packets_failed) == (4, 1)
    assert metrics.error_breakdown == {"Broken": 1}
    assert (metrics.uptime, metrics.packets_per_second) == (4.0, 1.0)
    assert metrics.min_latency == pytest.approx(1)
    assert metrics.p50_latency == metrics.avg_latency == pytest.approx(2.5)
    assert metrics.p99_latency == pytest.approx(3.97)
    assert metrics.max_latency == pytest.approx(4)


def test_a_summary(collector: MetricsCollector) -> None:
    collector.record_packet_start("open")
    summary = collector.get_summary()
    assert (summary["success_rate"], summary["in_flight"], summary["samples_collected"]) == (0.75, 1, 4)


def test_without_detailed_tracking_packets_are_counted_only(clock: Clock) -> None:
    collector = MetricsCollector("task", enable_detailed_tracking=False)
    collector.record_packet_end(collector.record_packet_start())
    assert (collector.get_summary()["total_processed"], collector.get_summary()["samples_collected"]) == (1, 0)


def test_reports_in_each_format(collector: MetricsCollector) -> None:
    reporter = MetricsReporter(collector)
    assert json.loads(reporter.generate_report())["total_packets_processed"] == 4
    assert 'sage_task_total_packets_failed{task="task"} 1' in reporter.generate_report("prometheus").splitlines()
    human = reporter.generate_report("human").splitlines()
    assert "Performance Report: task" in human
    assert {"  total packets failed: 1.00", "  p50 latency: 2.50", "  Broken: 1"} <= set(human)
    with pytest.raises(ValueError, match="Unsupported format: xml"):
        reporter.generate_report("xml")


@pytest.fixture
def usage(monkeypatch: pytest.MonkeyPatch) -> None:
    """In place of psutil: a process that uses 1, 2, 3 … percent and as many megabytes."""

    class Process:
        percent = 0

        def cpu_percent(self, interval: float | None = None) -> float:
            self.percent += 1
            return float(self.percent)

        def memory_info(self) -> Process:
            self.rss = self.percent * 1024 * 1024
            return self

    monkeypatch.setattr(monitoring, "import_module", lambda name: SimpleNamespace(Process=Process))


@pytest.mark.usefixtures("usage")
def test_samples_have_a_last_a_mean_and_a_peak() -> None:
    monitor = monitoring._ResourceMonitor(sampling_interval=0.001, sample_window=3)
    assert (monitor.get_average_usage(), monitor.get_peak_usage()) == ((0.0, 0.0), (0.0, 0.0))
    assert monitor.get_current_usage() == (1.0, 1.0)
    monitor.start_monitoring()
    while monitor.get_current_usage()[0] < 5:
        threading.Event().wait(0.001)
    monitor.stop_monitoring()
    last = monitor.get_current_usage()[0]
    assert (monitor.get_average_usage()[0], monitor.get_peak_usage()[0]) == (last - 1, last)
    assert "ResourceMonitor" not in {thread.name for thread in threading.enumerate()}


def test_the_monitor_is_none_without_psutil() -> None:
    assert (ResourceMonitor is not None) == RESOURCE_MONITOR_AVAILABLE
